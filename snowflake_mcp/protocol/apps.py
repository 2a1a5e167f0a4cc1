"""The extension MCP Apps: documents that show a tool's results, for clients that declare it.

Revision 2026-01-26 of ``io.modelcontextprotocol/ui``: a tool names a ``ui://`` resource in its
``_meta``; the client reads it, shows it in a frame of its own, and sends the results there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["APPS", "MIME_TYPE", "SCHEME", "View", "shows_views"]

APPS: Final = "io.modelcontextprotocol/ui"
MIME_TYPE: Final = "text/html;profile=mcp-app"
SCHEME: Final = "ui://"


@dataclass(frozen=True, slots=True)
class View:
    """One document; it loads nothing and needs no permission of the browser."""

    uri: str
    html: str
    tools: frozenset[str]
    """Whose results it shows."""

    @property
    def tool_meta(self) -> dict[str, Any]:
        """What of it stands in the ``_meta`` of its tools."""
        return {"ui": {"resourceUri": self.uri}}

    @property
    def contents(self) -> dict[str, Any]:
        """The document as ``resources/read`` gives it."""
        nowhere: dict[str, Any] = {
            "connectDomains": [],
            "resourceDomains": [],
            "frameDomains": [],
            "baseUriDomains": [],
        }
        return {
            "uri": self.uri,
            "mimeType": MIME_TYPE,
            "text": self.html,
            "_meta": {"ui": {"csp": nowhere, "prefersBorder": True}},
        }


def shows_views(capabilities: Mapping[str, Any]) -> bool:
    """Whether a client that declares these can show documents such as ours."""
    extensions = capabilities.get("extensions")
    declared = extensions.get(APPS) if isinstance(extensions, dict) else None
    types = declared.get("mimeTypes") if isinstance(declared, dict) else None
    return isinstance(types, list) and MIME_TYPE in types
