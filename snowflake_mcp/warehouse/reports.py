"""How far a statement is, told to its caller about once a second."""

from collections.abc import Callable
from typing import Any, Final

from snowflake_mcp.protocol.alarms import Clock
from snowflake_mcp.warehouse.standing import State
from snowflake_mcp.warehouse.work import Work

__all__ = ["TICK_S", "Reports"]

TICK_S: Final = 1.0
"""Between two reports."""
_PROBE_S: Final = 2.0
"""A statement is asked for its status when it has run this long, and then this often."""


class Reports:
    """Calls ``on_progress`` with a status in words and the seconds so far; reactor thread only.

    Whoever has it calls ``tick`` every ``TICK_S``.
    """

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

    def tick(self) -> None:
        """Tell how far it is, and ask Snowflake now and then."""
        now = self._clock.seconds()
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
