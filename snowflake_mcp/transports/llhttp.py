"""The same connection on another parser: ``llhttp`` reads the heads, in C.

What a request line may be, where a head and a body end, and every limit is decided here, so each
head is given to a parser of its own, whole: nothing of one request can reach the next, and
no byte of a body is ever taken for a head. llhttp's leniencies stay off.
"""

# mypy: allow-untyped-calls

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IProtocol
from twisted.python.failure import Failure
from twisted.web.http import _ChunkedTransferDecoder, _MalformedChunkedDataError

from snowflake_mcp.transports.channel import BODY_S, HEAD_S, Channel
from snowflake_mcp.transports.heads import REQUEST_LINE, Fields, Head, Heads
from snowflake_mcp.transports.request import Request
from snowflake_mcp.transports.sockets import write_at_once

__all__ = ["LlhttpChannel"]

_MAX_HEAD_BYTES: Final = 16_384
"""Of a request line and its headers, line ends not counted."""
_EAGER_BYTES: Final = 16_384
"""Read ahead while a request is answered: to learn soon that its client left, and no more."""


class LlhttpChannel(Channel):
    """``Channel`` with every step of reading replaced; reactor thread only."""

    _now: Callable[[], float]

    def __init__(self) -> None:
        super().__init__()
        self._heads = Heads()
        self._buffer = b""
        self._arriving: Request | None = None
        self._missing_bytes = 0
        self._chunks: _ChunkedTransferDecoder | None = None
        self._blank = False
        self._judged_line = False
        self._reading = False
        self._halted = False
        self._idle: IDelayedCall | None = None
        self._idle_s: float | None = None
        self._active_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether a request is being read or answered."""
        return self._judged_line or bool(self.requests)

    def connectionMade(self) -> None:
        """The clock is asked at each step."""
        self._now = self.factory.clock.seconds
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Read on, unless nothing more of this client is wanted."""
        if self._deaf:
            return
        if self._successor is not None:
            self._successor.dataReceived(data)
            return
        self._active_s = self._now()
        self._buffer = self._buffer + data if self._buffer else data
        if not self._handlingRequest:
            self._read()
        elif len(self._buffer) > _EAGER_BYTES and not self._waitingForTransport:
            self._halt()

    def requestDone(self, request: Any) -> None:
        """The answer is written: the connection goes on, or ends."""
        self._quiet_since_s = self._active_s = self._now()
        self.requests.clear()
        if self._halted and not self._waitingForTransport:
            self._go_on()
        if not self.persistent:
            self.loseConnection()
            return
        self._handlingRequest = False
        if self._buffer:
            self._read()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # untyped there
        """What was read is worth nothing now."""
        lost, self.requests[:] = list(self.requests), []
        super().connectionLost(reason)
        for request in lost:
            request.lost()

    def answer(self, data: bytes) -> None:
        """Write a whole answer, at once where the socket takes it."""
        write_at_once(self.transport, data)

    def refuse(self, refusal: Any) -> None:
        """Answer below the level of requests, and close."""
        self._arriving = None
        super().refuse(refusal)

    def hand_over(self, protocol: IProtocol) -> None:
        """Give the socket to another protocol, and what came after the upgrade request."""
        super().hand_over(protocol)
        self.setTimeout(None)
        if not self._reading:
            # Its own opening comes first.
            self.callLater(0, self._pass_on, protocol)

    def pauseProducing(self) -> None:
        """The client does not read: no more of its requests are read."""
        self._waitingForTransport = True
        if self._requestProducer is not None:
            self._requestProducer.pauseProducing()
        if not self._handlingRequest:
            self._halt()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self._waitingForTransport = False
        if self._requestProducer is not None:
            self._requestProducer.resumeProducing()
        if not self._handlingRequest:
            self._go_on()

    def setTimeout(self, period: float | None) -> float | None:
        """Close when idle for so long; one timer looks from time to time, none is set anew."""
        before, self._idle_s = self._idle_s, period
        self._active_s = self.factory.clock.seconds()
        if period is None:
            call, self._idle = self._idle, None
            if call is not None and call.active():
                call.cancel()
        elif self._idle is None:
            self._idle = self.callLater(period, self._look_idle)
        return before

    def _look_idle(self) -> None:
        self._idle = None
        if self._idle_s is None:
            return
        left_s = self._idle_s
        if not self._handlingRequest:
            left_s -= self.factory.clock.seconds() - self._active_s
        if left_s > 0:
            self._idle = self.callLater(left_s, self._look_idle)
        else:
            self.timeoutConnection()

    def _read(self) -> None:
        if self._reading:
            # Further up the stack somebody goes on with the next request.
            return
        self._reading = True
        try:
            while self._buffer and not (self._handlingRequest or self._deaf):
                if self._arriving is not None:
                    self._read_body(self._arriving)
                elif not self._read_head():
                    break
        finally:
            self._reading = False

    def _read_head(self) -> bool:
        """Read a head, and its body as far as it is here; ``False``: there is no whole one."""
        data, heads = self._buffer, self._heads
        if data.startswith(heads.block):
            # Those bytes once more: a whole head, neither too large nor wrong.
            found, end = heads.found, heads.size
        elif data.startswith(b"\r\n") and not self._blank:
            # Some clients send one line end too many after a body.
            self._blank = True
            self._buffer = data[2:]
            if not self._buffer:
                self._end_deadline()
            return True
        else:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._judge_part(data)
                return False
            found = None if _is_too_large(data, end - 4) else heads.read(data[:end])
        self._blank = False
        if self._deadline is not None:
            # It came in parts.
            self._judged_line = False
            self._end_deadline()
        if found is None:
            self._respondToBadRequestAndDisconnect()
            return False
        head, fields, length = found
        self._begin(head, fields, length, data[end:])
        return True

    def _judge_part(self, data: bytes) -> None:
        """What there is of a head: what cannot become one is refused before it is whole."""
        if not self._judged_line:
            self._judged_line = REQUEST_LINE.match(data) is not None
            if not self._judged_line and b"\r\n" in data:
                self._respondToBadRequestAndDisconnect()
                return
        if _is_too_large(data, len(data)):
            self._respondToBadRequestAndDisconnect()
        elif self._deadline is None:
            self._deadline = self.callLater(HEAD_S, self._too_slow)

    def _begin(self, head: Head, fields: Fields, length: int | None, data: bytes) -> None:
        """A head has been read, and ``data`` is what came behind it."""
        request = Request(self, head, fields, self._active_s)
        self.requests.append(request)
        # Where the server stops meanwhile, the head of the answer ends the connection.
        self.persistent = head.lasts
        request.judge(length)
        if self._deaf:
            return
        if head.expects:
            self._send100Continue()
        if length == len(data):
            # Nearly always: all of the body is here, and nothing behind it.
            request.body, self._buffer = data, b""
        elif length is not None and length < len(data):
            request.body, self._buffer = data[:length], data[length:]
        else:
            self._await_body(request, length, data)
            return
        # What is here was judged by its length.
        request.received_bytes = length
        self._serve(request)

    def _await_body(self, request: Request, length: int | None, data: bytes) -> None:
        self._buffer = data
        self._arriving = request
        self._deadline = self.callLater(BODY_S, self._too_slow)
        if length is not None:
            self._missing_bytes = length
        else:
            # private: the one place that knows where a chunked body ends.
            self._chunks = _ChunkedTransferDecoder(request.receive, self._end_chunks)

    def _read_body(self, request: Request) -> None:
        """Take what is here of the body; what is behind it stays unread."""
        data, self._buffer = self._buffer, b""
        if self._chunks is not None:
            try:
                self._chunks.dataReceived(data)
            except _MalformedChunkedDataError:
                self._respondToBadRequestAndDisconnect()
            return
        missing = self._missing_bytes
        if len(data) > missing:
            data, self._buffer = data[:missing], data[missing:]
        self._missing_bytes = missing = missing - len(data)
        request.receive(data)
        if missing == 0 and not self._deaf:
            self._complete(request)

    def _end_chunks(self, rest: bytes) -> None:
        self._buffer = rest
        request = self._arriving
        if request is not None and not self._deaf:
            self._complete(request)

    def _complete(self, request: Request) -> None:
        """The rest of a body has come."""
        self._arriving = self._chunks = None
        self._end_deadline()
        self._serve(request)

    def _serve(self, request: Request) -> None:
        """The request has been read: nothing more is, until it is answered."""
        self._handlingRequest = True
        request.complete()
        if self._successor is not None:
            self._pass_on(self._successor)

    def _pass_on(self, successor: IProtocol) -> None:
        data, self._buffer = self._buffer, b""
        if data:
            successor.dataReceived(data)

    def _halt(self) -> None:
        if not self._halted:
            self._halted = True
            self._networkProducer.pauseProducing()

    def _go_on(self) -> None:
        if self._halted:
            self._halted = False
            self._networkProducer.resumeProducing()


def _is_too_large(data: bytes, size: int) -> bool:
    """Whether the first ``size`` bytes are more than a head may have."""
    return size > _MAX_HEAD_BYTES and size - 2 * data.count(b"\r\n", 0, size) > _MAX_HEAD_BYTES
