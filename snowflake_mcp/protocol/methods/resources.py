"""``resources/*``: list, read, and tell when one changes."""

from collections.abc import Mapping, Sequence
from typing import Any

from snowflake_mcp.protocol.answers import for_revision
from snowflake_mcp.protocol.apps import View
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.cursors import Cursors
from snowflake_mcp.protocol.errors import INVALID_PARAMS, INVALID_REQUEST, McpError
from snowflake_mcp.protocol.live import Live
from snowflake_mcp.protocol.tooling import Library

__all__ = ["ResourceMethods"]


class ResourceMethods:
    """The resource methods over one library; reactor thread only."""

    def __init__(self, library: Library, cursors: Cursors, views: Sequence[View] = ()) -> None:
        self._library = library
        self._views = {view.uri: view for view in views}
        self._cursors = cursors

    async def list(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """A page of the resources."""
        return self._page("resources", await self._library.resources(context), params, context)

    async def templates(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """A page of the resource templates."""
        found = await self._library.templates(context)
        return self._page("resourceTemplates", found, params, context)

    async def read(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """The contents of one resource."""
        # Views are found by their tools and hold no data: they are in no list.
        if (view := self._views.get(params["uri"])) is not None:
            return {"contents": [view.contents]}
        return {"contents": list(await self._library.read(params["uri"], context))}

    async def subscribe(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """Handshake era: tell this session when the resource changes."""
        uri = params["uri"]
        if not self._library.can_watch(uri, context.facts.principal):
            raise McpError(INVALID_PARAMS, "Changes of this resource are not told", {"uri": uri})
        _session(context).watch(uri)
        return {}

    async def unsubscribe(
        self, params: Mapping[str, Any], context: RequestContext
    ) -> dict[str, Any]:
        """Handshake era: tell it no longer; unknown subscriptions are ignored."""
        _session(context).watched.discard(params["uri"])
        return {}

    def _page(
        self, name: str, entries: Any, params: Mapping[str, Any], context: RequestContext
    ) -> dict[str, Any]:
        page = self._cursors.page(name, entries, params, context.facts.principal)
        page[name] = [for_revision(entry, context.facts.version) for entry in page[name]]
        return page


def _session(context: RequestContext) -> Live:
    if context.live is None:
        raise McpError(INVALID_REQUEST, "There is no session that could be told of changes")
    return context.live
