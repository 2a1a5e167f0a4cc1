"""The interactive view of a result: one document for clients with MCP Apps."""

import base64
import hashlib
from pathlib import Path
from typing import Final

from snowflake_mcp.protocol.apps import View

__all__ = ["VIEW_URI", "result_view"]

VIEW_URI: Final = "ui://snowflake-mcp/result"
_TOOLS: Final = frozenset({"chart_query", "execute_query", "fetch_results"})
_PARTS: Final = Path(__file__).with_name("view_parts")


def result_view() -> View:
    """The document, whole: it loads nothing and runs nothing that is not in it."""
    style = (_PARTS / "view.css").read_text("utf-8")
    script = (_PARTS / "view.js").read_text("utf-8")
    # Not str.format: the parts are full of braces.
    html = (_PARTS / "view.html").read_text("utf-8")
    html = html.replace("/*policy*/", _policy(script, style))
    html = html.replace("/*style*/", style).replace("/*script*/", script)
    return View(VIEW_URI, html, _TOOLS)


def _policy(script: str, style: str) -> str:
    """Beside that of the client: this script, this style, and no markup made of text."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_digest(script)}",
            f"style-src {_digest(style)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
