"""Every number that the server keeps of itself: counted here, shown by /metrics and /status."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = [
    "FAMILIES",
    "PREFIX",
    "Counter",
    "Distribution",
    "Family",
    "Labels",
    "Metrics",
    "Sample",
    "Value",
]

PREFIX: Final = "snowflake_mcp_"

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]

_SPLIT: Final = frozenset({"outcome", "status"})
_FAST_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_SLOW_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric as Prometheus knows it: its name without prefix, and what it may be split by.

    A counter's name gets ``_total`` when it is shown. Names carry their unit.
    """

    name: str
    kind: Kind
    help: str
    labels: Labels = ()
    bounds: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, ascending, without infinity."""


FAMILIES: Final[Mapping[str, Family]] = {
    family.name: family
    for family in (
        Family("build_info", "gauge", "Always 1; the labels say what runs.", ("version", "python")),
        Family("uptime_seconds", "gauge", "Seconds since the start of the process."),
        Family(
            "requests",
            "counter",
            "MCP and REST requests that have ended.",
            ("method", "transport", "outcome"),
        ),
        Family("request_seconds", "histogram", "Time to answer.", ("method",), _SLOW_S),
        Family("requests_running", "gauge", "Requests that are not answered yet."),
        Family("tool_calls", "counter", "Tool calls that have ended.", ("tool", "outcome")),
        Family("tool_call_seconds", "histogram", "Time of a tool call.", ("tool",), _SLOW_S),
        Family("cancellations", "counter", "Requests that were called off.", ("reason",)),
        Family("statements", "counter", "Statements that have ended.", ("outcome",)),
        Family(
            "cortex_requests",
            "counter",
            "Requests to Snowflake's AI services that have ended.",
            ("service", "outcome"),
        ),
        Family("handed_over", "counter", "Statements that outlived their call.", ("outcome",)),
        Family("aborted", "counter", "Statements told to end, by how they did.", ("state",)),
        Family(
            "statement_seconds",
            "histogram",
            "Time of a statement: waiting for a place, Snowflake and reading.",
            (),
            _SLOW_S,
        ),
        Family("rows_read", "counter", "Rows of results that were read."),
        Family("limits_hit", "counter", "Answers that a limit cut or refused.", ("limit",)),
        Family("exports", "counter", "Exports that have ended.", ("format", "outcome")),
        Family("export_bytes", "counter", "Bytes of exports that were made.", ("format",)),
        Family("export_downloads", "counter", "Downloads of exports.", ("outcome",)),
        Family("spool_bytes", "gauge", "Bytes of exports that are kept or being written."),
        Family("spool_files", "gauge", "Exports that are kept."),
        Family("lane_running", "gauge", "Statements that have a place."),
        Family("lane_waiting", "gauge", "Calls that wait for a place."),
        Family("lane_places", "gauge", "Statements that may run at once."),
        Family("threads_busy", "gauge", "Statement threads at work."),
        Family("threads_max", "gauge", "Statement threads there may be."),
        Family("sessions", "gauge", "Snowflake sessions.", ("state",)),
        Family("sessions_opened", "counter", "Snowflake sessions opened."),
        Family("sessions_closed", "counter", "Snowflake sessions closed."),
        Family("logins", "counter", "Logins to Snowflake.", ("outcome",)),
        Family("snowflake_connections", "gauge", "Configured connections.", ("state",)),
        Family("breaker_open", "gauge", "Connections whose statements are refused, or tried."),
        Family("breaker_opened", "counter", "How often that has begun."),
        Family("catalog_objects", "gauge", "Names of objects that are kept for searches."),
        Family("gate_verdicts", "counter", "Statements judged.", ("kind", "verdict")),
        Family("gate_refusals", "counter", "Reasons of refused statements.", ("rule",)),
        Family("gate_seconds", "histogram", "Time of a verdict.", (), _FAST_S),
        Family("gate_children", "gauge", "Judging child processes that are ready."),
        Family("gate_waiting", "gauge", "Statements that wait to be judged."),
        Family("gate_late", "counter", "Statements that were not judged in time."),
        Family("gate_ended", "counter", "Judging child processes that ended unasked."),
        Family("http_requests", "counter", "HTTP requests answered.", ("status",)),
        Family(
            "authentications",
            "counter",
            "Requests by what they showed of their caller.",
            ("method", "outcome"),
        ),
        Family("http_sent_bytes", "counter", "Bytes of HTTP bodies sent."),
        Family("connections", "gauge", "Open connections of clients.", ("kind",)),
        Family(
            "tls_certificate_expires_timestamp_seconds",
            "gauge",
            "When the certificate that is shown ends, since the epoch.",
        ),
        Family("websocket_connections", "counter", "WebSockets opened."),
        Family("client_sessions", "gauge", "Handshake-era sessions with live state."),
        Family("disk_free_bytes", "gauge", "Room where the server writes.", ("folder",)),
        Family("log_lines_lost", "counter", "Log lines that could not be written."),
        Family("audit_records", "counter", "Records of the audit that were written."),
        Family("audit_lost", "counter", "Records of the audit that could not be written."),
        Family("audit_failing", "gauge", "1 while the audit cannot be written, else 0."),
        Family("reactor_lag_seconds", "histogram", "How late timers are served.", (), _FAST_S),
    )
}
"""Everything that can be counted; docs/metrics.md explains each for operators."""


@dataclass(slots=True)
class Counter:
    """A number that grows; whoever counts often keeps it and adds to ``value``."""

    value: float = 0


@dataclass(slots=True)
class Distribution:
    """Observations in buckets: how many up to each bound, how many beyond, and their sum."""

    bounds: tuple[float, ...]
    counts: list[int]
    total: float = 0.0

    def add(self, value: float) -> None:
        """Put a value into its bucket."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def take(self, other: "Distribution") -> None:
        """Put in what is in another one of the same bounds."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.total += other.total


Value = float | Distribution


@dataclass(frozen=True, slots=True)
class Sample:
    """A family and what is known of it now."""

    family: Family
    values: Mapping[Labels, Value]


@dataclass(slots=True)
class Metrics:
    """Counters and distributions by fixed names; reactor thread only.

    Label values are fixed words or names of our own (tools, rules), never text of a user: their
    number is bounded by the program, and nothing of a statement can show.
    """

    # Of every family from the beginning, so that to count is to look up twice and add.
    _counters: dict[str, dict[Labels, Counter]] = field(
        default_factory=lambda: {name: {} for name in FAMILIES}
    )
    _distributions: dict[str, dict[Labels, Distribution]] = field(
        default_factory=lambda: {name: {} for name in FAMILIES}
    )
    _watched: dict[str, Callable[[], Mapping[Labels, Value]]] = field(default_factory=dict)

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Count ``by`` more.

        Raises:
            KeyError: there is no such family.
            ValueError: the labels are not those of the family.
        """
        counter = self._counters[name].get(labels)
        if counter is None:
            counter = self.counter(name, *labels)
        counter.value += by

    def counter(self, name: str, *labels: str) -> Counter:
        """What ``count`` adds to; it is shown from now on.

        Raises:
            KeyError: there is no such family.
            ValueError: the labels are not those of the family.
        """
        _checked(FAMILIES[name], labels)
        return self._counters[name].setdefault(labels, Counter())

    def observe(self, name: str, value: float, *labels: str) -> None:
        """Put a value into its bucket.

        Raises:
            KeyError: there is no such family.
            ValueError: the labels are not those of the family.
        """
        found = self._distributions[name].get(labels)
        if found is None:
            found = self.distribution(name, *labels)
        found.add(value)

    def distribution(self, name: str, *labels: str) -> Distribution:
        """What ``observe`` adds to; it is shown from now on.

        Raises:
            KeyError: there is no such family.
            ValueError: the labels are not those of the family.
        """
        family = FAMILIES[name]
        _checked(family, labels)
        made = Distribution(family.bounds, [0] * (len(family.bounds) + 1))
        return self._distributions[name].setdefault(labels, made)

    def watch(self, name: str, read: Callable[[], Mapping[Labels, Value]]) -> None:
        """Show what somebody else counts; ``read`` is called when the numbers are asked for."""
        self._watched[FAMILIES[name].name] = read

    def watch_one(self, name: str, read: Callable[[], float]) -> None:
        """Show one number without labels that somebody else knows."""
        self.watch(name, lambda: {(): read()})

    def samples(self) -> Iterable[Sample]:
        """What is known, in the order of ``FAMILIES``; families without a value are left out."""
        for name, family in FAMILIES.items():
            read = self._watched.get(name)
            values: dict[Labels, Value] = {}
            if read is not None:
                values.update(read())
            else:
                values.update(self._distributions[name])
                for labels, counter in self._counters[name].items():
                    values[labels] = counter.value
            if values:
                yield Sample(family, values)

    def totals(self) -> dict[str, float]:
        """The counters for /status: their sums, split by outcome or status where they have one."""
        sums: dict[str, float] = {}
        for sample in self.samples():
            family = sample.family
            if family.kind != "counter":
                continue
            split = next((i for i, label in enumerate(family.labels) if label in _SPLIT), None)
            for labels, value in sample.values.items():
                if isinstance(value, Distribution):
                    continue
                sums[family.name] = sums.get(family.name, 0) + value
                if split is not None:
                    part = f"{family.name}_{labels[split]}"
                    sums[part] = sums.get(part, 0) + value
        return dict(sorted(sums.items()))


def _checked(family: Family, labels: Labels) -> None:
    if len(labels) != len(family.labels):
        raise ValueError(f"{family.name} is split by {family.labels}, not by {len(labels)} labels")
