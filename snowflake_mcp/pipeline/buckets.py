"""Token buckets that hold one number each and take the time and the rate from whoever asks."""

from dataclasses import dataclass
from typing import Final

__all__ = ["Bucket", "Rate"]

_ROUNDING_S: Final = 1e-6
"""A wait shorter than this is the error of floating point, not a wait."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So much on average, and so much at once after a pause; ``per_s`` 0: without limit."""

    per_s: float
    burst: float

    @classmethod
    def per_min(cls, amount: float) -> "Rate":
        """A rate whose burst is a whole minute's worth."""
        return cls(amount / 60.0, amount)


class Bucket:
    """What is left of a rate, kept as the moment at which all of it is there again.

    This is the generic cell rate algorithm (ITU-T I.371): no timer refills it, and as the rate is
    given with every question a reload can change it. Times are seconds of one monotonic clock.
    """

    __slots__ = ("_full_at",)

    def __init__(self) -> None:
        self._full_at = 0.0

    def wait_s(self, now: float, rate: Rate, amount: float = 1.0) -> float:
        """In how many seconds ``amount`` may be taken; 0: now.

        With an amount of 0 that is when what was taken beyond the burst has come back.
        """
        if rate.per_s <= 0:
            return 0.0
        missing_s = max(self._full_at - now, 0.0)
        wait_s = missing_s + (amount - rate.burst) / rate.per_s
        return wait_s if wait_s > _ROUNDING_S else 0.0

    def take(self, now: float, rate: Rate, amount: float = 1.0) -> None:
        """Take it, whether it is there or not: what is not there is owed."""
        if rate.per_s > 0:
            self._full_at = max(self._full_at, now) + amount / rate.per_s
