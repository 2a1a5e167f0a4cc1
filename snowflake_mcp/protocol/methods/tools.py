"""``tools/list`` and ``tools/call``."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol.answers import tool_for_revision
from snowflake_mcp.protocol.apps import View, shows_views
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.cursors import Cursors
from snowflake_mcp.protocol.tooling import Toolbox, ToolResult

__all__ = ["ToolMethods"]

_MAX_LISTS: Final = 64


class ToolMethods:
    """The tool methods over one toolbox; reactor thread only."""

    def __init__(self, toolbox: Toolbox, cursors: Cursors, views: Sequence[View] = ()) -> None:
        self._toolbox = toolbox
        self._shown_by = {tool: view for view in views for tool in view.tools}
        self._cursors = cursors
        # With the list itself, so that no other one can have its identity.
        self._encoded: dict[tuple[int, str, bool], tuple[object, msgspec.Raw]] = {}

    async def list(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """A page of the tools, in the toolbox's stable order."""
        facts = context.facts
        described = self._toolbox.describe(facts.principal)
        page = self._cursors.page("tools", described, params, facts.principal)
        # Others would pay for views in tokens.
        shown = shows_views(facts.capabilities)
        if len(page["tools"]) == len(described):
            page["tools"] = self._whole(described, facts.version, shown)
        else:
            page["tools"] = [self._form(tool, facts.version, shown) for tool in page["tools"]]
        return page

    def _form(self, tool: Mapping[str, Any], version: str, shown: bool) -> dict[str, Any]:
        """A tool in a revision's form, with its view where that can be shown."""
        made = tool_for_revision(tool, version)
        if shown and (view := self._shown_by.get(tool["name"])) is not None:
            made["_meta"] = {**made.get("_meta", {}), **view.tool_meta}
        return made

    def _whole(
        self, described: Sequence[Mapping[str, Any]], version: str, shown: bool
    ) -> msgspec.Raw:
        """The list in a revision's form, encoded once for as long as it is the same object."""
        kept = self._encoded.get((id(described), version, shown))
        if kept is None:
            if len(self._encoded) >= _MAX_LISTS:
                self._encoded.clear()
            tools = [self._form(tool, version, shown) for tool in described]
            kept = described, msgspec.Raw(msgspec.json.encode(tools))
            self._encoded[id(described), version, shown] = kept
        return kept[1]

    def call(
        self, params: Mapping[str, Any], context: RequestContext
    ) -> Coroutine[Any, Any, ToolResult]:
        """Run a tool; its failures are results that the model can read."""
        context.tool_reached = True
        return self._toolbox.call(params["name"], params.get("arguments") or {}, context)
