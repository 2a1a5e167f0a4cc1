"""A span for every request, from the client's trace down to the statements in Snowflake."""

from typing import Any, Final

from snowflake_mcp.ops.tracing import Tracing
from snowflake_mcp.pipeline.outcomes import followed, tool_known
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import METHOD_NOT_FOUND
from snowflake_mcp.protocol.kernel import Layer, Perform

__all__ = ["trace"]

_UNTRACED: Final = frozenset({"ping"})


def trace(tracing: Tracing) -> Layer:
    """A layer that spans every request; attributes hold no SQL, no value and no made-up name."""

    def layer(inner: Perform) -> Perform:
        async def perform(
            method: str, params: dict[str, Any], context: RequestContext
        ) -> MethodResult:
            if method in _UNTRACED:
                return await inner(method, params, context)
            facts = context.facts
            attributes = {
                "mcp.request.id": context.request_id,
                "mcp.protocol.version": facts.version,
                "network.transport": facts.transport,
                "snowflake_mcp.principal": facts.principal.name,
            }
            span = tracing.begin("mcp request", facts.traceparent, attributes)
            if span is None:
                return await inner(method, params, context)
            # What the statement is tagged with is its own parent, not the client's span.
            context.traceparent = span.traceparent
            context.trail.follower = span

            def over(
                method: str,
                _params: dict[str, Any],
                context: RequestContext,
                outcome: str,
                _result: MethodResult | None,
            ) -> None:
                named = context.tool and tool_known(context, outcome)
                unknown = outcome == f"error_{METHOD_NOT_FOUND}"
                span.end(
                    {
                        "mcp.method.name": "unknown" if unknown else method,
                        "snowflake_mcp.outcome": outcome,
                        **({"gen_ai.tool.name": context.tool} if named else {}),
                    },
                    failed=outcome != "ok",
                )

            return await followed(inner, method, params, context, over)

        return perform

    return layer
