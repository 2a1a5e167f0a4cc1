"""One request to Snowflake's REST interfaces without blocking: bounded in bytes, streamed."""

# mypy: allow-untyped-calls

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from snowflake_mcp.warehouse.event_stream import Event, EventStream
from snowflake_mcp.warehouse.tunnel import Ways

__all__ = ["BrokenResponseError", "Response", "TooLargeError", "post"]

_EVENTS: Final = "text/event-stream"
_OK: Final = 200


class TooLargeError(Exception):
    """The response is longer than it may be; the connection was closed."""


class BrokenResponseError(Exception):
    """The connection ended before the response did."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back."""

    status: int
    body: bytes
    """Empty where the events were told."""
    streamed: bool = False
    """It was a stream of events."""
    request_id: str = ""
    """Snowflake's, from the headers."""
    retry_after: str = ""
    """The header of this name."""


async def post(
    reactor: Any,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    parameters: Mapping[str, object],
    max_bytes: int,
    on_event: Callable[[Event], None] | None = None,
) -> Response:
    """POST and read the answer; reactor thread only.

    Cancelling closes the connection. Redirects are not followed: the token is for this host.
    ``parameters`` are the connection's, which may name a proxy. ``on_event`` is told the events
    of a stream as they come.

    Raises:
        TooLargeError: the response has more than ``max_bytes``.
        BrokenResponseError: it ended too early.
        Exception: whatever ``Agent`` raises where the host cannot be reached or trusted.
    """
    agent = Agent.usingEndpointFactory(reactor, Ways(reactor, parameters))
    sent = Headers({name: [value] for name, value in headers.items()})
    request = agent.request(b"POST", url.encode("ascii"), sent, _Sent(body))
    response: Any = await _cancellable(request)
    kind = _header(response, "content-type").partition(";")[0].strip().lower()
    streamed = response.code == _OK and kind == _EVENTS and on_event is not None
    reading = _Body(max_bytes, on_event if streamed else None)
    response.deliverBody(reading)
    if response.length is not UNKNOWN_LENGTH and response.length > max_bytes:
        reading.give_up()
    whole = await reading.whole
    return Response(
        response.code,
        whole,
        streamed,
        _header(response, "x-snowflake-request-id"),
        _header(response, "retry-after"),
    )


def _cancellable(request: "Deferred[Any]") -> "Deferred[Any]":
    """The same, but to cancel it is told as such and not as a connection that broke."""
    left = False

    def leave(_: object) -> None:
        nonlocal left
        left = True
        request.cancel()

    def came(result: Any) -> None:
        if not left:
            answer.callback(result)

    answer: Deferred[Any] = Deferred(leave)
    request.addBoth(came)
    return answer


def _header(response: Any, name: str) -> str:
    values = response.headers.getRawHeaders(name, [""])
    return str(values[0])


@implementer(IBodyProducer)
class _Sent:
    """A request's body, written at once: it is small."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length: Any = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write it."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing is left to hold back."""

    def resumeProducing(self) -> None:
        """Nothing is left."""

    def stopProducing(self) -> None:
        """Nothing is left."""


class _Body(Protocol):
    """A response's body up to a bound, or its events as they come."""

    transport: Any

    def __init__(self, max_bytes: int, on_event: Callable[[Event], None] | None) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self._close())
        self._left = max_bytes
        self._on_event = on_event
        self._events = EventStream()
        self._pieces: list[bytes] = []

    def give_up(self) -> None:
        """It is known to be too long."""
        self._end(TooLargeError())

    def dataReceived(self, data: bytes) -> None:
        """Keep a piece, or tell its events, as far as the bound goes."""
        if self.whole.called:
            return
        self._left -= len(data)
        if self._left < 0:
            self._end(TooLargeError())
            return
        if self._on_event is None:
            self._pieces.append(data)
            return
        try:
            for event in self._events.feed(data):
                self._on_event(event)
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer is told
            self._end(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The body is complete, or the connection broke."""
        if self.whole.called:
            return
        # Without a length the end of the connection is the end of the body, too.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(b"".join(self._pieces))
        else:
            self.whole.errback(BrokenResponseError())

    def _end(self, error: Exception) -> None:
        if not self.whole.called:
            self.whole.errback(error)
        self._close()

    def _close(self) -> None:
        self._pieces.clear()
        if self.transport is not None:
            self.transport.loseConnection()
