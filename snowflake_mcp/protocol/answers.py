"""What a method returned, shaped as the result that its protocol revision defines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mcp_types import SERVER_INFO_META_KEY
from mcp_types.version import is_version_at_least

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.tooling import ToolResult

__all__ = ["MethodResult", "ServerIdentity", "shape", "tool_for_revision"]

MethodResult = dict[str, Any] | ToolResult
"""What a method gives back: a result in the newest revision's members, or a tool's outcome."""

CACHEABLE: Final = frozenset({"server/discover", "tools/list"})
_CACHE_MS: Final = 60_000
"""Tool lists change only with the configuration; a minute keeps a reload visible soon."""

_MEMBER_SINCE: Final[Mapping[str, str]] = {
    "annotations": "2025-03-26",
    "title": "2025-06-18",
    "outputSchema": "2025-06-18",
    "icons": "2025-11-25",
}


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """How the server presents itself in every era."""

    name: str
    title: str
    version: str
    instructions: str
    capabilities: Mapping[str, Any] = field(default_factory=lambda: {"tools": {}})

    def implementation(self, version: str) -> dict[str, Any]:
        """The ``Implementation`` object of a revision."""
        info: dict[str, Any] = {"name": self.name, "version": self.version}
        if is_version_at_least(version, "2025-06-18"):
            info["title"] = self.title
        return info


def tool_for_revision(tool: Mapping[str, Any], version: str) -> dict[str, Any]:
    """A tool's description without the members that the revision does not know."""
    return {
        member: value
        for member, value in tool.items()
        if is_version_at_least(version, _MEMBER_SINCE.get(member, eras.KNOWN[0]))
    }


def shape(
    method: str, result: MethodResult, version: str, identity: ServerIdentity
) -> dict[str, Any]:
    """The ``result`` member of the response, as the revision defines it."""
    wire = _tool_result(result, version) if isinstance(result, ToolResult) else dict(result)
    if not eras.is_stateless(version):
        return wire
    wire.setdefault("resultType", "complete")
    if method in CACHEABLE:
        wire.setdefault("ttlMs", _CACHE_MS)
        wire.setdefault("cacheScope", "private")
    wire["_meta"] = {
        SERVER_INFO_META_KEY: identity.implementation(version),
        **wire.get("_meta", {}),
    }
    return wire


def _tool_result(result: ToolResult, version: str) -> dict[str, Any]:
    wire: dict[str, Any] = {"content": [{"type": "text", "text": result.text}]}
    if result.structured is not None and eras.has_structured_content(version):
        wire["structuredContent"] = result.structured
    meta = dict(result.meta)
    if result.failure is not None:
        wire["isError"] = True
        meta["snowflake-mcp/failure"] = {
            "family": result.failure.family.value,
            "retryable": result.failure.retryable,
            **result.failure.details,
        }
    if meta:
        wire["_meta"] = meta
    return wire
