"""What an HTTP request says, taken apart: its body, its token, the statement it submits."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from twisted.web.server import Request

from snowflake_mcp.simulator.frontdesk import Refused
from snowflake_mcp.simulator.statements import Submission

__all__ = ["Call", "body_of", "submission"]

MAX_BODY_BYTES: Final = 32 << 20
_TOKEN: Final = re.compile(r'Snowflake Token="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has been understood; reactor thread only."""

    name: str
    """Which of the routes, as ``wire`` names them."""
    request: Request
    body: Any
    names: tuple[str, ...]
    """The parts of the path that vary."""

    @property
    def token(self) -> str:
        """The token that the request carries, or an empty string."""
        found = _TOKEN.fullmatch(self.request.getHeader("authorization") or "")
        return found[1] if found else ""

    @property
    def base(self) -> str:
        """The address by which this client reaches the server."""
        place = self.request.getHost()
        return f"http://{self.request.getHeader('host') or f'{place.host}:{place.port}'}"

    @property
    def members(self) -> Mapping[str, Any]:
        """The body if it is a JSON object, else nothing."""
        return self.body if isinstance(self.body, dict) else {}

    def argument(self, name: str) -> str | None:
        """A value of the query string, or None."""
        values = self.request.args.get(name.encode("ascii")) if self.request.args else None
        return values[0].decode("utf-8", "replace") if values and values[0] else None


def body_of(request: Request) -> Any:
    """The decoded JSON body; an empty one is an empty object.

    :raises Refused: 413 beyond 32 MB, 400 for what is no JSON.
    """
    content = request.content
    raw = content.read(MAX_BODY_BYTES + 1) if content is not None else b""
    try:
        if request.getHeader("content-encoding") == "gzip" and raw:
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            raw = unpacker.decompress(raw, MAX_BODY_BYTES + 1)
        if len(raw) > MAX_BODY_BYTES:
            raise Refused(413, "390413", "the request is too large")
        return msgspec.json.decode(raw) if raw.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, zlib.error) as error:
        raise Refused(400, "390400", "the request is not JSON") from error


def submission(call: Call) -> Submission:
    """The statement that a query request submits.

    :raises Refused: 400 when it has no text.
    """
    body = call.members
    if not isinstance(body.get("sqlText"), str):
        raise Refused(400, "390400", "sqlText is missing")
    given = body.get("parameters")
    parameters = {
        str(name).upper(): value
        for name, value in (given if isinstance(given, dict) else {}).items()
    }
    bindings = body.get("bindings")
    return Submission(
        request_id=call.argument("requestId") or "",
        sql=body["sqlText"],
        base=call.base,
        parameters=parameters,
        statement_count=_count(parameters.get("MULTI_STATEMENT_COUNT")),
        describe_only=bool(body.get("describeOnly")),
        bindings=bindings if isinstance(bindings, dict) else {},
    )


def _count(value: object) -> int:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 10 else 1
