"""How long an answer may say nothing: one timer for all that wait, instead of one for each."""

from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Silence", "Silent"]

_ROUNDING_S: Final = 0.001
"""Sums of seconds are not exact; who is due within this is due."""


class Silent(Protocol):
    """What has said nothing yet."""

    def break_silence(self) -> None:
        """It has been silent for as long as it may."""


class Silence:
    """Tells each of those who wait once its time is over; reactor thread only.

    All have the same time, so who came first is due first. Nearly all of them leave long before:
    coming and leaving cost a place in a dictionary, and the timer runs on without them.
    """

    def __init__(self, clock: IReactorTime, limit_s: float) -> None:
        self._clock = clock
        self._limit_s = limit_s
        self._due: dict[Silent, float] = {}
        self._timer: IDelayedCall | None = None

    def begin(self, silent: Silent) -> None:
        """From now on its silence counts."""
        self._due[silent] = self._clock.seconds() + self._limit_s
        if self._timer is None:
            self._arm(self._limit_s)

    def end(self, silent: Silent) -> None:
        """It waits no more, if it ever has."""
        self._due.pop(silent, None)

    def stop(self) -> None:
        """Tell nobody any more."""
        self._due.clear()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _arm(self, after_s: float) -> None:
        self._timer = self._clock.callLater(after_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._due:
            return
        now = self._clock.seconds()
        first, due = next(iter(self._due.items()))
        is_due = due - now <= _ROUNDING_S
        if is_due:
            del self._due[first]
        if self._due:
            # A turn for each: what goes wrong in one is no other's.
            self._arm(max(0.0, next(iter(self._due.values())) - now))
        if is_due:
            first.break_silence()
