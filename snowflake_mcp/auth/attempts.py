"""Who shows wrong credentials again and again: a bound per address, in bounded memory."""

from collections import OrderedDict
from typing import Final

from twisted.internet.interfaces import IReactorTime

__all__ = ["MAX_FAILURES", "WINDOW_S", "Attempts"]

MAX_FAILURES: Final = 30
"""Wrong credentials that an address may show within a window."""
WINDOW_S: Final = 60.0
_MAX_ADDRESSES: Final = 10_000


class Attempts:
    """Failures by address; reactor thread only.

    Guessing a token is hopeless at any speed; what is bounded is the work and the log lines of
    somebody who tries. Whoever shares the address and has a credential that is known good is not
    affected.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failed)

    def wait_s(self, address: str) -> float:
        """Seconds until the address may try again; 0: now."""
        count, since = self._failed.get(address, (0, 0.0))
        left = since + WINDOW_S - self._clock.seconds()
        return left if count >= MAX_FAILURES and left > 0 else 0.0

    def failed(self, address: str) -> None:
        """The address has shown a wrong credential."""
        now = self._clock.seconds()
        count, since = self._failed.pop(address, (0, now))
        if now - since >= WINDOW_S:
            count, since = 0, now
        self._failed[address] = (count + 1, since)
        if len(self._failed) > _MAX_ADDRESSES:
            self._failed.popitem(last=False)
