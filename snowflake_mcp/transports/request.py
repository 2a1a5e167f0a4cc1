"""One request and its answer, whatever parser read it: judged before its body is read."""

# mypy: allow-untyped-calls

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol
from twisted.logger import Logger

from snowflake_mcp.auth.caller import Caller, Found
from snowflake_mcp.auth.watching import Watch
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.answering import BODILESS, encode_head
from snowflake_mcp.transports.channel import Channel
from snowflake_mcp.transports.exchange import JSON, HeaderList, Refusal
from snowflake_mcp.transports.outlet import SLICE_BYTES, Outlet
from snowflake_mcp.transports.proxies import Source
from snowflake_mcp.transports.tree import Endpoint, Route

__all__ = ["GONE", "Request"]

GONE: Final = 499
"""In logs only: the client left before its answer was complete."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NOBODY: Final = Caller(Principal(""))
_log = Logger()


class Request:
    """One request and its answer; implements ``Exchange``. Reactor thread only.

    The channel calls ``judge`` once the head is read, ``receive`` for the pieces of the body,
    ``complete`` at its end, and ``lost`` when the client left first.
    """

    found: Found | None = None
    route: Route | None = None
    body = b""
    received_bytes = 0
    sent_bytes = 0
    """Of the answer's body."""
    status = 200
    """Of the answer, once there is one."""
    finished = False
    """Whether all of the answer has been written."""
    _endpoint: Endpoint | None = None
    _refusal: Refusal | None = None
    _begun = False
    _over = False
    _chunked = False
    _mute = False
    _outlet: Outlet | None = None
    _watch: Watch | None = None

    def __init__(
        self,
        channel: Channel,
        method: bytes,
        uri: bytes,
        version: bytes,
        headers: Mapping[str, list[str]],
    ) -> None:
        """``headers`` by lower-case name; ``version`` is ``HTTP/1.0`` or ``HTTP/1.1``."""
        self.channel = channel
        self._site = channel.factory
        self._headers = headers
        self._version = version
        path, _, query = uri.partition(b"?")
        self.verb = method.decode("ascii", "backslashreplace")
        self.target = path.decode("ascii", "backslashreplace")
        self.query = query.decode("ascii", "replace")
        self.began_s = self._site.clock.seconds()
        self._source: Source = self._site.proxies.source(
            channel.peer_host, "https" if channel.secure else "http", self.header_values
        )
        offered = headers.get("x-request-id")
        if offered is not None and _REQUEST_ID.fullmatch(offered[-1]):
            self.request_id = offered[-1]
        else:
            self.request_id = os.urandom(8).hex()
        self._chunks: list[bytes] = []
        self._gone_callbacks: list[Callable[[], None]] = []

    def judge(self, length: int | None) -> None:
        """The headers are complete: judge the request before its body is read.

        A refusal with a body still to come is answered at once and ends the connection; without
        one it waits its turn, so that the connection can go on. ``length``: of the body, ``None``
        where only its end will tell.
        """
        try:
            self.route = self._site.tree.find(self.target)
            self._endpoint = self._site.judge(self)
            if length is not None and length > self._site.max_body_bytes:
                raise self._site.too_large
        except Refusal as refusal:
            self._refusal = refusal
        except Exception:  # noqa: BLE001 - a fault of ours must not end without an answer
            _log.failure("request {request_id} could not be judged", request_id=self.request_id)
            self._refusal = self._fault()
        if self._refusal is not None and length != 0:
            self._refuse_unread(self._refusal)

    def receive(self, data: bytes) -> None:
        """Keep a piece of the body in memory, as far as the limit goes."""
        if self._over:
            return
        self.received_bytes += len(data)
        if self.received_bytes > self._site.max_body_bytes:
            self._chunks.clear()
            self._refuse_unread(self._site.too_large)
        else:
            self._chunks.append(data)

    def complete(self) -> None:
        """The body has come: answer, by the endpoint that the path table names."""
        self.body = b"".join(self._chunks)
        self._chunks.clear()
        if self._refusal is not None:
            self._answer_refusal(self._refusal)
        elif callable(self.found):
            waiting = Deferred.fromCoroutine(self._learn(self.found))
            self.on_gone(waiting.cancel)
        else:
            self._answer()

    async def _learn(self, identify: Callable[[], Awaitable[Caller]]) -> None:
        """Find out who calls, then answer."""
        try:
            self.found = await identify()
            self._endpoint = self._site.choose(self)
        except CancelledError:
            # The client has left, and nobody waits for this.
            return
        except Refusal as refusal:
            self._answer_refusal(refusal)
        except Exception:  # noqa: BLE001 - a fault of ours must not end without an answer
            _log.failure("the caller of {request_id} is not known", request_id=self.request_id)
            self._answer_fault()
        else:
            self._answer()

    def _answer(self) -> None:
        try:
            cast(Endpoint, self._endpoint)(self)
        except Refusal as refusal:
            self._answer_refusal(refusal)
        except Exception:  # noqa: BLE001 - a fault of ours must not end without an answer
            _log.failure("request {request_id} failed", request_id=self.request_id)
            self._answer_fault()

    @property
    def caller(self) -> Caller:
        """Who is calling; nobody where the path does not ask."""
        return self.found if isinstance(self.found, Caller) else _NOBODY

    @property
    def principal(self) -> Principal:
        """The same, as other layers see it."""
        return self.caller.principal

    def identify_as(self, caller: Caller) -> None:
        """Something else than a credential has shown who calls."""
        self.found = caller

    def watch(self, ended: Callable[[], None]) -> Watch:
        """Call ``ended`` once when the caller's credential ends before the answer does."""
        watch = self._site.callers.watch(self.caller, ended)
        if not self._over:
            self._watch = watch
        return watch

    def header(self, name: str) -> str | None:
        """The last value of a header, or ``None``."""
        values = self._headers.get(name.lower())
        return values[-1] if values else None

    def header_values(self, name: str) -> list[str]:
        """Every value of a header."""
        return self._headers.get(name.lower()) or []

    def respond(
        self,
        status: int,
        body: bytes = b"",
        *,
        content_type: str = JSON,
        headers: HeaderList = (),
    ) -> None:
        """Answer with a whole body and end the exchange."""
        if self._over or self._begun:
            return
        bodiless = status in BODILESS
        head = self._head(
            status, content_type if body else None, headers, None if bodiless else len(body)
        )
        if bodiless or self.verb == "HEAD":
            self.channel.answer(head)
            self.finish()
        elif len(body) > SLICE_BYTES:
            # The idle clock of the connection starts with finish(): it must not run while a
            # slow client is still reading what we have written.
            self.channel.write(head)
            self._open_outlet().write(body)
            self.end_stream()
        else:
            self.sent_bytes = len(body)
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
        self._chunked = length is None and self._version == b"HTTP/1.1" and not self._mute
        self.channel.write(self._head(status, content_type, headers, length))
        return self._open_outlet(self._site.max_unsent_bytes)

    def end_stream(self) -> None:
        """End the answer once all of it has left."""
        if self._outlet is not None and not self._over:
            self._outlet.drained().addCallback(self._end)

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Call back once if the client leaves before the answer is complete."""
        if not self._over:
            self._gone_callbacks.append(callback)
        elif not self.finished:
            callback()

    def switch(self, protocol: IProtocol) -> None:
        """Give the connection to another protocol."""
        if not self._over:
            self._over = True
            self._gone_callbacks.clear()
            self._site.record(self, 101)
            self.channel.hand_over(protocol)

    def finish(self) -> None:
        """All of the answer is written: the connection may go on."""
        self._over = self.finished = True
        self._gone_callbacks.clear()
        self._end_watch()
        if self._chunked:
            self.channel.write(b"0\r\n\r\n")
        self._site.record(self, self.status)
        self.channel.requestDone(self)

    def lost(self) -> None:
        """The client left first."""
        self._over = True
        self._site.record(self, GONE)
        self._end_watch()
        if self._outlet is not None:
            self._outlet.close()
        callbacks, self._gone_callbacks = self._gone_callbacks, []
        for callback in callbacks:
            callback()

    def local_address(self) -> str | None:
        """The server's own address on this connection; ``None`` on a Unix socket."""
        return self.channel.local_host

    @property
    def peer(self) -> str:
        """The client's address; "local" on a Unix socket."""
        return self._source.address

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return self._source.scheme

    @property
    def certificate_name(self) -> str | None:
        """The name in the client's TLS certificate."""
        return self.channel.certificate_name

    @property
    def proxied(self) -> bool:
        """Whether a trusted proxy passed it on."""
        return self._source.proxied

    def _end_watch(self) -> None:
        if self._watch is not None:
            self._watch.stop()

    def _head(
        self, status: int, content_type: str | None, headers: HeaderList, length: int | None
    ) -> bytes:
        """The head of the answer; without a length its end is told by chunks or by closing."""
        self._begun, self.status = True, status
        if self.route is None or self.route.cors:
            headers = (*self._site.cors.answer_headers(self.header("origin")), *headers)
        if self._site.draining:
            self.channel.persistent = False
        return encode_head(
            self._version,
            status,
            self.request_id,
            content_type,
            headers,
            length,
            chunked=self._chunked,
            closes=not self.channel.persistent,
        )

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

    def _answer_refusal(self, refusal: Refusal) -> None:
        rpc = self.route is not None and self.route.rpc
        self.respond(refusal.status, refusal.encode(rpc=rpc), headers=refusal.headers)

    def _refuse_unread(self, refusal: Refusal) -> None:
        self.channel.stop_reading()
        self._answer_refusal(refusal)

    def _answer_fault(self) -> None:
        if self._over:
            return
        if self._begun:
            # Half an answer cannot be taken back; only a broken connection says so.
            self.channel.abort()
            return
        self._answer_refusal(self._fault())

    def _fault(self) -> Refusal:
        return Refusal(500, "internal", f"Internal error (reference {self.request_id}).")
