"""Admission: how many statements run at once, who waits, and who is told "busy"."""

from typing import Any, Final

from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.fairness import FairQueue
from snowflake_mcp.warehouse.threads import Clock

__all__ = ["Lane", "Permit"]

_HINT: Final = "Wait a few seconds and call again, or run fewer statements at once."


class Permit:
    """The right to run one statement; it belongs to the thread that runs it.

    Whoever started the thread calls ``release`` when the thread has come back, and not when
    the caller stopped waiting for it.
    """

    __slots__ = ("_lane",)

    def __init__(self, lane: "Lane") -> None:
        self._lane: Lane | None = lane

    def release(self) -> None:
        """Give the place to the next in line; a second call does nothing."""
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.leave()


class Lane:
    """At most ``width`` permits are out; at most ``queue`` callers wait; reactor thread only.

    Waiting callers are served principal by principal in turn, so one principal with many
    calls does not push the others back.
    """

    def __init__(self, clock: Clock, *, width: int, queue: int, max_wait_s: float) -> None:
        self._clock = clock
        self._width = width
        self._queue = queue
        self._max_wait_s = max_wait_s
        self._places: FairQueue[Deferred[Permit]] = FairQueue()
        self._closed: ToolFailure | None = None
        self._giving = False
        self.running = 0

    @property
    def waiting(self) -> int:
        """Callers that wait for a place."""
        return len(self._places)

    async def admit(self, principal: str, limit_s: float) -> Permit:
        """Wait for a place, at most ``limit_s`` seconds and at most the lane's own limit.

        Raises:
            ToolFailure: BUSY, when the queue is full or the wait was too long; whatever
                ``close`` was given, when the lane is closed.
        """
        if self._closed is not None:
            raise self._closed
        if self.running < self._width and not self.waiting:
            return self._grant()
        if self.waiting >= self._queue:
            raise self._busy(f"{self.waiting} others already wait for a place")
        place: Deferred[Permit] = Deferred(lambda place: self._places.remove(principal, place))
        self._places.add(principal, place)
        limit_s = min(limit_s, self._max_wait_s)
        timer = self._clock.callLater(limit_s, self._give_up, principal, place, limit_s)
        try:
            return await place
        finally:
            if timer.active():
                timer.cancel()

    def leave(self) -> None:
        """A permit came back; only ``Permit.release`` calls this."""
        self.running -= 1
        if self._giving:
            # Whoever was just given this place gave it back at once; the loop below goes on.
            return
        self._giving = True
        try:
            while self._places and self.running < self._width:
                self._places.take().callback(self._grant())
        finally:
            self._giving = False

    def close(self, failure: ToolFailure) -> None:
        """Admit nobody any more; those who wait and those who come get ``failure``."""
        self._closed = failure
        for place in self._places.clear():
            place.errback(failure)

    def snapshot(self) -> dict[str, Any]:
        """Numbers for /status."""
        return {
            "running": self.running,
            "waiting": self.waiting,
            "max_running": self._width,
            "max_waiting": self._queue,
        }

    def _grant(self) -> Permit:
        self.running += 1
        return Permit(self)

    def _give_up(self, principal: str, place: Deferred[Permit], waited_s: float) -> None:
        self._places.remove(principal, place)
        place.errback(self._busy(f"no place became free within {waited_s:g} s"))

    def _busy(self, why: str) -> ToolFailure:
        return ToolFailure(
            Family.BUSY,
            f"The server is busy: {self.running} statements run and {why}.",
            _HINT,
            retryable=True,
            details={"running": self.running, "waiting": self.waiting},
        )
