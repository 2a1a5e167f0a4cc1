"""The status page: one HTML document that loads nothing else and runs nothing that is not in it."""

import base64
import hashlib
from pathlib import Path
from typing import Final

from snowflake_mcp.transports.exchange import Exchange, HeaderList
from snowflake_mcp.transports.levers import AdminSource
from snowflake_mcp.transports.tree import Route

__all__ = ["PAGE_PATH", "StatusPage"]

PAGE_PATH: Final = "/ui"
_PARTS: Final = Path(__file__).with_name("page_parts")


class StatusPage:
    """``GET /ui``; it holds no data, so that it needs no credential: the page asks for one."""

    def __init__(self, source: AdminSource) -> None:
        self._source = source
        style = (_PARTS / "page.css").read_text("utf-8")
        script = (_PARTS / "page.js").read_text("utf-8")
        # Not str.format: the parts are full of braces.
        text = (_PARTS / "page.html").read_text("utf-8")
        text = text.replace("/*style*/", style).replace("/*script*/", script)
        self._body = text.encode()
        self._headers: HeaderList = (
            ("Content-Security-Policy", _policy(script, style)),
            ("Cross-Origin-Opener-Policy", "same-origin"),
        )

    def routes(self) -> list[Route]:
        """Where it is, as long as somebody has the right to see what it shows."""
        return [
            Route(
                PAGE_PATH,
                {"GET": self.get},
                admits=lambda _exchange: self._source.exists,
                public=True,
                cors=False,
            )
        ]

    def get(self, exchange: Exchange) -> None:
        """The document."""
        exchange.respond(
            200, self._body, content_type="text/html; charset=utf-8", headers=self._headers
        )


def _policy(script: str, style: str) -> str:
    """Only this script and this style, only this server, no markup made of text."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_digest(script)}",
            f"style-src {_digest(style)}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
