"""What a method returned, shaped as the result that its protocol revision defines."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.apps import APPS, shows_views
from snowflake_mcp.protocol.metakeys import SERVER_INFO_META_KEY
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tasks import EXTENSION
from snowflake_mcp.protocol.tooling import Offer, ToolResult

__all__ = [
    "MethodResult",
    "ServerIdentity",
    "capabilities",
    "for_revision",
    "shape",
    "tool_for_revision",
]

MethodResult = dict[str, Any] | ToolResult
"""What a method gives back: a result in the newest revision's members, or a tool's outcome."""

CACHEABLE: Final = frozenset(
    {
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "server/discover",
        "tools/list",
    }
)
_CACHE_MS: Final = 60_000
"""Lists change only with the configuration; a minute keeps a reload visible soon."""

_SINCE: Final[Mapping[str, str]] = {"title": "2025-06-18", "icons": "2025-11-25"}
_TOOL_SINCE: Final[Mapping[str, str]] = {
    **_SINCE,
    "annotations": "2025-03-26",
    "outputSchema": "2025-06-18",
}


class ServerIdentity(msgspec.Struct, frozen=True, eq=False):
    """How the server presents itself in every era."""

    name: str
    title: str
    version: str
    instructions: Callable[[Principal], str]
    """What clients of a principal are told when they meet the server."""

    def implementation(self, version: str) -> Mapping[str, Any]:
        """The ``Implementation`` object of a revision; the same one, for nobody to change."""
        return _implementation(self.name, self.title, self.version, version)


@lru_cache(maxsize=32)
def _implementation(name: str, title: str, own: str, version: str) -> Mapping[str, Any]:
    return for_revision({"name": name, "title": title, "version": own}, version)


def capabilities(offer: Offer, version: str, declared_by: Mapping[str, Any]) -> dict[str, Any]:
    """What the server declares in a revision, from what it offers.

    ``declared_by`` the client; handshake revisions know of extensions only where it does.
    """
    declared: dict[str, Any] = {"tools": {"listChanged": True}, "logging": {}}
    if offer.prompts is not None:
        declared["prompts"] = {"listChanged": True}
    if offer.library is not None:
        declared["resources"] = {"subscribe": True, "listChanged": True}
    if offer.completions is not None and eras.is_version_at_least(version, "2025-03-26"):
        declared["completions"] = {}
    if eras.is_stateless(version):
        declared["extensions"] = {EXTENSION: {}}
    if offer.views and shows_views(declared_by):
        declared.setdefault("extensions", {})[APPS] = {}
    return declared


def for_revision(
    entry: Mapping[str, Any], version: str, since: Mapping[str, str] = _SINCE
) -> dict[str, Any]:
    """A description without the members that the revision does not know."""
    return {
        member: value
        for member, value in entry.items()
        if eras.is_version_at_least(version, since.get(member, eras.KNOWN[0]))
    }


def tool_for_revision(tool: Mapping[str, Any], version: str) -> dict[str, Any]:
    """A tool's description without the members that the revision does not know."""
    return for_revision(tool, version, _TOOL_SINCE)


def shape(
    method: str, result: MethodResult, version: str, identity: ServerIdentity
) -> dict[str, Any]:
    """The ``result`` member of the response, as the revision defines it."""
    if isinstance(result, ToolResult):
        wire = _tool_result(result, version)
        if version not in eras.STATELESS:
            return wire
        wire["resultType"] = "complete"
    else:
        wire = dict(result)
        if version not in eras.STATELESS:
            return wire
        if wire.setdefault("resultType", "complete") == "complete" and method in CACHEABLE:
            wire.setdefault("ttlMs", _CACHE_MS)
            wire.setdefault("cacheScope", "private")
    meta = _server_meta(identity, version)
    wire["_meta"] = {**meta, **wire["_meta"]} if "_meta" in wire else meta
    return wire


@lru_cache(maxsize=32)
def _server_meta(identity: ServerIdentity, version: str) -> dict[str, Any]:
    """What the ``_meta`` of each answer says of the server; the same object, for all to read."""
    return {SERVER_INFO_META_KEY: identity.implementation(version)}


def _tool_result(result: ToolResult, version: str) -> dict[str, Any]:
    text = result.text
    content: list[Mapping[str, Any]]
    content = [{"type": "text", "text": text}] if text is not None else []
    wire: dict[str, Any] = {"content": content}
    if result.blocks:
        content.extend(result.blocks)
    if result.structured is not None and eras.has_structured_content(version):
        wire["structuredContent"] = result.structured
    meta = result.meta
    if result.failure is not None:
        wire["isError"] = True
        why = {
            "family": result.failure.family.value,
            "retryable": result.failure.retryable,
            **result.failure.details,
        }
        meta = {**meta, "snowflake-mcp/failure": why}
    if meta:
        wire["_meta"] = meta
    return wire
