"""One answer to one POST: JSON if it comes soon and alone, an event stream otherwise."""

from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from snowflake_mcp.protocol.calls import Reply
from snowflake_mcp.transports.exchange import EVENT_STREAM, Exchange, HeaderList
from snowflake_mcp.transports.outlet import Outlet

__all__ = ["Answer", "encode_event"]

_STREAM_HEADERS: Final[HeaderList] = (("X-Accel-Buffering", "no"),)
_KEEPALIVE: Final = b": keep-alive\n\n"


def encode_event(message: bytes) -> bytes:
    """One JSON-RPC message as a server-sent event; encoded JSON holds no line breaks."""
    return b"event: message\ndata: " + message + b"\n\n"


class Answer:
    """The late commitment: the answer stays open until something forces its shape.

    A reply that comes first is one JSON body with its own status code. A notification, or
    ``stream_after_s`` of silence (after which proxies begin to cut), commits to an event stream;
    the reply is then its last event. Reactor thread only.
    """

    def __init__(
        self, exchange: Exchange, clock: IReactorTime, stream_after_s: float, keepalive_s: float
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._keepalive_s = keepalive_s
        self._outlet: Outlet | None = None
        self._over = False
        self._timer: IDelayedCall | None = clock.callLater(stream_after_s, self._commit)
        exchange.on_gone(self.abandon)

    def notify(self, message: bytes) -> None:
        """Send a notification that belongs to the request; commits to a stream."""
        if not self._over:
            self._commit().write(encode_event(message))
            self._watch_silence()

    def settle(self, reply: Reply | None) -> None:
        """End the answer; ``None``: the client took the request back and is owed no message."""
        if self._over:
            return
        self._over = True
        self._stop_timer()
        if self._outlet is None and reply is not None:
            session: HeaderList = ()
            if reply.session_id is not None:
                session = (("Mcp-Session-Id", reply.session_id),)
            self._exchange.respond(reply.status, reply.body, headers=session)
            return
        outlet = self._commit()
        if reply is not None:
            outlet.write(encode_event(reply.body))
        self._exchange.end_stream()

    def abandon(self) -> None:
        """The client is gone: nothing more is sent."""
        self._over = True
        self._stop_timer()

    def _commit(self) -> Outlet:
        if self._outlet is None:
            self._outlet = self._exchange.stream(EVENT_STREAM, _STREAM_HEADERS)
            if not self._over:
                self._watch_silence()
        return self._outlet

    def _watch_silence(self) -> None:
        self._stop_timer()
        self._timer = self._clock.callLater(self._keepalive_s, self._keep_alive)

    def _keep_alive(self) -> None:
        if self._outlet is not None and self._outlet.unsent_bytes == 0:
            # With bytes still waiting the stream is not silent, only slow.
            self._outlet.write(_KEEPALIVE)
        self._watch_silence()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
