"""``tools/list`` and ``tools/call``."""

from collections.abc import Mapping
from typing import Any

from snowflake_mcp.protocol.answers import tool_for_revision
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.cursors import Cursors
from snowflake_mcp.protocol.tooling import Toolbox, ToolResult

__all__ = ["ToolMethods"]


class ToolMethods:
    """The tool methods over one toolbox; reactor thread only."""

    def __init__(self, toolbox: Toolbox, cursors: Cursors) -> None:
        self._toolbox = toolbox
        self._cursors = cursors

    async def list(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """A page of the tools, in the toolbox's stable order."""
        facts = context.facts
        described = self._toolbox.describe(facts.principal)
        page = self._cursors.page("tools", described, params, facts.principal)
        page["tools"] = [tool_for_revision(tool, facts.version) for tool in page["tools"]]
        return page

    async def call(self, params: Mapping[str, Any], context: RequestContext) -> ToolResult:
        """Run a tool; its failures are results that the model can read."""
        return await self._toolbox.call(params["name"], params.get("arguments") or {}, context)
