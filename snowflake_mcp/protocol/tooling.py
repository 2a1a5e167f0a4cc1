"""What the protocol asks of tools, resources, prompts and completions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from snowflake_mcp.protocol.apps import View
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.protocol.principal import Principal

__all__ = ["Completions", "Library", "Offer", "Prompts", "ToolResult", "Toolbox"]


class ToolResult(msgspec.Struct, frozen=True):
    """The outcome of a call, in parts that are cheap to put on the wire.

    ``text`` is the readable answer: a ``str``, or a JSON string already encoded by a worker
    thread (``msgspec.Raw`` with its quotes). ``structured`` is the value that conforms to the
    tool's output schema: plain JSON values, or members encoded by a worker, ``msgspec.Raw`` or
    ``Pieces``.
    ``blocks`` are further content blocks in wire form (images, links to resources, ...).
    ``failure`` is set when the tool failed; ``structured`` is then absent.
    """

    text: str | msgspec.Raw | None
    structured: Mapping[str, Any] | msgspec.Raw | None = None
    meta: Mapping[str, Any] = msgspec.field(default_factory=dict)
    failure: ToolFailure | None = None
    blocks: Sequence[Mapping[str, Any]] = ()
    spooled_bytes: int = 0
    """Of data that the call has put aside for the caller to fetch."""


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


class Library(Protocol):
    """Resources and their templates; implemented by ``content``."""

    async def resources(self, context: RequestContext) -> Sequence[Mapping[str, Any]]:
        """Every resource in wire form, in a stable order."""

    async def templates(self, context: RequestContext) -> Sequence[Mapping[str, Any]]:
        """Every resource template in wire form, in a stable order."""

    async def read(self, uri: str, context: RequestContext) -> Sequence[Mapping[str, Any]]:
        """The contents of a resource in wire form.

        Raises:
            McpError: there is no such resource (-32602 with ``data.uri``).
        """

    def can_watch(self, uri: str, principal: Principal) -> bool:
        """Whether changes of this resource are told to a principal who subscribes."""


class Prompts(Protocol):
    """Prompts; implemented by ``content``."""

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """Every prompt in wire form, in a stable order."""

    async def get(
        self, name: str, arguments: Mapping[str, str], context: RequestContext
    ) -> dict[str, Any]:
        """``description`` and ``messages`` of a prompt.

        Raises:
            McpError: the prompt is unknown, or an argument is missing (-32602).
        """


class Completions(Protocol):
    """Values for arguments of prompts and variables of templates; implemented by ``content``."""

    async def complete(
        self,
        reference: Mapping[str, Any],
        argument: str,
        value: str,
        known: Mapping[str, str],
        context: RequestContext,
    ) -> Sequence[str]:
        """Values that begin with ``value``, best first; ``known`` holds the other arguments.

        Raises:
            McpError: there is no such prompt or template (-32602).
        """


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything that the server offers; a part that is ``None`` is not declared to clients."""

    toolbox: Toolbox
    library: Library | None = None
    prompts: Prompts | None = None
    completions: Completions | None = None
    views: Sequence[View] = ()
    """Documents that show results, for clients that declare MCP Apps."""
