"""One HTTP request and its answer as endpoints see them, whatever parser reads the wire.

Nothing here or in the endpoints knows ``twisted.web``: ``site`` implements ``Exchange`` over it,
and another HTTP parser could do the same without a change to MCP code.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec
from twisted.internet.interfaces import IProtocol

from snowflake_mcp.auth.caller import Caller
from snowflake_mcp.auth.watching import Watch
from snowflake_mcp.protocol.errors import INTERNAL_ERROR, INVALID_REQUEST, McpError
from snowflake_mcp.protocol.jsonrpc import encode_error
from snowflake_mcp.protocol.pieces import Body
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.heads import Fields, Head
from snowflake_mcp.transports.outlet import Outlet

__all__ = [
    "EVENT_STREAM",
    "JSON",
    "Exchange",
    "HeaderList",
    "Refusal",
    "encode_problem",
]

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"

HeaderList = Sequence[tuple[str, str]]


class Refusal(Exception):
    """A request that the transport itself answers: wrong host, path, method, type or size.

    ``code`` is a fixed word for programs, ``message`` one sentence for people. Neither ever
    repeats what the client sent.
    """

    def __init__(self, status: int, code: str, message: str, headers: HeaderList = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers

    def encode(self, *, rpc: bool) -> bytes:
        """The body: a JSON-RPC error without id on the MCP path, a plain JSON error elsewhere."""
        if not rpc:
            return encode_problem(self.code, self.message)
        code = INVALID_REQUEST if self.status < 500 else INTERNAL_ERROR
        return encode_error(None, McpError(code, self.message, {"reason": self.code}))


def encode_problem(code: str, message: str, extra: Mapping[str, object] | None = None) -> bytes:
    """The JSON error body of REST and probes: ``{"error": {"code", "message", ...}}``."""
    return msgspec.json.encode({"error": {"code": code, "message": message, **(extra or {})}})


class Exchange(Protocol):
    """A request whose head and body have been read, and the one answer it is owed.

    Reactor thread only. Once the client is gone every way of answering is a no-op.
    """

    @property
    def verb(self) -> str:
        """The HTTP method, upper case as it was sent."""

    @property
    def target(self) -> str:
        """The path without the query string, as it was sent."""

    @property
    def query(self) -> str:
        """The query string, as it was sent; never logged."""

    @property
    def request_id(self) -> str:
        """The client's ``X-Request-Id`` when it is harmless, else one of ours."""

    @property
    def principal(self) -> Principal:
        """Who is calling."""

    @property
    def caller(self) -> Caller:
        """The same, with what showed it."""

    def identify_as(self, caller: Caller) -> None:
        """Something else than a credential has shown who calls; on paths that ask for none."""

    def watch(self, ended: Callable[[], None]) -> Watch:
        """Call ``ended`` once when the caller's credential ends before the answer does.

        After ``switch`` the new protocol has to stop the watch itself.
        """

    @property
    def peer(self) -> str:
        """The client's address as far as it is known; "local" on a Unix socket."""

    @property
    def scheme(self) -> str:
        """``http`` or ``https``, as the client speaks it."""

    @property
    def origin(self) -> str:
        """Scheme and host by which the client has reached us; the host was checked before."""

    @property
    def head(self) -> Head:
        """What it says beside the headers that change, and what was found out about that."""

    @property
    def fields(self) -> Fields:
        """Every value of each header in the order they came, by lower-case name, as Latin-1."""

    @property
    def proxied(self) -> bool:
        """Whether a trusted proxy passed it on: only then may its headers speak of the client."""

    @property
    def certificate_name(self) -> str | None:
        """The name in the client's verified TLS certificate; ``None`` where there is none."""

    @property
    def body(self) -> bytes:
        """The whole request body; never longer than the limit."""

    def header(self, name: str) -> str | None:
        """The last value of a header, decoded as Latin-1, or ``None``."""

    def header_values(self, name: str) -> list[str]:
        """Every value of a header in the order they came."""

    def respond(
        self,
        status: int,
        body: Body = b"",
        *,
        content_type: str = JSON,
        headers: HeaderList = (),
    ) -> None:
        """Answer with a whole body and end the exchange."""

    def stream(
        self,
        content_type: str,
        headers: HeaderList = (),
        *,
        status: int = 200,
        length: int | None = None,
    ) -> Outlet:
        """Begin an answer piece by piece; ``end_stream`` ends it.

        Exactly ``length`` bytes have to follow; ``None``: its end is open.
        """

    def end_stream(self) -> None:
        """End an answer that ``stream`` began, once all of it has left."""

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Call back once if the client leaves before the answer is complete."""

    def tell(self, said: dict[str, object]) -> bool:
        """Say this of the one request that the exchange carries in the exchange's line, too.

        With ``True`` the dictionary is the exchange's.

        ``False``: it is too late for that, or will not be known before the client has read an
        event stream to its end; whoever asks has to say it by itself.
        """

    def switch(self, protocol: IProtocol) -> None:
        """Give the connection to another protocol; the exchange is over."""
