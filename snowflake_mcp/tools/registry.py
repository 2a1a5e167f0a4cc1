"""The tools of the server: their list in wire form, and the way from a call to its result."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from snowflake_mcp.config.model import Config, LimitSettings
from snowflake_mcp.policy.ledger import Allowance, Ledger
from snowflake_mcp.policy.measured import Judge
from snowflake_mcp.policy.objects import ObjectRules
from snowflake_mcp.policy.tiers import Tier, tier_named
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.answers import Answer
from snowflake_mcp.tools.backing import Backing, Statements
from snowflake_mcp.tools.base import Call, Effect, Tool
from snowflake_mcp.tools.checking import checked
from snowflake_mcp.tools.describing import DESCRIBING
from snowflake_mcp.tools.judging import JUDGING
from snowflake_mcp.tools.listing import LISTING
from snowflake_mcp.tools.querying import QUERYING
from snowflake_mcp.tools.schemas import schema_of
from snowflake_mcp.tools.statements import STATEMENTS
from snowflake_mcp.tools.wording import failed
from snowflake_mcp.tools.writing import WRITING
from snowflake_mcp.warehouse.visible import plain

__all__ = ["TOOLS", "Registry", "build_registry", "wire_form"]

TOOLS: Final[tuple[Tool[Any], ...]] = (*LISTING, *DESCRIBING, *QUERYING, *STATEMENTS, *JUDGING)
"""Every tool that does not write, in the order of the list; ``WRITING`` follows where it may."""

_READING: Final = {
    "readOnlyHint": True,
    "destructiveHint": False,
    "idempotentHint": True,
    "openWorldHint": False,
}
"""The gate and the tools' own statements make it true."""
_ANNOTATIONS: Final[Mapping[Effect, Mapping[str, bool]]] = {
    "reads": _READING,
    "ends": {**_READING, "readOnlyHint": False},
    "writes": {
        **_READING,
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
    },
}

_COMMON: Final = frozenset(Answer.__struct_fields__)


def wire_form(tool: Tool[Any], limits: LimitSettings) -> dict[str, Any]:
    """The tool as ``tools/list`` shows it."""
    arguments = schema_of(tool.arguments)
    if tool.row_limit is not None:
        default, most = tool.row_limit.within(limits)
        arguments["properties"]["limit"].update(default=default, maximum=most)
    answer = schema_of(tool.answer)
    # What every answer has is promised once, in docs/tools.md; here it costs each client tokens.
    answer["required"] = [name for name in answer["required"] if name not in _COMMON]
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": arguments,
        "outputSchema": answer,
        "annotations": dict(_ANNOTATIONS[tool.effect]),
    }


class Registry:
    """Implements ``protocol.tooling.Toolbox``; reactor thread only."""

    def __init__(self, tools: Sequence[Tool[Any]], backing: Backing) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._backing = backing
        self._described = tuple(wire_form(tool, backing.limits) for tool in tools)

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """Every tool in wire form, in a stable order; the same for every principal."""
        return self._described

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: RequestContext
    ) -> ToolResult:
        """Run a tool; what it cannot do becomes a result with ``failure``.

        Raises:
            McpError: the tool is unknown (-32602).
            CancelledError: the request was cancelled; the statement has been aborted.
        """
        tool = self._tools.get(name)
        if tool is None:
            raise McpError(
                INVALID_PARAMS,
                f"Unknown tool: {plain(name, 64)}",
                {"didYouMean": difflib.get_close_matches(name[:64], self._tools, n=3)},
            )
        call = Call(self._backing, context, tool.name, tool.row_limit)
        try:
            return await tool.run(checked(tool, arguments), call)
        except ToolFailure as failure:
            return failed(call, failure)


def build_registry(
    warehouse: Statements, gate: Judge, config: Config, ledger: Ledger | None = None
) -> Registry:
    """All tools over one connection; without a ledger nobody's use is counted.

    Raises:
        ValueError: a rule about objects cannot be read, or a word is none of a setting's.
    """
    policy = config.policy
    rules = ObjectRules.parse(policy.allow_objects, policy.deny_objects)
    tier = tier_named(policy.tier)
    backing = Backing(
        warehouse,
        warehouse.handles,
        gate,
        config.limits,
        config.connection,
        rules,
        tier,
        policy,
        ledger or Ledger(Allowance(), lambda: 0.0),
    )
    if policy.over_budget not in {"refuse", "ask"}:
        raise ValueError(f"policy.over_budget: {policy.over_budget!r} is none of refuse, ask")
    return Registry((*TOOLS, *WRITING) if tier > Tier.READ else TOOLS, backing)
