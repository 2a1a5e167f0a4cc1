"""How a request ended, in the one word that log, metrics, audit and traces have for it."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError

from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import McpError
from snowflake_mcp.protocol.kernel import Perform
from snowflake_mcp.protocol.tooling import ToolResult

__all__ = ["followed", "tool_known"]

Over = Callable[[str, dict[str, Any], RequestContext, str, MethodResult | None], None]
"""Told of the request (method, params, context), the word and, where there is one, the result."""


async def followed(
    inner: Perform, method: str, params: dict[str, Any], context: RequestContext, over: Over
) -> MethodResult:
    """Perform a request and tell ``over`` of its end, whatever that is.

    ``ok``, the family of a tool's failure, ``cancelled_`` with the reason, ``error_`` with the
    code, or ``internal``. Raises what ``inner`` raises.
    """
    outcome = "internal"
    result: MethodResult | None = None
    try:
        result = await inner(method, params, context)
        if isinstance(result, ToolResult) and result.failure is not None:
            outcome = result.failure.family.value
        else:
            outcome = "ok"
    except CancelledError:
        outcome = f"cancelled_{context.cancel_reason or 'unknown'}"
        raise
    except McpError as error:
        outcome = f"error_{error.code}"
        raise
    finally:
        over(method, params, context, outcome, result)
    return result


def tool_known(context: RequestContext, outcome: str) -> bool:
    """Whether the name of the tool is one of ours: a client that was refused may make up any."""
    return context.tool_reached and not outcome.startswith("error_")
