"""Sending to a peer that may read slowly: write or queue, wait until drained, give up in time."""

from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from snowflake_mcp.protocol.pieces import PIECE_BYTES, Body, Pieces

__all__ = ["EXCESS_S", "SLICE_BYTES", "STALL_S", "Outlet"]

STALL_S: Final = 30.0
"""A peer whose socket takes nothing for so long is dropped; it holds memory and a place."""
EXCESS_S: Final = 5.0
"""How long more than ``max_unsent_bytes`` may wait. Several large answers that finish in the
same turn pass the limit for a moment although the peer reads; a peer that does not read stays."""
SLICE_BYTES: Final = PIECE_BYTES
"""Written at once: what fills a socket buffer, so that each resume is a sign of progress."""


@implementer(IPushProducer)
class Outlet:
    """The outgoing half of one connection or one streamed answer; reactor thread only.

    It is registered as the transport's push producer by its owner. ``abort`` is called once with
    a reason when the peer does not read; ``on_flow`` is told each time the peer stops (``False``)
    or starts (``True``) reading, so that the owner can stop reading in turn.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        clock: IReactorTime,
        abort: Callable[[str], None],
        *,
        on_flow: Callable[[bool], None] | None = None,
        max_unsent_bytes: int | None = None,
    ) -> None:
        self._send = send
        self._clock = clock
        self._abort = abort
        self._on_flow = on_flow
        self._max_unsent_bytes = max_unsent_bytes
        self._queue: deque[deque[bytes]] = deque()
        """What waits, each in its parts, which go one by one when they are sent."""
        self._unsent_bytes = 0
        self._begun_bytes = 0
        """Of the first part in the queue, already sent."""
        self.inside = False
        """Whether what is being sent goes on after the piece at hand."""
        self._paused = False
        self._closed = False
        self._flushing = False
        self._stall: IDelayedCall | None = None
        self._excess: IDelayedCall | None = None
        self._waiting: list[Deferred[bool]] = []

    @property
    def closed(self) -> bool:
        """Whether the peer is gone; nothing more can be sent."""
        return self._closed

    @property
    def unsent_bytes(self) -> int:
        """Bytes that wait here for the peer to read, beside the transport's own buffer."""
        return self._unsent_bytes

    def write(self, data: Body) -> bool:
        """Send, or keep until the peer reads again; ``False`` when the peer is gone."""
        if self._closed:
            return False
        if (
            type(data) is bytes
            and len(data) <= SLICE_BYTES
            and not (self._paused or self._flushing or self._queue)
        ):
            # Nobody waits, and nothing is over a limit, where nothing is queued.
            self._flushing = True
            try:
                self._send(data)
            finally:
                self._flushing = False
            if self._queue:
                self._flush()
            return not self._closed
        self._queue.append(deque(data.parts if isinstance(data, Pieces) else (data,)))
        self._unsent_bytes += len(data)
        self._flush()
        self._watch_excess()
        return not self._closed

    def drained(self) -> Deferred[bool]:
        """Wait until everything has been handed to the socket; ``False``: the peer left first."""
        waiting: Deferred[bool] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        self._settle()
        return waiting

    def hurry(self) -> None:
        """Send what is left of that which has begun, whether the transport has enough or not."""
        while self.inside and not self._closed:
            piece = self._next_piece()
            self._unsent_bytes -= len(piece)
            self._send(piece)

    def close(self) -> None:
        """The connection is over: drop what is queued, end every wait and timer."""
        if self._closed:
            return
        self._closed = True
        self._queue.clear()
        self.inside = False
        self._unsent_bytes = self._begun_bytes = 0
        self._end_stall()
        self._end_excess()
        self._settle()

    def give_up(self, reason: str) -> None:
        """What was to follow cannot be had: break the connection, which tells the peer so."""
        if not self._closed:
            self._give_up(reason)

    def pauseProducing(self) -> None:
        """The transport has enough; it may say so several times."""
        if self._paused or self._closed:
            return
        self._paused = True
        self._stall = self._clock.callLater(STALL_S, self._give_up, "the peer reads nothing")
        if self._on_flow is not None:
            self._on_flow(False)

    def resumeProducing(self) -> None:
        """The transport has sent all it had."""
        if not self._paused or self._closed:
            return
        self._paused = False
        self._end_stall()
        self._flush()
        if self._on_flow is not None and not self._paused:
            self._on_flow(True)

    def stopProducing(self) -> None:
        """The transport is gone."""
        self.close()

    def _flush(self) -> None:
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._queue and not self._paused and not self._closed:
                piece = self._next_piece()
                self._unsent_bytes -= len(piece)
                self._send(piece)
        finally:
            self._flushing = False
        if not self._over_limit:
            self._end_excess()
        self._settle()

    def _next_piece(self) -> bytes:
        # Cut when its turn comes: all at once, megabytes would be copied in one reactor turn.
        parts, start = self._queue[0], self._begun_bytes
        data = parts[0]
        if len(data) - start > SLICE_BYTES:
            self._begun_bytes += SLICE_BYTES
            self.inside = True
            return data[start : start + SLICE_BYTES]
        parts.popleft()
        self._begun_bytes = 0
        self.inside = bool(parts)
        if not parts:
            self._queue.popleft()
        return data[start:]

    @property
    def _over_limit(self) -> bool:
        return self._max_unsent_bytes is not None and self._unsent_bytes > self._max_unsent_bytes

    def _watch_excess(self) -> None:
        if self._over_limit and self._excess is None:
            self._excess = self._clock.callLater(
                EXCESS_S, self._give_up, "the peer reads too slowly"
            )

    def _give_up(self, reason: str) -> None:
        self.close()
        self._abort(reason)

    def _settle(self) -> None:
        if self._closed or not (self._queue or self._paused):
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.callback(not self._closed)

    def _end_stall(self) -> None:
        call, self._stall = self._stall, None
        if call is not None and call.active():
            call.cancel()

    def _end_excess(self) -> None:
        call, self._excess = self._excess, None
        if call is not None and call.active():
            call.cancel()
