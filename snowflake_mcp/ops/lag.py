"""How late the reactor is: the first sign of work that does not belong on its thread."""

from typing import Final

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from snowflake_mcp.ops.metrics import Metrics

__all__ = ["ReactorLag"]

TICK_S: Final = 0.25


class ReactorLag(Service):
    """Asks to be called four times a second, and records how late that was; reactor thread only."""

    def __init__(self, clock: IReactorTime, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._due = 0.0
        self._next: IDelayedCall | None = None

    def startService(self) -> None:
        """Begin to measure."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted's has no types
        self._wait()

    def stopService(self) -> None:
        """Measure no more."""
        super().stopService()  # type: ignore[no-untyped-call]  # twisted's has no types
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _wait(self) -> None:
        self._due = self._clock.seconds() + TICK_S
        self._next = self._clock.callLater(TICK_S, self._tick)

    def _tick(self) -> None:
        self._metrics.observe("reactor_lag_seconds", max(0.0, self._clock.seconds() - self._due))
        self._wait()
