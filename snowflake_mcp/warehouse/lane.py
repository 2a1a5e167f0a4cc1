"""Admission: how many statements run at once, who waits, and who is told "busy"."""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred

from snowflake_mcp.ops.fairness import FairQueue
from snowflake_mcp.protocol.alarms import Clock
from snowflake_mcp.protocol.errors import Family, ToolFailure

__all__ = ["Lane", "Permit", "Share"]

_HINT: Final = "Wait a few seconds and call again, or run fewer statements at once."
_RETRY_AFTER_S: Final = 5
"""A guess, so that programs do not come back at once: when a place becomes free is not known."""

Share = tuple[int, int]
"""Places that one principal may have, and calls that it may have waiting; 0: as many as there
are."""


class Permit:
    """The right to run one statement; it belongs to the thread that runs it.

    Whoever started the thread calls ``release`` when the thread has come back, and not when
    the caller stopped waiting for it.
    """

    __slots__ = ("_lane", "_principal", "beneath")

    def __init__(self, lane: "Lane", principal: str) -> None:
        self._lane: Lane | None = lane
        self._principal = principal
        self.beneath: Permit | None = None
        """One of another lane that goes with it."""

    def release(self) -> None:
        """Give the place to the next in line; a second call does nothing."""
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.leave(self._principal)
            if self.beneath is not None:
                self.beneath.release()


class Lane:
    """At most ``width`` permits are out; at most ``queue`` callers wait; reactor thread only.

    Waiting callers are served principal by principal in turn, so one principal with many
    calls does not push the others back; nor does it fill the queue: when there is no room left,
    the longest line gives up its newest call for one of a shorter line. ``share_of`` bounds what
    a principal may have beyond that; it is asked each time, so a reload counts at once.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        width: int,
        queue: int,
        max_wait_s: float,
        share_of: Callable[[str], Share] = lambda _: (0, 0),
        what: str = "statements",
    ) -> None:
        """``what`` runs in the places, in the words of those who are told that it is busy."""
        self._clock = clock
        self._width = width
        self._queue = queue
        self._max_wait_s = max_wait_s
        self._share_of = share_of
        self._what = what
        self._running_of: dict[str, int] = {}
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
            raise self._closed.anew()
        # Whoever waits while there are places has had its share; only while places are given
        # away there may be others in front.
        first = not (self._giving and self.waiting)
        if self.running < self._width and first and self._may_run(principal):
            return self._grant(principal)
        self._make_room(principal)
        place: Deferred[Permit] = Deferred(lambda place: self._places.remove(principal, place))
        self._places.add(principal, place)
        limit_s = min(limit_s, self._max_wait_s)
        timer = self._clock.callLater(limit_s, self._give_up, principal, place, limit_s)
        try:
            return await place
        finally:
            if timer.active():
                timer.cancel()

    def leave(self, principal: str) -> None:
        """A permit came back; only ``Permit.release`` calls this."""
        self.running -= 1
        rest = self._running_of.pop(principal) - 1
        if rest:
            self._running_of[principal] = rest
        if self._places:
            self._give()

    def take(self, *, width: int, queue: int, max_wait_s: float) -> None:
        """Go on within these bounds; who has a place or waits already keeps what it has."""
        self._width, self._queue, self._max_wait_s = width, queue, max_wait_s
        self._give()

    def _give(self) -> None:
        if self._giving:
            # Whoever was just given this place gave it back at once; the loop below goes on.
            return
        self._giving = True
        try:
            while self.running < self._width:
                owner = self._places.whose_turn(self._may_run)
                if owner is None:
                    return
                self._places.take(owner).callback(self._grant(owner))
        finally:
            self._giving = False

    def close(self, failure: ToolFailure) -> None:
        """Admit nobody any more; those who wait and those who come get ``failure``."""
        self._closed = failure
        for place in self._places.clear():
            place.errback(failure.anew())

    def snapshot(self) -> dict[str, Any]:
        """Numbers for /status."""
        return {
            "running": self.running,
            "waiting": self.waiting,
            "max_running": self._width,
            "max_waiting": self._queue,
        }

    def _grant(self, principal: str) -> Permit:
        self.running += 1
        self._running_of[principal] = self._running_of.get(principal, 0) + 1
        return Permit(self, principal)

    def _may_run(self, principal: str) -> bool:
        running, _ = self._share_of(principal)
        return not 0 < running <= self._running_of.get(principal, 0)

    def _make_room(self, principal: str) -> None:
        """Let one more call of this principal wait.

        Raises:
            ToolFailure: it has enough waiting, or the queue is full and its line the longest.
        """
        own, (_, most) = self._places.length(principal), self._share_of(principal)
        if 0 < most <= own:
            raise self._busy(f"{own} of your calls already wait for a place")
        if self.waiting < self._queue:
            return
        owner, longest = self._places.longest()
        if longest <= own + 1:
            raise self._busy(f"{self.waiting} others already wait for a place")
        self._places.drop(owner).errback(
            self._busy(f"{longest} of your calls wait for a place, more than anybody else's")
        )

    def _give_up(self, principal: str, place: Deferred[Permit], waited_s: float) -> None:
        self._places.remove(principal, place)
        place.errback(self._busy(f"no place became free within {waited_s:g} s"))

    def _busy(self, why: str) -> ToolFailure:
        return ToolFailure(
            Family.BUSY,
            f"The server is busy: {self.running} {self._what} run and {why}.",
            _HINT,
            retryable=True,
            details={
                "running": self.running,
                "waiting": self.waiting,
                "retry_after_s": _RETRY_AFTER_S,
            },
        )
