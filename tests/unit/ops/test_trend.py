"""Samples of throughput and latency from the counters."""

from twisted.internet.task import Clock

from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.ops.trend import KEPT, STEP_S, Trend


def test_a_sample_says_what_happened_since_the_one_before() -> None:
    """Rates a second; what was counted before the start does not show."""
    clock, metrics = Clock(), Metrics()
    metrics.count("tool_calls", "query", "ok", by=1000)
    trend = Trend(clock, metrics)
    trend.startService()
    metrics.count("tool_calls", "query", "ok", by=9)
    metrics.count("tool_calls", "query", "unavailable")
    for _ in range(9):
        metrics.observe("tool_call_seconds", 0.02, "query")
    metrics.observe("tool_call_seconds", 4.0, "query")
    clock.advance(STEP_S)
    clock.advance(STEP_S)
    assert trend.samples() == {
        "step_s": STEP_S,
        "kept": KEPT,
        "calls_per_s": [2.0, 0.0],
        "failures_per_s": [0.2, 0.0],
        "p95_ms": [5000.0, 0.0],
    }
    trend.stopService()
    assert clock.getDelayedCalls() == []


def test_a_call_beyond_every_bucket_and_a_bounded_memory() -> None:
    """The last bound stands for whatever is longer; old samples go."""
    clock, metrics = Clock(), Metrics()
    trend = Trend(clock, metrics)
    trend.startService()
    metrics.observe("tool_call_seconds", 1e6, "query")
    clock.advance(STEP_S)
    assert trend.samples()["p95_ms"] == [300_000.0]
    for _ in range(KEPT + 5):
        clock.advance(STEP_S)
    assert trend.samples()["p95_ms"] == [0.0] * KEPT
    trend.stopService()
