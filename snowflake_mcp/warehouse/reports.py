"""How far a statement is, told to its caller about once a second."""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall

from snowflake_mcp.warehouse.standing import State
from snowflake_mcp.warehouse.threads import Clock
from snowflake_mcp.warehouse.work import Work

__all__ = ["Reports"]

_TICK_S: Final = 1.0
_PROBE_S: Final = 2.0
"""A statement is asked for its status when it has run this long, and then this often."""


class Reports:
    """Calls ``on_progress`` with a status in words and the seconds so far; reactor thread only."""

    def __init__(
        self,
        clock: Clock,
        work: Work[Any],
        started: float,
        on_progress: Callable[[str, float], None],
    ) -> None:
        self._clock = clock
        self._work = work
        self._started = started
        self._on_progress = on_progress
        self._state: State = "running"
        self._probing = False
        self._probe_at = started + _PROBE_S
        self._timer: IDelayedCall | None = clock.callLater(_TICK_S, self._tick)

    def stop(self) -> None:
        """Tell nothing more; a second call does nothing."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _tick(self) -> None:
        now = self._clock.seconds()
        self._timer = self._clock.callLater(_TICK_S, self._tick)
        self._on_progress(self._words(), now - self._started)
        if now >= self._probe_at and not self._probing and not self._work.progress.reading:
            asked = self._work.look()
            if asked is not None:
                self._probing = True
                asked.addCallback(self._probed)

    def _words(self) -> str:
        if self._work.connecting:
            return "connecting"
        return "reading" if self._work.progress.reading else self._state

    def _probed(self, state: State) -> None:
        self._probing = False
        self._probe_at = self._clock.seconds() + _PROBE_S
        # It ends when its thread says so, not before.
        self._state = state if state in ("queued", "resuming warehouse") else "running"
