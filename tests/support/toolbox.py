"""A toolbox whose tools are scripted by the test."""

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, Family, McpError, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tooling import ToolResult

__all__ = ["ScriptedToolbox"]

_DESCRIPTIONS: tuple[dict[str, Any], ...] = tuple(
    {
        "name": name,
        "title": name.title(),
        "description": f"The tool {name}.",
        "inputSchema": {"type": "object"},
        "outputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": True},
    }
    for name in ("echo", "crash", "wait")
)


class ScriptedToolbox:
    """``echo`` answers its arguments, ``crash`` raises, ``wait`` answers when told to."""

    def __init__(self) -> None:
        self.contexts: list[RequestContext] = []
        self.waiting: list[Deferred[str]] = []
        self.cancelled = 0

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        return _DESCRIPTIONS

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: RequestContext
    ) -> ToolResult:
        self.contexts.append(context)
        if name == "echo":
            return ToolResult(text=f"echo {dict(arguments)}", structured={"echo": dict(arguments)})
        if name == "crash":
            raise RuntimeError("password=hunter2")
        if name == "miss":
            failure = ToolFailure(Family.MISSING_OBJECT, "There is no such table.")
            return ToolResult(text="missing", failure=failure)
        if name == "wait":
            gate: Deferred[str] = Deferred()
            self.waiting.append(gate)
            try:
                return ToolResult(text=await gate)
            except CancelledError:
                self.cancelled += 1
                raise
        raise McpError(INVALID_PARAMS, f"Unknown tool: {name}")
