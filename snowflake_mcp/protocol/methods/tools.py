"""``tools/list`` and ``tools/call``."""

from collections.abc import Mapping
from typing import Any

from snowflake_mcp.protocol.answers import tool_for_revision
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError
from snowflake_mcp.protocol.tooling import Toolbox, ToolResult

__all__ = ["ToolMethods"]


class ToolMethods:
    """The tool methods over one toolbox; reactor thread only."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    async def list(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """All tools on one page, in the toolbox's stable order.

        Raises:
            McpError: -32602, a cursor was sent; no list of ours has a second page yet.
        """
        if "cursor" in params:
            raise McpError(INVALID_PARAMS, "Unknown cursor: the list of tools has a single page")
        facts = context.facts
        described = self._toolbox.describe(facts.principal)
        return {"tools": [tool_for_revision(tool, facts.version) for tool in described]}

    async def call(self, params: Mapping[str, Any], context: RequestContext) -> ToolResult:
        """Run a tool; its failures are results that the model can read."""
        return await self._toolbox.call(params["name"], params.get("arguments") or {}, context)
