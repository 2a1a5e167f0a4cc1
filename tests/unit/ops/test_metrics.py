"""Numbers are counted under fixed names and shown as Prometheus reads them."""

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock

from snowflake_mcp.ops.exposition import Exposition
from snowflake_mcp.ops.lag import TICK_S, ReactorLag
from snowflake_mcp.ops.metrics import FAMILIES, PREFIX, Distribution, Metrics


def read(metrics: Metrics) -> dict[str, float]:
    """Every sample of the text by name and labels, as a scraper would keep it."""
    text = Exposition(metrics).text().decode()
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counters_add_up_by_label() -> None:
    """And keep their label values apart."""
    metrics = Metrics()
    metrics.count("statements", "ok")
    metrics.count("statements", "ok", by=2)
    metrics.count("statements", "timeout")
    shown = read(metrics)
    assert shown["snowflake_mcp_statements_total outcome=ok"] == 3
    assert shown["snowflake_mcp_statements_total outcome=timeout"] == 1


def test_observations_fall_into_cumulative_buckets() -> None:
    """A value on a bound belongs to that bucket; what is beyond the last is in +Inf."""
    metrics = Metrics()
    for value in (0.001, 0.0011, 99.0):
        metrics.observe("gate_seconds", value)
    shown = read(metrics)
    name = "snowflake_mcp_gate_seconds"
    assert shown[f"{name}_bucket le=0.001"] == 1
    assert shown[f"{name}_bucket le=0.0025"] == 2
    assert shown[f"{name}_bucket le=1.0"] == 2
    assert shown[f"{name}_bucket le=+Inf"] == 3
    assert shown[f"{name}_count"] == 3
    assert shown[f"{name}_sum"] == pytest.approx(99.0021)


def test_watched_numbers_are_asked_for_when_shown() -> None:
    """Not before, and each time anew."""
    metrics = Metrics()
    running = [3.0, 5.0]
    metrics.watch_one("lane_running", lambda: running.pop(0))
    assert read(metrics)["snowflake_mcp_lane_running"] == 3
    assert read(metrics)["snowflake_mcp_lane_running"] == 5


def test_every_family_can_be_shown() -> None:
    """Each with its kind, its help and its labels, under our prefix."""
    metrics = Metrics()
    for name, family in FAMILIES.items():
        labels = tuple(f"l{i}" for i, _ in enumerate(family.labels))
        if family.kind == "histogram":
            metrics.observe(name, 0.1, *labels)
        else:
            metrics.count(name, *labels)
    text = Exposition(metrics).text().decode()
    shown = {family.name: family for family in text_string_to_metric_families(text)}
    for name, family in FAMILIES.items():
        found = shown[PREFIX + name]
        assert (found.type, found.documentation) == (family.kind, family.help)
        assert set(family.labels) <= set(found.samples[0].labels)


def test_the_process_shows_its_own_figures() -> None:
    """Under the names that every Prometheus dashboard knows."""
    shown = read(Metrics())
    assert shown["process_resident_memory_bytes"] > 1 << 20
    assert shown["process_open_fds"] > 0


@pytest.mark.parametrize("labels", [(), ("a", "b")])
def test_labels_must_fit(labels: tuple[str, ...]) -> None:
    """A slip in the code is found by the first test that passes there."""
    with pytest.raises(ValueError, match="split by"):
        Metrics().count("statements", *labels)
    with pytest.raises(ValueError, match="split by"):
        Metrics().observe("request_seconds", 1.0, *labels)


def test_unknown_names_are_refused() -> None:
    """What is counted is in the table, or not at all."""
    uses: tuple[Callable[[Metrics], None], ...] = (
        lambda metrics: metrics.count("nothing"),
        lambda metrics: metrics.observe("nothing", 1.0),
        lambda metrics: metrics.watch_one("nothing", lambda: 0.0),
    )
    for use in uses:
        with pytest.raises(KeyError):
            use(Metrics())


def test_status_sums_by_outcome() -> None:
    """Counters only, over all other labels."""
    metrics = Metrics()
    metrics.count("requests", "tools/call", "http", "ok")
    metrics.count("requests", "tools/list", "stdio", "ok")
    metrics.count("requests", "tools/call", "http", "failed")
    metrics.observe("request_seconds", 1.0, "tools/call")
    assert metrics.totals() == {"requests": 3, "requests_failed": 1, "requests_ok": 2}


def test_lag_is_what_a_timer_is_late_by() -> None:
    """A reactor in time has none; one that was held for a while shows it once."""
    clock = Clock()
    metrics = Metrics()
    lag = ReactorLag(clock, metrics)
    lag.startService()
    clock.advance(TICK_S)
    clock.rightNow += 0.3
    clock.advance(TICK_S)
    (sample,) = metrics.samples()
    (times,) = sample.values.values()
    assert isinstance(times, Distribution)
    assert (times.counts[0], sum(times.counts)) == (1, 2)
    assert times.total == pytest.approx(0.3)
    lag.stopService()
    assert clock.getDelayedCalls() == []
