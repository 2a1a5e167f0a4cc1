"""The head of an answer: what every one carries, and what CORS adds for allowed origins."""

import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from twisted.web.http import datetimeToString

from snowflake_mcp.transports.exchange import HeaderList

__all__ = ["BODILESS", "SECURITY", "Cors", "head_parts", "with_own"]

BODILESS: Final = frozenset({204, 304})
"""Answers that never have a body, nor a word of its length."""

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
        self.on = bool(self._origins)
        """Whether answers differ by the origin that asks."""

    def answer_headers(self, origin: str | None) -> HeaderList:
        """What an answer to ``origin`` carries so that a page there may read it."""
        if not self.on:
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


def with_own(lines: str, headers: HeaderList) -> str:
    """The middle part of a head, with an answer's own headers.

    A header that comes again takes the place of the one before, so ``headers`` may replace any of
    those that every answer has.
    """
    named = {name.lower(): (name, value) for name, value in (*SECURITY, *headers)}
    own = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in named.values())
    return own + lines.removeprefix(_ALWAYS)


_ALWAYS: Final = "".join(f"{name}: {value}\r\n" for name, value in SECURITY)


@lru_cache(maxsize=32)
def head_parts(
    second: int,
    version: bytes,
    status: int,
    content_type: str | None,
    chunked: bool,
    closes: bool,
) -> tuple[str, str, str]:
    """What heads of this kind and second share: before the id, between id and length, the end.

    ``second`` since the epoch is that of the date.
    """
    first = f"{version.decode('ascii')} {status} {HTTPStatus(status).phrase}"
    date = str(datetimeToString(second), "ascii")
    lines = _ALWAYS if content_type is None else f"{_ALWAYS}Content-Type: {content_type}\r\n"
    coding = "Transfer-Encoding: chunked\r\n" if chunked else ""
    closing = "Connection: close\r\n" if closes else ""
    return f"{first}\r\nDate: {date}\r\nX-Request-Id: ", lines, f"{coding}{closing}\r\n"


def _one_line(value: str) -> str:
    """No value of ours has a line break; were one to slip in, it must not become a header."""
    return " ".join(_pieces(value)) if "\r" in value or "\n" in value else value


def _pieces(value: str) -> Iterable[str]:
    return value.replace("\r", "\n").split("\n")
