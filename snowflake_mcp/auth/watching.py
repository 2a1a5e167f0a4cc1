"""Long connections end with the credential that opened them: at its expiry, or when it is gone."""

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from snowflake_mcp.auth.caller import Caller

__all__ = ["Watch", "Watches"]

_MAX_WAIT_S: Final = 3_600.0
"""The time of day may be set while the reactor's clock runs on: it is looked at once an hour."""


class Watch:
    """One connection's caller; reactor thread only."""

    def __init__(self, watches: "Watches", caller: Caller, ended: Callable[[], None]) -> None:
        self._watches = watches
        self._caller = caller
        self._ended = ended
        self._timer: IDelayedCall | None = None
        self._over = False

    def holds(self) -> bool:
        """Whether the credential has not expired; ask before each thing the connection wants.

        A machine that slept wakes with its timers late and its calendar right.
        """
        if self._over:
            return False
        left = self._watches.left_s(self._caller)
        if left is not None and left <= 0:
            self.end()
            return False
        return True

    def stop(self) -> None:
        """The connection is gone; nothing is called any more."""
        self._over = True
        self._watches.discard(self)
        self.rest()

    def rest(self) -> None:
        """No timer any more; ``holds`` still tells."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def look(self) -> bool:
        """Whether it still counts, after a reload; ends it if not."""
        if self._watches.still(self._caller):
            return True
        self.end()
        return False

    def wait(self) -> None:
        """Come back when the credential ends."""
        self._timer = None
        if not self.holds():
            return
        left = self._watches.left_s(self._caller)
        if left is not None:
            self._timer = self._watches.later(min(left, _MAX_WAIT_S), self.wait)

    def end(self) -> None:
        """The credential does not count any more."""
        if not self._over:
            self.stop()
            self._ended()


class Watches:
    """All of them; reactor thread only."""

    def __init__(
        self,
        clock: IReactorTime,
        wall_clock: Callable[[], float],
        still: Callable[[Caller], bool],
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self.still = still
        self._open: set[Watch] = set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, caller: Caller, ended: Callable[[], None]) -> Watch:
        """Watch a caller; ``ended`` is called once, at once if it is too late already."""
        watch = Watch(self, caller, ended)
        self._open.add(watch)
        watch.wait()
        return watch

    def discard(self, watch: Watch) -> None:
        """One is over."""
        self._open.discard(watch)

    def look(self) -> int:
        """After a reload: end those that do not count any more; how many that were."""
        return sum(not watch.look() for watch in list(self._open))

    def clear(self) -> None:
        """The server stops: it ends its connections by itself, and until then they may go on."""
        for watch in self._open:
            watch.rest()

    def left_s(self, caller: Caller) -> float | None:
        """Seconds until the credential ends."""
        return None if caller.expires is None else caller.expires - self._wall_clock()

    def later(self, wait_s: float, call: Callable[[], None]) -> IDelayedCall:
        """A timer."""
        return self._clock.callLater(wait_s, call)
