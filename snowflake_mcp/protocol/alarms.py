"""One timer for many deadlines: most of those who have one are done before it."""

import math
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

__all__ = ["Alarms", "Clock", "Sleeper"]


class Clock(Protocol):
    """The part of a reactor that tells the time and calls back later."""

    def seconds(self) -> float:
        """The time, in seconds."""

    def callLater(
        self, delay: float, call: Callable[..., object], /, *args: object
    ) -> IDelayedCall:
        """Call back in ``delay`` seconds."""


class Sleeper(Protocol):
    """Something with deadlines: a call, an answer, a run of a statement."""

    def wake(self, now: float) -> None:
        """The moment that the alarm was set for has come; from here on it is set for none."""


class Alarms:
    """An alarm each for whoever sets one; reactor thread only.

    To set one and to drop it costs two accesses to a dict. The reactor's timer is for the earliest
    moment of all, and is left alone where that one has been dropped: it then rings for nobody and
    is set for the next. A timer of the reactor's own for each deadline costs more than all else
    that a call costs for waiting, and hardly any of them ever rings.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments: dict[Sleeper, float] = {}
        self._timer: IDelayedCall | None = None
        self._rings_at = math.inf

    def __len__(self) -> int:
        return len(self._moments)

    def set(self, sleeper: Sleeper, at: float) -> None:
        """Wake it at that moment, by the reactor's clock, instead of at the one before."""
        self._moments[sleeper] = at
        if at < self._rings_at:
            self._ring_at(at)

    def drop(self, sleeper: Sleeper) -> None:
        """Do not wake it; it may have no alarm."""
        self._moments.pop(sleeper, None)

    def stop(self) -> None:
        """Wake nobody who has an alarm now, and leave no timer behind."""
        self._moments.clear()
        timer, self._timer, self._rings_at = self._timer, None, math.inf
        if timer is not None:
            timer.cancel()

    def _ring_at(self, at: float) -> None:
        self._rings_at = at
        delay_s = max(0.0, at - self._clock.seconds())
        if self._timer is None:
            self._timer = self._clock.callLater(delay_s, self._ring)
        else:
            self._timer.reset(delay_s)

    def _ring(self) -> None:
        # Delays are differences, and rounded: it may ring a little before what it was set for.
        now = max(self._clock.seconds(), self._rings_at)
        self._timer, self._rings_at = None, math.inf
        moments = self._moments
        try:
            for sleeper in [each for each, at in moments.items() if at <= now]:
                # One that was woken before may have dropped it, or set it anew.
                if moments.get(sleeper, math.inf) <= now:
                    del moments[sleeper]
                    sleeper.wake(now)
        finally:
            # Where one fails the others are woken by the next ring.
            earliest = min(moments.values(), default=math.inf)
            if earliest < self._rings_at:
                self._ring_at(earliest)
