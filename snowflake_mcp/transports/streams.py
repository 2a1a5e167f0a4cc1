"""One answer to one POST: JSON if it comes soon and alone, an event stream otherwise."""

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from snowflake_mcp.config.model import HttpSettings
from snowflake_mcp.protocol.alarms import Alarms
from snowflake_mcp.protocol.calls import Reply
from snowflake_mcp.protocol.events import EventStream
from snowflake_mcp.protocol.pieces import Body, enclosed
from snowflake_mcp.transports.exchange import EVENT_STREAM, Exchange, HeaderList
from snowflake_mcp.transports.outlet import Outlet

__all__ = ["Answer", "Line", "encode_event"]

_STREAM_HEADERS: Final[HeaderList] = (("X-Accel-Buffering", "no"),)
_KEEPALIVE: Final = b": keep-alive\n\n"
RETRY_MS: Final = 500
"""After a stream that the server closed, the client comes back so soon."""


def encode_event(message: Body, event_id: str | None = None) -> Body:
    """One JSON-RPC message as a server-sent event; encoded JSON holds no line breaks."""
    head = b"" if event_id is None else b"id: " + event_id.encode() + b"\n"
    return enclosed(head + b"event: message\ndata: ", message, b"\n\n")


class Line:
    """An open event stream on one HTTP response, kept alive through silence.

    It is the ``Sink`` of a session's ``EventStream``. Reactor thread only.
    """

    def __init__(
        self,
        exchange: Exchange,
        clock: IReactorTime,
        keepalive_s: float,
        *,
        primer: str | None = None,
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._keepalive_s = keepalive_s
        self._over = False
        self._timer: IDelayedCall | None = None
        self._outlet: Outlet = exchange.stream(EVENT_STREAM, _STREAM_HEADERS)
        exchange.on_gone(self.abandon)
        if primer is not None:
            self._outlet.write(f"id: {primer}\nretry: {RETRY_MS}\ndata: \n\n".encode())
        self._watch_silence()

    def event(self, event_id: str, message: Body) -> None:
        """Send a numbered message."""
        self.write(encode_event(message, event_id))

    def write(self, data: Body) -> None:
        """Send an encoded event."""
        if not self._over:
            self._outlet.write(data)
            self._watch_silence()

    def end(self) -> None:
        """Nothing more will come on this response."""
        if not self._over:
            self.abandon()
            self._exchange.end_stream()

    def abandon(self) -> None:
        """The client is gone: nothing more is sent."""
        self._over = True
        self._stop_timer()

    def _watch_silence(self) -> None:
        self._stop_timer()
        self._timer = self._clock.callLater(self._keepalive_s, self._keep_alive)

    def _keep_alive(self) -> None:
        if self._outlet.unsent_bytes == 0:
            # With bytes still waiting the stream is not silent, only slow.
            self._outlet.write(_KEEPALIVE)
        self._watch_silence()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


class Answer:
    """The late commitment: the answer stays open until something forces its shape.

    A reply that comes first is one JSON body with its own status code. A notification, or
    ``stream_after_s`` of silence (after which proxies begin to cut), commits to an event stream;
    the reply is then its last event. That of a session (``open_on``) has numbered events, which
    are kept, so that the client may come back for them. Reactor thread only.
    """

    settled = False
    """Whether it is over: all has been said, or nobody listens and nobody will."""
    _committed = False
    _line: Line | None = None
    _stream: EventStream | None = None
    _alarms: Alarms | None = None
    _open_stream: Callable[[], EventStream] | None = None
    _primed = False

    def __init__(
        self,
        exchange: Exchange,
        clock: IReactorTime,
        settings: HttpSettings,
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._settings = settings

    def open_on(self, open_stream: Callable[[], EventStream], *, primed: bool) -> None:
        """It belongs to a session, which keeps the events; ``primed``: an empty one comes first."""
        self._open_stream = open_stream
        self._primed = primed

    @property
    def resumable(self) -> bool:
        """Whether a client that lost the connection can come back for the rest."""
        return self._stream is not None

    @property
    def carried(self) -> bool:
        """Whether a connection waits for the rest, the first one or a later one."""
        return self._stream is not None and self._stream.attached

    def await_reply(self, alarms: Alarms) -> None:
        """The call has begun, and waits: from now on silence counts."""
        if not self.settled and not self._committed:
            self._alarms = alarms
            alarms.set(self, self._clock.seconds() + self._settings.stream_after_s)

    def wake(self, _: float) -> None:
        """It has been silent for so long that it becomes a stream; only ``Alarms`` calls this."""
        self._commit()

    def notify(self, message: bytes) -> None:
        """Send a message that belongs to the request; commits to a stream."""
        if not self.settled:
            self._commit()
            self._put(message)

    def release(self) -> None:
        """Close the response; the request goes on and its client comes back for the rest."""
        if self.settled or self._open_stream is None or not self._primed:
            return
        self._commit()
        if self._line is not None and self._stream is not None:
            self._stream.detach(self._line)
            self._line.end()
            self._line = None

    def settle(self, reply: Reply | None) -> None:
        """End the answer; ``None``: the client took the request back and is owed no message."""
        if self.settled:
            return
        self.settled = True
        if self._alarms is not None:
            self._alarms.drop(self)
        # With 0 even an answer that is there at once is a stream, unless its status or its
        # headers have something to say.
        if (
            reply is not None
            and not self._committed
            and (self._settings.stream_after_s != 0 or reply.error_code or reply.session_id)
        ):
            headers: HeaderList = ()
            if reply.session_id is not None:
                headers = (("Mcp-Session-Id", reply.session_id),)
            elif reply.retry_after_s is not None:
                headers = (("Retry-After", str(reply.retry_after_s)),)
            self._exchange.respond(reply.status, reply.body, headers=headers)
            return
        self._commit()
        if reply is not None:
            self._put(reply.body)
        if self._stream is not None:
            self._stream.finish()
        elif self._line is not None:
            self._line.end()

    def _put(self, message: Body) -> None:
        if self._stream is not None:
            self._stream.put(message)
        elif self._line is not None:
            self._line.write(encode_event(message))

    def _commit(self) -> None:
        if self._committed:
            return
        self._committed = True
        primer = None
        if self._open_stream is not None:
            self._stream = self._open_stream()
            primer = self._stream.prime() if self._primed else None
        keepalive_s = self._settings.keepalive_s
        self._line = Line(self._exchange, self._clock, keepalive_s, primer=primer)
        if self._stream is not None:
            self._stream.attach(self._line)

    def abandon(self) -> None:
        """The client has left; a session's stream goes on without it."""
        if self._stream is None:
            self.settled = True
        elif self._line is not None:
            self._stream.detach(self._line)
            self._line = None
        if self._alarms is not None:
            self._alarms.drop(self)
