"""How long an answer may say nothing: one timer for all that wait, instead of one for each."""

from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Silence", "Waiting"]

_ROUNDING_S: Final = 0.001
"""Sums of seconds are not exact; who is due within this is due."""


class Waiting(Protocol):
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
        self._due: dict[Waiting, float] = {}
        self._timer: IDelayedCall | None = None

    def begin(self, waiting: Waiting) -> None:
        """From now on its silence counts."""
        self._due[waiting] = self._clock.seconds() + self._limit_s
        if self._timer is None:
            self._timer = self._clock.callLater(self._limit_s, self._look)

    def end(self, waiting: Waiting) -> None:
        """It waits no more, if it ever has."""
        self._due.pop(waiting, None)

    def stop(self) -> None:
        """Tell nobody any more."""
        self._due.clear()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        for waiting, due in list(self._due.items()):
            if due - now > _ROUNDING_S:
                break
            # Who was told before it may have taken this one along.
            if self._due.pop(waiting, None) is not None:
                waiting.break_silence()
        if self._due and self._timer is None:
            self._timer = self._clock.callLater(next(iter(self._due.values())) - now, self._look)
