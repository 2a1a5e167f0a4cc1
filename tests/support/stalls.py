"""How long the reactor of this process is held by what runs on it."""

import time

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall


class Stalls:
    """The longest time for which the reactor did not turn, in seconds, until ``stop``."""

    def __init__(self, clock: IReactorTime, every_s: float) -> None:
        self.worst_s = 0.0
        self._last = time.perf_counter()
        self._call = LoopingCall(self._turn)
        self._call.clock = clock
        self._call.start(every_s)

    def _turn(self) -> None:
        now = time.perf_counter()
        self.worst_s = max(self.worst_s, now - self._last)
        self._last = now

    def stop(self) -> None:
        """Measure no longer."""
        self._call.stop()
