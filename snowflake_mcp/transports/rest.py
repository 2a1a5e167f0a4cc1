"""The tools as plain REST, for scripts and people with ``curl``: list them, call one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.errors import INVALID_PARAMS, Family, McpError, ToolFailure
from snowflake_mcp.protocol.jsonrpc import MalformedMessageError, decode
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.pieces import encode
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.transports.exchange import (
    Exchange,
    HeaderList,
    Refusal,
    encode_problem,
)
from snowflake_mcp.transports.tree import Route

__all__ = ["FAMILY_STATUS", "RestTools"]

FAMILY_STATUS: Final[Mapping[Family, int]] = {
    Family.INVALID_ARGUMENT: 400,
    Family.UNKNOWN_TOOL: 404,
    Family.REFUSED: 403,
    Family.SYNTAX: 422,
    Family.MISSING_OBJECT: 422,
    Family.STATEMENT: 422,
    Family.FORBIDDEN: 403,
    Family.AUTH: 503,
    Family.UNAVAILABLE: 503,
    Family.BUSY: 503,
    Family.LIMIT: 429,
    Family.TIMEOUT: 504,
    Family.CANCELLED: 409,
    Family.INTERNAL: 500,
}
"""The HTTP status of each kind of failure; the kind itself is ``error.code`` in the body."""

_RETRY_AFTER_S: Final = 5
"""Where nobody knows when it would go better."""
_LISTED: Final = ("name", "title", "description", "inputSchema", "outputSchema")
_CLIENT_CHARS: Final = 80
_MESSAGE_CHARS: Final = 300


class _CallBody(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)


class RestTools:
    """``GET /mcp/tools`` and ``POST /mcp/tools/call``; reactor thread only."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/mcp/tools", {"GET": self.list}),
            Route("/mcp/tools/call", {"POST": self.call}),
        ]

    def list(self, exchange: Exchange) -> None:
        """Every tool that the caller may use."""
        tools = [
            {member: tool[member] for member in _LISTED if member in tool}
            for tool in self._tools(exchange)
        ]
        exchange.respond(200, msgspec.json.encode({"tools": tools}))

    def call(self, exchange: Exchange) -> None:
        """Run a tool; the answer's status says how it went."""
        try:
            body = msgspec.convert(decode(exchange.body), _CallBody)
        except MalformedMessageError as error:
            exchange.respond(400, encode_problem("bad_json", error.message))
            return
        except msgspec.ValidationError as error:
            message = str(error)[:_MESSAGE_CHARS]
            exchange.respond(400, encode_problem("invalid_argument", message))
            return
        # What the caller does not have the kernel refuses, where it leaves its trail.
        known = any(tool["name"] == body.name for tool in self._tools(exchange))
        facts = Facts(
            transport="rest",
            principal=exchange.principal,
            version=eras.LATEST_STATELESS,
            client=_printable(exchange.header("user-agent") or ""),
            peer=exchange.peer,
            origin=exchange.origin,
        )
        call = self._kernel.start_tool(body.name, body.arguments, facts, exchange.tell)
        exchange.on_gone(lambda: call.cancel("disconnect"))
        call.reply.addCallback(_settle, exchange, body.name, known)

    def _tools(self, exchange: Exchange) -> Sequence[Mapping[str, Any]]:
        try:
            return self._kernel.describe_tools(exchange.principal)
        except McpError as error:
            raise Refusal(error.status or 500, "forbidden", error.message) from None


def _settle(
    outcome: ToolResult | McpError | None, exchange: Exchange, name: str, known: bool
) -> None:
    if outcome is None:
        # Only a client that left takes its call back here, and it hears nothing any more.
        return
    if isinstance(outcome, McpError):
        status = outcome.status or (400 if outcome.code == INVALID_PARAMS else 500)
        code = Family.INVALID_ARGUMENT if status < 500 else Family.INTERNAL
        if status == 400 and not known:
            status, code = 404, Family.UNKNOWN_TOOL
        exchange.respond(status, encode_problem(code.value, outcome.message))
    elif outcome.failure is not None:
        _respond_failure(exchange, outcome.failure)
    else:
        answer = {
            "name": name,
            "result": outcome.structured,
            "text": outcome.text,
            "meta": outcome.meta,
            **({"content": list(outcome.blocks)} if outcome.blocks else {}),
        }
        exchange.respond(200, encode(answer))


def _respond_failure(exchange: Exchange, failure: ToolFailure) -> None:
    headers: HeaderList = ()
    retry_after_s = failure.details.get("retry_after_s")
    if retry_after_s is None and failure.family in (Family.BUSY, Family.LIMIT):
        retry_after_s = _RETRY_AFTER_S
    if retry_after_s is not None:
        headers = (("Retry-After", str(retry_after_s)),)
    extra = {"hint": failure.hint, "retryable": failure.retryable, "details": failure.details}
    exchange.respond(
        FAMILY_STATUS[failure.family],
        encode_problem(failure.family.value, failure.message, extra),
        headers=headers,
    )


def _printable(text: str) -> str:
    return "".join(ch if ch.isprintable() else "?" for ch in text[:_CLIENT_CHARS])
