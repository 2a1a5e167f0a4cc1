"""The calls that wait, and one timer for the deadlines of them all."""

import math
from collections.abc import Iterator
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from snowflake_mcp.protocol.calls import Call

__all__ = ["Waiting"]


class Waiting:
    """Calls in flight, each with the moment at which it is stopped; reactor thread only.

    A timer of the reactor's for each would cost more than all the rest of its waiting, and nearly
    no call lives to see its deadline. So one is armed for the earliest deadline, and stays armed
    when that call has ended: it finds the next one when it fires.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._due: dict[Call[Any], float] = {}
        self._timer: IDelayedCall | None = None
        self._armed_for = math.inf

    def __len__(self) -> int:
        return len(self._due)

    def __iter__(self) -> Iterator[Call[Any]]:
        return iter(list(self._due))

    def add(self, call: Call[Any], due: float) -> None:
        """Keep a call until ``discard``, and cancel it at ``due``, in seconds on the clock."""
        self._due[call] = due
        if due < self._armed_for:
            self._arm(due)

    def discard(self, call: Call[Any]) -> None:
        """It waits no more."""
        self._due.pop(call, None)

    def disarm(self) -> None:
        """Leave no timer behind; only while nothing waits."""
        timer, self._timer, self._armed_for = self._timer, None, math.inf
        if timer is not None:
            timer.cancel()

    def _arm(self, due: float) -> None:
        self.disarm()
        self._armed_for = due
        self._timer = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._fire)

    def _fire(self) -> None:
        # Rounding may bring the timer here a little before the moment that it was armed for.
        now = max(self._clock.seconds(), self._armed_for)
        self._timer, self._armed_for = None, math.inf
        late = [call for call, due in self._due.items() if due <= now]
        for call in late:
            # It is in flight until its work has ended, but is told only once. A turn of its own
            # for each: what goes wrong in one is no other's.
            self._due[call] = math.inf
            self._clock.callLater(0.0, call.cancel, "timeout")
        earliest = min(self._due.values(), default=math.inf)
        if earliest < math.inf:
            self._arm(earliest)
