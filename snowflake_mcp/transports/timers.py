"""The timers that autobahn makes, on a clock of ours."""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Timers"]


class Timers:
    """``txaio``'s batched timer on a clock of ours."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def call_later(self, delay: float, call: Callable[..., object], *arguments: Any) -> "Timer":
        """Call back once, in seconds."""
        return Timer(self._clock.callLater(delay, call, *arguments))


class Timer:
    """A pending call; unlike Twisted's, it may be cancelled after it has run."""

    def __init__(self, call: IDelayedCall) -> None:
        self._call = call

    def cancel(self) -> None:
        """Do not call, if it has not happened yet."""
        if self._call.active():
            self._call.cancel()
