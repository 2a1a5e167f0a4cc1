"""The stateless era's request envelope: ``params._meta`` and, over HTTP, the routing headers.

Our own ladder instead of ``mcp.shared.inbound``: importing that module brings in anyio,
starlette, uvicorn and an HTTP client (25 MB and 150 ms at start), none of which runs here.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.errors import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    UNSUPPORTED_VERSION,
    McpError,
)
from snowflake_mcp.protocol.meta import Meta

__all__ = [
    "RoutingHeaders",
    "check_envelope",
    "header_value",
]

NAME_MEMBER: Final[Mapping[str, str]] = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/cancel": "taskId",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
}
"""Methods whose ``Mcp-Name`` header repeats a member of the params."""

_SENTINEL = re.compile(r"=\?base64\?([A-Za-z0-9+/=]*)\?=")


class RoutingHeaders(msgspec.Struct, frozen=True):
    """The MCP headers of one HTTP request, as sent; ``None`` where absent."""

    version: str | None = None
    method: str | None = None
    name: str | None = None
    session: str | None = None
    duplicated: frozenset[str] = frozenset()
    """Lower-case names of MCP headers that were sent more than once."""


def check_envelope(
    method: str, params: Mapping[str, Any] | None, meta: Meta, headers: RoutingHeaders | None
) -> None:
    """Check a stateless request's envelope, against the HTTP headers where there are any.

    The order of the checks is part of the promise: a client that contradicts itself is told
    so before it is told that a version is not served (2026-07-28, Streamable HTTP, "Server
    validation").

    Raises:
        McpError: -32602 for a broken envelope, -32020 for headers that disagree with it,
            -32022 for a revision that is not served.
    """
    if headers is not None and headers.duplicated:
        raise _mismatch(f"The header {min(headers.duplicated)} appears more than once")
    if meta.problem:
        raise McpError(INVALID_PARAMS, meta.problem, status=400)
    version = meta.version
    if headers is not None:
        if headers.version != version:
            raise _mismatch(_not_that("MCP-Protocol-Version", headers.version, "params._meta"))
        if headers.method != method:
            raise _mismatch(_not_that("Mcp-Method", headers.method, "the message's method"))
        member = NAME_MEMBER.get(method)
        if member is not None:
            value = (params or {}).get(member)
            if header_value(headers.name) != value and isinstance(value, str):
                raise _mismatch(f"The header Mcp-Name is missing or differs from params.{member}")
    if version not in eras.STATELESS:
        raise McpError(
            UNSUPPORTED_VERSION,
            f"Protocol version not served: {version[:40]}",
            {"supported": list(eras.STATELESS), "requested": version[:40]},
            status=400,
        )


def _mismatch(message: str) -> McpError:
    return McpError(HEADER_MISMATCH, message, status=400)


def _not_that(header: str, sent: str | None, other: str) -> str:
    return f"The header {header} {'is missing' if sent is None else f'differs from {other}'}"


def header_value(raw: str | None) -> str | None:
    """A header's value with the base64 sentinel undone; ``None`` when absent or corrupt."""
    if raw is None:
        return None
    match = _SENTINEL.fullmatch(raw)
    if match is None:
        return raw
    try:
        decoded = base64.b64decode(match[1], validate=True)
        # Several base64 texts can decode alike; only the canonical one is accepted, so that
        # two readers of the header cannot see two names.
        return decoded.decode() if base64.b64encode(decoded).decode() == match[1] else None
    except (binascii.Error, UnicodeDecodeError):
        return None
