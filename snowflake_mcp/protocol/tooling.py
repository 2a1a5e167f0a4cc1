"""What the protocol asks of a tool: a description for the list, and a result for a call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.protocol.principal import Principal

__all__ = ["ToolResult", "Toolbox"]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The outcome of a call, in parts that are cheap to put on the wire.

    ``text`` is the readable answer: a ``str``, or a JSON string already encoded by a worker
    thread (``msgspec.Raw`` with its quotes). ``structured`` is the value that conforms to the
    tool's output schema: plain JSON values, or ``msgspec.Raw`` members encoded by a worker.
    ``failure`` is set when the tool failed; ``structured`` is then absent.
    """

    text: str | msgspec.Raw
    structured: Mapping[str, Any] | msgspec.Raw | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    failure: ToolFailure | None = None


class Toolbox(Protocol):
    """The tools as one principal sees them; implemented by ``tools.registry``."""

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """Every tool in wire form (``mcp_types.Tool``), newest revision, in a stable order."""

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: RequestContext
    ) -> ToolResult:
        """Run a tool.

        Raises:
            McpError: the tool is unknown (-32602).
            CancelledError: the request was cancelled; the statement has been aborted.
        """
