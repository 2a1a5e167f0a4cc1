"""The connection on the parser of ``twisted.web``, which reads line by line."""

# mypy: allow-untyped-calls

import re
from typing import Any, Final

from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from snowflake_mcp.transports.channel import BODY_S, HEAD_S, Channel
from snowflake_mcp.transports.heads import MAX_LENGTH_DIGITS, Fields, Head, lasts
from snowflake_mcp.transports.request import Request

__all__ = ["TwistedChannel"]

_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class _Arriving:
    """A request as ``twisted.web`` fills it; once its head is whole there is one of ours."""

    def __init__(self, channel: "TwistedChannel", _queued: object) -> None:
        self.requestHeaders = Headers()
        self.responseHeaders = Headers()
        self._channel = channel
        self._request: Request | None = None

    def parseCookies(self) -> None:
        """Cookies mean nothing here."""

    def gotLength(self, length: int | None) -> None:
        """The head is whole."""
        headers = {
            name.decode("ascii").lower(): [value.decode("latin-1") for value in values]
            for name, values in self.requestHeaders.getAllRawHeaders()
        }
        self._request = self._channel.begin(headers)
        self._request.judge(length)

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        if self._request is not None:
            self._request.receive(data)

    def requestReceived(self, *_: object) -> None:
        """The end of the body."""
        if self._request is not None:
            self._request.complete()

    def connectionLost(self, _: Failure) -> None:
        """The client left; if it did so within the head, nothing is known of a request."""
        if self._request is not None:
            self._request.lost()


class TwistedChannel(Channel):
    """``Channel`` with the steps of reading as ``twisted.web`` takes them; reactor thread only."""

    requestFactory = _Arriving  # type: ignore[assignment]  # the base makes its own requests

    def dataReceived(self, data: bytes) -> None:
        """Parse, unless nothing more of this client is wanted."""
        if self._deaf:
            return
        super().dataReceived(data)
        # private: _buffer holds a request line that has not ended yet.
        reading = bool(self.requests) or bool(self._buffer)
        if not reading or self._handlingRequest or self._deaf or self._successor is not None:
            self._end_deadline()
        elif self._deadline is None:
            self._deadline = self.callLater(HEAD_S, self._too_slow)

    def lineReceived(self, line: bytes) -> None:
        """A request or header line; none is heard after a refusal."""
        if self._deaf:
            return
        if line[:1] in (b" ", b"\t"):
            # A header over several lines: who reads it otherwise reads another request.
            self._respondToBadRequestAndDisconnect()
            return
        super().lineReceived(line)

    def rawDataReceived(self, data: bytes) -> None:
        """Body bytes; after an upgrade whatever came along with the upgrade request."""
        if self._successor is not None:
            self._successor.dataReceived(data)
        elif not self._deaf:
            super().rawDataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line over 16 KiB is refused with an answer, not by silence."""
        self._respondToBadRequestAndDisconnect()

    def headerReceived(self, line: bytes) -> bool:
        """Refuse control characters, and codings or lengths that ``twisted.web`` lets through."""
        name, _, value = line.partition(b":")
        name = name.lower()
        if (
            _CONTROLS.search(value)
            or (name == b"content-length" and len(value.strip()) > MAX_LENGTH_DIGITS)
            or (name == b"transfer-encoding" and value.strip().lower() != b"chunked")
        ):
            self._respondToBadRequestAndDisconnect()
            return False
        return bool(super().headerReceived(line))

    def begin(self, fields: Fields) -> Request:
        """A request whose head has been read."""
        # private: the base class keeps the request line to itself until the body has come.
        head = Head(self._command, self._path, self._version, fields)
        return Request(self, head, fields, self.factory.clock.seconds())

    def allHeadersReceived(self) -> None:
        """The body has its own deadline."""
        self._end_deadline()
        super().allHeadersReceived()
        if not self._deaf and self.length != 0:
            self._deadline = self.callLater(BODY_S, self._too_slow)

    def allContentReceived(self) -> None:
        """The body is complete; that of a refused request, which still ran out, is nothing."""
        self._end_deadline()
        if not self._deaf:
            super().allContentReceived()

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """Whether the client wishes so; of a server that stops the answer's head tells."""
        fields = {"connection": request.requestHeaders.getRawHeaders("connection") or []}
        return lasts(version, fields)

    def requestDone(self, request: Any) -> None:
        """A client that goes on does so at once."""
        self._quiet_since_s = self.factory.clock.seconds()
        super().requestDone(self.requests[0])
