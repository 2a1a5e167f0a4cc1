"""Response headers that every answer carries, and what CORS adds for allowed origins."""

import re
from collections.abc import Iterable
from typing import Final

from snowflake_mcp.transports.exchange import HeaderList

__all__ = ["SECURITY", "Cors"]

SECURITY: Final[HeaderList] = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
"""On every answer of every status. ``Cache-Control`` gives way to an endpoint's own."""

_REQUEST_HEADERS: Final = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Last-Event-ID",
    "Mcp-Method",
    "Mcp-Name",
    "MCP-Protocol-Version",
    "Mcp-Session-Id",
    "Traceparent",
    "X-Request-Id",
)
_EXPOSED: Final = "Mcp-Session-Id, Retry-After, WWW-Authenticate, X-Request-Id"
_PREFLIGHT_MAX_AGE_S: Final = 600
_PARAMETER: Final = re.compile(r"mcp-param-[a-z0-9!#$%&'*+.^_`|~-]{1,100}", re.IGNORECASE)
_MAX_PARAMETERS: Final = 32


class Cors:
    """Cross-origin reading for exactly the configured origins; by default for none."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    def answer_headers(self, origin: str | None) -> HeaderList:
        """What an answer to ``origin`` carries so that a page there may read it."""
        if not self._origins:
            return ()
        vary = ("Vary", "Origin")
        if origin is None or origin.lower() not in self._origins:
            return (vary,)
        return (
            vary,
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", _EXPOSED),
        )

    def preflight_headers(
        self, origin: str | None, requested: str, methods: Iterable[str]
    ) -> HeaderList | None:
        """What a preflight is answered with, or ``None`` when ``origin`` may not ask.

        ``requested`` is the client's ``Access-Control-Request-Headers``: parameters mirrored in
        headers have names that only the tools know, so those are let through by their prefix.
        """
        if origin is None or origin.lower() not in self._origins:
            return None
        parameters = [
            name
            for name in (part.strip() for part in requested.split(","))
            if _PARAMETER.fullmatch(name)
        ][:_MAX_PARAMETERS]
        return (
            ("Access-Control-Allow-Methods", ", ".join(methods)),
            ("Access-Control-Allow-Headers", ", ".join((*_REQUEST_HEADERS, *parameters))),
            ("Access-Control-Max-Age", str(_PREFLIGHT_MAX_AGE_S)),
        )
