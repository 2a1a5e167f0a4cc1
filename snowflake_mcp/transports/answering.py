"""The answer to one request: whole, piece by piece, or none because its client left."""

# mypy: allow-untyped-calls

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IProtocol
from twisted.logger import Logger

from snowflake_mcp.auth.caller import Caller
from snowflake_mcp.auth.watching import Watch
from snowflake_mcp.ops.clocks import wall_clock
from snowflake_mcp.protocol.pieces import Body
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.exchange import JSON, HeaderList
from snowflake_mcp.transports.headers import BODILESS, head_parts, with_own
from snowflake_mcp.transports.heads import Fields, Head
from snowflake_mcp.transports.outlet import SLICE_BYTES, Outlet

if TYPE_CHECKING:
    from snowflake_mcp.transports.channel import Channel
    from snowflake_mcp.transports.site import Site
    from snowflake_mcp.transports.tree import Route

__all__ = ["GONE", "Answering"]

GONE: Final = 499
"""In logs only: the client left before its answer was complete."""
_NOBODY: Final = Caller(Principal(""))
_log = Logger()


class Answering:
    """The half of ``Exchange`` that answers; reactor thread only."""

    caller = _NOBODY
    """Who is calling; nobody where the path does not ask."""
    principal = _NOBODY.principal
    """The same, as other layers see it."""
    route: "Route | None" = None
    received_bytes = 0
    sent_bytes = 0
    """Of the answer's body."""
    status = 200
    """Of the answer, once there is one."""
    finished = False
    """Whether all of the answer has been written."""
    told: dict[str, object] | None = None
    """What is to be said in the line of the exchange of the request that it carried."""
    _begun = False
    """Whether it is too late for another head."""
    _over = False
    _chunked = False
    _mute = False
    _outlet: Outlet | None = None
    _watch: Watch | None = None
    _gone_callbacks: list[Callable[[], None]] | None = None

    request_id: str
    """The client's, when it is harmless, else one of ours."""
    peer: str
    """The client's address as far as it is known; "local" on a Unix socket."""

    channel: "Channel"
    head: Head
    verb: str
    target: str
    fields: Fields
    began_s: float
    """On the reactor's clock."""
    _site: "Site"

    def watch(self, ended: Callable[[], None]) -> Watch:
        """Call ``ended`` once when the caller's credential ends before the answer does."""
        watch = self._site.callers.watch(self.caller, ended)
        if not self._over:
            self._watch = watch
        return watch

    def respond(
        self,
        status: int,
        body: Body = b"",
        *,
        content_type: str = JSON,
        headers: HeaderList = (),
    ) -> None:
        """Answer with a whole body and end the exchange."""
        if self._begun:
            return
        size = len(body)
        bodiless = status in BODILESS
        head = self._head(
            status, content_type if size else None, headers, None if bodiless else size
        )
        if bodiless or self.verb == "HEAD":
            self.channel.answer(head)
            self.finish()
        elif type(body) is not bytes or size > SLICE_BYTES:
            # The idle clock of the connection starts with finish(): it must not run while a
            # slow client is still reading what we have written.
            self.channel.write(head)
            self._open_outlet().write(body)
            self.end_stream()
        else:
            self.sent_bytes = size
            self.channel.answer(head + body)
            self.finish()

    def stream(
        self,
        content_type: str,
        headers: HeaderList = (),
        *,
        status: int = 200,
        length: int | None = None,
    ) -> Outlet:
        """Begin an answer piece by piece."""
        if self._over:
            outlet = self._new_outlet()
            outlet.close()
            return outlet
        self._mute = self.verb == "HEAD"
        self._chunked = length is None and self.head.version == b"HTTP/1.1" and not self._mute
        self.channel.write(self._head(status, content_type, headers, length))
        return self._open_outlet(self._site.max_unsent_bytes)

    def end_stream(self) -> None:
        """End the answer once all of it has left."""
        if self._outlet is not None and not self._over:
            self._outlet.drained().addCallback(self._end)

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Call back once if the client leaves before the answer is complete."""
        if not self._over:
            if self._gone_callbacks is None:
                self._gone_callbacks = []
            self._gone_callbacks.append(callback)
        elif not self.finished:
            callback()

    def tell(self, said: dict[str, object]) -> bool:
        """Say this of the request in the line of the exchange, unless the answer has begun."""
        if self._begun or self.told is not None:
            return False
        self.told = said
        return True

    def switch(self, protocol: IProtocol) -> None:
        """Give the connection to another protocol."""
        if not self._over:
            self._over = self._begun = True
            self._gone_callbacks = None
            self._site.record(self, 101)
            self.channel.hand_over(protocol)

    def finish(self) -> None:
        """All of the answer is written: the connection may go on."""
        self._over = self.finished = True
        self._gone_callbacks = None
        if self._watch is not None:
            self._watch.stop()
        if self._chunked:
            self.channel.write(b"0\r\n\r\n")
        self._site.record(self, self.status)
        self.channel.requestDone(self)

    def lost(self) -> None:
        """The client left first."""
        self._over = self._begun = True
        self._site.record(self, GONE)
        if self._watch is not None:
            self._watch.stop()
        if self._outlet is not None:
            self._outlet.close()
        callbacks, self._gone_callbacks = self._gone_callbacks, None
        for callback in callbacks or ():
            callback()

    def _head(
        self, status: int, content_type: str | None, headers: HeaderList, length: int | None
    ) -> bytes:
        """The head of the answer; without a length its end is told by chunks or by closing."""
        self._begun = True
        self.status = status
        site, channel = self._site, self.channel
        if site.cors.on and (self.route is None or self.route.cors):
            origins = self.fields.get("origin")
            headers = (*site.cors.answer_headers(origins[-1] if origins else None), *headers)
        if site.draining:
            channel.persistent = False
        closes = not channel.persistent
        start, lines, end = head_parts(
            int(wall_clock()), self.head.version, status, content_type, self._chunked, closes
        )
        if headers:
            lines = with_own(lines, headers)
        size = "" if length is None else f"Content-Length: {length}\r\n"
        return f"{start}{self.request_id}\r\n{lines}{size}{end}".encode()

    def _write(self, data: bytes) -> None:
        """A piece of the body."""
        if self.finished or self._mute or not data:
            return
        self.sent_bytes += len(data)
        if self._chunked:
            self.channel.writeSequence([b"%x\r\n" % len(data), data, b"\r\n"])
        else:
            self.channel.write(data)

    def _new_outlet(self, max_unsent_bytes: int | None = None) -> Outlet:
        return Outlet(self._write, self._site.clock, self._drop, max_unsent_bytes=max_unsent_bytes)

    def _open_outlet(self, max_unsent_bytes: int | None = None) -> Outlet:
        self._outlet = self._new_outlet(max_unsent_bytes)
        self.channel.registerProducer(self._outlet, True)
        return self._outlet

    def _end(self, delivered: bool) -> None:
        if delivered and self._outlet is not None and not self._over:
            self._outlet.close()
            self.channel.unregisterProducer()
            self.finish()

    def _drop(self, reason: str) -> None:
        _log.warn(
            "request {request_id}: connection dropped, {reason}",
            request_id=self.request_id,
            reason=reason,
        )
        self.channel.abort()
