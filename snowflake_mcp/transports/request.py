"""One request, whatever parser read it: judged before its body is read, then answered."""

import os
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from snowflake_mcp.auth.caller import Caller
from snowflake_mcp.transports.answering import Answering
from snowflake_mcp.transports.exchange import Refusal
from snowflake_mcp.transports.heads import Fields, Head
from snowflake_mcp.transports.proxies import Source
from snowflake_mcp.transports.tree import Endpoint

if TYPE_CHECKING:
    from snowflake_mcp.transports.channel import Channel

__all__ = ["Request"]

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID_CHARS: Final = 16
_IDS_AT_ONCE: Final = 256
_log = Logger()


class Request(Answering):
    """One request and its answer; implements ``Exchange``. Reactor thread only.

    The channel calls ``judge`` once the head is read, ``receive`` for the pieces of the body,
    ``complete`` at its end, and ``lost`` when the client left first.
    """

    body = b""
    identify: Callable[[], Awaitable[Caller]] | None = None
    """How to find out who calls, where that takes a while."""
    _endpoint: Endpoint | None = None
    _refusal: Refusal | None = None
    _pieces: list[bytes] | None = None

    def __init__(self, channel: "Channel", head: Head, fields: Fields, began_s: float) -> None:
        """``began_s`` is of the reactor's clock."""
        # All of it here, not half of it in the base class: each request is one of these.
        self.channel = channel
        self._site = channel.factory
        self.head = head
        self.verb = head.verb
        self.target = head.target
        self.fields = fields
        self.began_s = began_s
        offered = fields.get("x-request-id")
        harmless = None if offered is None else _REQUEST_ID.fullmatch(offered[-1])
        self.request_id = next(_ids) if harmless is None else harmless[0]
        source = head.source
        if source is None:
            source = self._find_source()
        self.peer = source.address

    def _find_source(self) -> Source:
        """Where a head that has not been met before came from."""
        channel, head = self.channel, self.head
        head.source = source = self._site.proxies.source(
            channel.peer_host, "https" if channel.secure else "http", self.header_values
        )
        host = self.header("host")
        head.origin = f"{source.scheme}://{host}" if host else ""
        return source

    def judge(self, length: int | None) -> None:
        """The headers are complete: judge the request before its body is read.

        A refusal with a body still to come is answered at once and ends the connection; without
        one it waits its turn, so that the connection can go on. ``length``: of the body, ``None``
        where only its end will tell.
        """
        try:
            self._endpoint = self._site.judge(self, length)
        except Refusal as refusal:
            self._refusal = refusal
        except Exception:  # noqa: BLE001 - a fault of ours must not end without an answer
            _log.failure("request {request_id} could not be judged", request_id=self.request_id)
            self._refusal = self._fault()
        else:
            return
        if length != 0:
            self._refuse_unread(self._refusal)

    def receive(self, data: bytes) -> None:
        """Keep a piece of the body in memory, as far as the limit goes."""
        if self._over:
            return
        self.received_bytes += len(data)
        if self.received_bytes > self._site.max_body_bytes:
            self.body, self._pieces = b"", None
            self._refuse_unread(self._site.too_large)
        elif self._pieces is not None:
            self._pieces.append(data)
        elif self.body:
            self._pieces = [self.body, data]
        else:
            # Nearly always the only one.
            self.body = data

    def complete(self) -> None:
        """The body has come, or who calls is known: answer, by the endpoint of this path."""
        if self._pieces is not None:
            self.body, self._pieces = b"".join(self._pieces), None
        endpoint = self._endpoint
        if endpoint is None:
            self._answer_unjudged()
            return
        try:
            endpoint(self)
        except Refusal as refusal:
            self._answer_refusal(refusal)
        except Exception:  # noqa: BLE001 - a fault of ours must not end without an answer
            _log.failure("request {request_id} failed", request_id=self.request_id)
            self._answer_fault()

    def _answer_unjudged(self) -> None:
        """It was refused, or who calls has to be found out."""
        if self._refusal is not None:
            self._answer_refusal(self._refusal)
        elif self.identify is not None:
            waiting = Deferred.fromCoroutine(self._learn(self.identify))
            self.on_gone(waiting.cancel)

    async def _learn(self, identify: Callable[[], Awaitable[Caller]]) -> None:
        """Find out who calls, then answer."""
        try:
            self.identify_as(await identify())
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
            self.complete()

    def identify_as(self, caller: Caller) -> None:
        """Who calls has been found out, by a credential or by something else."""
        self.caller, self.principal = caller, caller.principal

    def header(self, name: str) -> str | None:
        """The last value of a header, or ``None``."""
        values = self.fields.get(name.lower())
        return values[-1] if values else None

    def header_values(self, name: str) -> list[str]:
        """Every value of a header."""
        return self.fields.get(name.lower()) or []

    def local_address(self) -> str | None:
        """The server's own address on this connection; ``None`` on a Unix socket."""
        return self.channel.local_host

    @property
    def query(self) -> str:
        """The query string, as it was sent; never logged."""
        return self.head.query

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        source = self.head.source
        return "" if source is None else source.scheme

    @property
    def origin(self) -> str:
        """Scheme and host by which the client has reached us."""
        return self.head.origin

    @property
    def certificate_name(self) -> str | None:
        """The name in the client's TLS certificate."""
        return self.channel.certificate_name

    @property
    def proxied(self) -> bool:
        """Whether a trusted proxy passed it on."""
        source = self.head.source
        return source is not None and source.proxied

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


def _made_ids() -> Iterator[str]:
    """Ids for requests that bring none, from the system's randomness, a block at a time.

    They stand in logs and answers and open nothing; random, they tell no client how many others
    ask, and no other process makes the same.
    """
    while True:
        block = os.urandom(_IDS_AT_ONCE * _ID_CHARS // 2).hex()
        yield from [block[at : at + _ID_CHARS] for at in range(0, len(block), _ID_CHARS)]


_ids: Final = _made_ids()
