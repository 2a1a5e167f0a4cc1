"""The layer that refuses new tool calls while an operator keeps the doors closed."""

from collections.abc import Coroutine
from typing import Any, Final

from snowflake_mcp.ops.doors import Doors
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.kernel import Layer, Perform
from snowflake_mcp.protocol.settlement import failed

__all__ = ["STILL_OPEN", "keep_doors"]

STILL_OPEN: Final = frozenset({"cancel_query", "get_query_status"})
"""What looks after statements that run already is let through: to stop one is always good."""


def keep_doors(doors: Doors) -> Layer:
    """A layer that asks ``doors`` before each tool call; what runs already goes on."""

    def layer(inner: Perform) -> Perform:
        async def closed() -> MethodResult:
            return failed(_closed(doors))

        def perform(
            method: str, params: dict[str, Any], context: RequestContext
        ) -> Coroutine[Any, Any, MethodResult]:
            if doors.closed and method == "tools/call" and context.tool not in STILL_OPEN:
                return closed()
            return inner(method, params, context)

        return perform

    return layer


def _closed(doors: Doors) -> ToolFailure:
    if doors.maintenance is not None:
        return ToolFailure(
            Family.UNAVAILABLE,
            f"The server is in maintenance: {doors.maintenance}",
            "Tell your user, and call again later. What was running goes on.",
            retryable=True,
            details={"reason": "maintenance"},
        )
    return ToolFailure(
        Family.UNAVAILABLE,
        "The server takes no new calls: it is being drained.",
        "Call again in some seconds; another instance may answer. What was running goes on.",
        retryable=True,
        details={"reason": "draining"},
    )
