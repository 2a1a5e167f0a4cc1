"""Requests of callers whose table a reload has taken away are refused, whatever they ask."""

from collections.abc import Coroutine
from typing import Any

from snowflake_mcp.config.principals import GONE, Profiles
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_REQUEST, McpError
from snowflake_mcp.protocol.kernel import Layer, Perform

__all__ = ["members_only"]


def members_only(profiles: Profiles) -> Layer:
    """A layer that asks before each request; a connection may outlive its caller's table."""

    def layer(inner: Perform) -> Perform:
        def perform(
            method: str, params: dict[str, Any], context: RequestContext
        ) -> Coroutine[Any, Any, MethodResult]:
            try:
                profiles.of(context.facts.principal.profile)
            except KeyError:
                raise McpError(INVALID_REQUEST, GONE, status=403) from None
            return inner(method, params, context)

        return perform

    return layer
