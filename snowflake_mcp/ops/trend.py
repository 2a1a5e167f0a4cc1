"""Throughput and latency of the last minutes, sampled from the counters for the status page."""

from collections import deque
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from snowflake_mcp.ops.metrics import FAMILIES, Distribution, Metrics

__all__ = ["KEPT", "STEP_S", "Trend"]

STEP_S: Final = 5.0
KEPT: Final = 120
"""Ten minutes."""
_LATENCY: Final = "tool_call_seconds"
_CALLS: Final = "tool_calls"
_FAILING: Final = frozenset({"error", "internal", "unavailable", "auth", "timeout"})
"""Outcomes that say something of the server or of Snowflake, not of what the caller asked."""


class Trend(Service):
    """A sample each ``STEP_S`` seconds, the last ``KEPT`` of them; reactor thread only."""

    def __init__(self, clock: IReactorTime, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._timer: IDelayedCall | None = None
        self._before = (0.0, 0.0, [0] * (len(FAMILIES[_LATENCY].bounds) + 1))
        self._samples: deque[dict[str, float]] = deque(maxlen=KEPT)

    def startService(self) -> None:
        """Begin to sample."""
        self._before = self._read()
        self._timer = self._clock.callLater(STEP_S, self._tick)

    def stopService(self) -> None:
        """Sample no more."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def samples(self) -> dict[str, Any]:
        """Oldest first: calls and failures a second, and the 95th percentile in milliseconds.

        A percentile is the upper bound of its bucket, so it is coarse; 0 where nothing ended.
        """
        return {
            "step_s": STEP_S,
            "kept": KEPT,
            "calls_per_s": [each["calls"] for each in self._samples],
            "failures_per_s": [each["failures"] for each in self._samples],
            "p95_ms": [each["p95_ms"] for each in self._samples],
        }

    def _tick(self) -> None:
        self._timer = self._clock.callLater(STEP_S, self._tick)
        now = self._read()
        calls, failures = now[0] - self._before[0], now[1] - self._before[1]
        counts = [new - old for new, old in zip(now[2], self._before[2], strict=True)]
        self._before = now
        self._samples.append(
            {
                "calls": round(calls / STEP_S, 2),
                "failures": round(failures / STEP_S, 2),
                "p95_ms": _percentile_ms(counts),
            }
        )

    def _read(self) -> tuple[float, float, list[int]]:
        calls = failures = 0.0
        counts = [0] * (len(FAMILIES[_LATENCY].bounds) + 1)
        for sample in self._metrics.samples():
            for labels, value in sample.values.items():
                if sample.family.name == _CALLS and not isinstance(value, Distribution):
                    calls += value
                    failures += value if labels[1] in _FAILING else 0
                elif sample.family.name == _LATENCY and isinstance(value, Distribution):
                    counts = [a + b for a, b in zip(counts, value.counts, strict=True)]
        return calls, failures, counts


def _percentile_ms(counts: list[int]) -> float:
    wanted = 0.95 * sum(counts)
    if not wanted:
        return 0.0
    bounds = FAMILIES[_LATENCY].bounds
    seen = 0
    for bound, count in zip(bounds, counts, strict=False):
        seen += count
        if seen >= wanted:
            return bound * 1000
    return bounds[-1] * 1000
