"""The tools of the server: their list in wire form, and the way from a call to its result."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.config.model import Config, LimitSettings
from snowflake_mcp.config.principals import GONE, Profiles
from snowflake_mcp.exports.links import Links
from snowflake_mcp.exports.spool import Spool
from snowflake_mcp.policy.ledger import Ledger
from snowflake_mcp.policy.measured import Judge
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, INVALID_REQUEST, McpError, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.answers import Answer
from snowflake_mcp.tools.backing import Backing, Lore, Paints, Parts, Services, Statements
from snowflake_mcp.tools.base import Call, Effect, Tool
from snowflake_mcp.tools.checking import checked
from snowflake_mcp.tools.cortex import CORTEX_TOOLS
from snowflake_mcp.tools.instructions import instructions
from snowflake_mcp.tools.offering import EVERY_TOOL, offered, problems, unserved
from snowflake_mcp.tools.schemas import schema_of
from snowflake_mcp.tools.seats import described, parted
from snowflake_mcp.tools.suggesting import suggested
from snowflake_mcp.tools.wording import failed
from snowflake_mcp.warehouse.choices import Choices, choices_of
from snowflake_mcp.warehouse.visible import plain
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish, wish_of_tool

__all__ = ["Registry", "build_registry", "wire_form"]

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
    # Nothing is known here of what an agent's own tools do.
    "delegates": {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
        "openWorldHint": True,
    },
    "writes": {
        **_READING,
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
    },
}

_NOTHING_CHOSEN: Final[Mapping[str, str]] = MappingProxyType({})
_SET_GONE: Final = "This tool set is configured no longer"
_COMMON: Final = frozenset(Answer.__struct_fields__)


def wire_form(
    tool: Tool[Any], limits: LimitSettings, seats: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """The tool as ``tools/list`` shows it; ``seats``: schemas of what may be chosen of its seat."""
    arguments = schema_of(tool.arguments)
    if tool.row_limit is not None:
        default, most = tool.row_limit.within(limits)
        arguments["properties"]["limit"].update(default=default, maximum=most)
    for name, value in tool.defaults.items():
        arguments["properties"][name]["default"] = value
    arguments["properties"].update(seats)
    answer = schema_of(tool.answer)
    # What every answer has is promised once, in docs/tools.md; here it costs each client tokens.
    answer["properties"] = {n: m for n, m in answer["properties"].items() if n not in _COMMON}
    answer["required"] = [name for name in answer["required"] if name not in _COMMON]
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": arguments,
        "outputSchema": answer,
        "annotations": dict(_ANNOTATIONS[tool.effect]),
    }


@dataclass(frozen=True, slots=True)
class _Offer:
    """What the callers of one table have, as long as its settings count."""

    backing: Backing
    tools: Mapping[str, Tool[Any]]
    described: Sequence[Mapping[str, Any]]
    choices: Choices
    elsewhere: dict[str, Backing] = field(default_factory=dict)
    """What the tools stand on at other connections, by their names, once it was wanted."""


class Registry:
    """Implements ``protocol.tooling.Toolbox``; reactor thread only."""

    def __init__(self, profiles: Profiles, parts: Parts) -> None:
        self._profiles = profiles
        self._parts = parts
        self._offers: dict[tuple[str, str], _Offer] = {}

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """The principal's tools in wire form, in a stable order; the same object until a reload.

        Raises:
            McpError: the principal's table is no more.
        """
        return self._offer(principal).described

    def names(self, principal: Principal) -> frozenset[str]:
        """The names of the principal's tools.

        Raises:
            McpError: the principal's table is no more.
        """
        return self._offer(principal).backing.names

    def instructions(self, principal: Principal) -> str:
        """What a client of the principal is told of the server.

        Raises:
            McpError: the principal's table is no more.
        """
        offer = self._offer(principal)
        return instructions(offer.backing, offer.choices)

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: RequestContext
    ) -> ToolResult:
        """Run a tool; what it cannot do becomes a result with ``failure``.

        Raises:
            McpError: the principal has no such tool (-32602).
            CancelledError: the request was cancelled; the statement has been aborted.
        """
        principal = context.facts.principal
        offer = self._offer(principal)
        tool = offer.tools.get(name)
        if tool is None:
            raise _absent(name, offer.tools)
        profile, backing = principal.profile, offer.backing
        chosen = _NOTHING_CHOSEN
        try:
            arguments, wish = parted(tool.seats, offer.choices, arguments)
            if wish is not NO_WISH:
                chosen = wish.words
            if name in self._profiles.tools:
                wish = wish_of_tool(self._profiles.tools[name])
            if wish is not NO_WISH:
                backing = self._backing(offer, profile, wish)
            given = checked(tool, arguments)
        except ToolFailure as failure:
            return failed(Call(backing, context, name), failure)
        call = Call(
            backing,
            context,
            name,
            chosen=chosen,
            elsewhere=lambda wish: self._backing(offer, profile, wish),
            row_limit=tool.row_limit,
            still_counts=lambda: self._counts(profile, backing),
        )
        try:
            return await tool.run(given, call)
        except ToolFailure as failure:
            known = name in EVERY_TOOL
            return failed(call, await suggested(failure, call, arguments) if known else failure)

    def _tiers(self, profile: str, choices: Choices) -> list[str]:
        return [self._profiles.at(profile, name).policy.tier for name in choices.connections]

    def _counts(self, profile: str, backing: Backing) -> bool:
        """Whether a backing was made of settings such as the callers have now."""
        try:
            return self._profiles.at(profile, backing.connection.name) == backing.counts
        except KeyError:
            return False

    def _backing(self, offer: _Offer, profile: str, wish: Wish) -> Backing:
        """What a call stands on that asks for this of its seat."""
        if wish == NO_WISH:
            return offer.backing
        name, backing = wish.connection, offer.backing
        if name and name != backing.connection.name:
            if name not in offer.elsewhere:
                offer.elsewhere[name] = Backing.of(
                    self._parts,
                    self._profiles.at(profile, name),
                    self._profiles.named(name),
                    backing.names,
                )
            backing = offer.elsewhere[name]
        return replace(backing, wish=wish)

    def _offer(self, principal: Principal) -> _Offer:
        profile, toolset = principal.profile, principal.toolset
        try:
            counts = self._profiles.of(profile)
        except KeyError:
            self._offers.pop((profile, toolset), None)
            raise McpError(INVALID_REQUEST, GONE, status=403) from None
        offer = self._offers.get((profile, toolset))
        if offer is None or offer.backing.counts is not counts:
            try:
                sets = self._profiles.sets(profile, toolset)
            except KeyError:
                self._offers.pop((profile, toolset), None)
                raise McpError(INVALID_REQUEST, _SET_GONE, status=404) from None
            choices = choices_of(self._profiles, profile)
            absent = unserved(draws=self._parts.painter is not None)
            every = offered(
                counts,
                self._profiles.tools,
                sets,
                self._tiers(profile, choices),
                self._profiles.opened,
            )
            tools = tuple(tool for tool in every if tool.name not in absent)
            connection = self._profiles.connection(profile)
            names = [tool.name for tool in tools]
            offer = self._offers[profile, toolset] = _Offer(
                Backing.of(self._parts, counts, connection, names),
                dict(zip(names, tools, strict=True)),
                tuple(_wire_forms(tools, counts.limits, choices)),
                choices,
            )
        return offer


def _wire_forms(
    tools: Sequence[Tool[Any]], limits: LimitSettings, choices: Choices
) -> Iterator[Mapping[str, Any]]:
    in_words = True
    for tool in tools:
        seats = described(tool.seats, choices, in_words=in_words)
        yield wire_form(tool, limits, seats)
        # Said once: whoever reads the list has read the first tool.
        in_words = in_words and "connection" not in seats


def _absent(name: str, tools: Mapping[str, Tool[Any]]) -> McpError:
    """Why there is no such tool. Every tool's name is public, so the true reason may be told."""
    if name in EVERY_TOOL or name in CORTEX_TOOLS:
        message = f"The tool {name} is not open to this caller"
    else:
        message = f"Unknown tool: {plain(name, 64)}"
    close = difflib.get_close_matches(name[:64], tools, n=3)
    return McpError(INVALID_PARAMS, message, {"didYouMean": close})


def build_registry(
    warehouse: Statements,
    gate: Judge,
    config: Config,
    ledger: Ledger | None = None,
    profiles: Profiles | None = None,
    mask_key: bytes = b"",
    lore: Lore | None = None,
    spool: Spool | None = None,
    links: Links | None = None,
    painter: Paints | None = None,
    cortex: Services | None = None,
) -> Registry:
    """All tools; without a ledger nobody's use is counted. ``mask_key`` hides masked values.

    Without ``lore`` nothing is searched and nothing suggested, without a spool nothing exported,
    and without a painter nothing drawn.

    Raises:
        ValueError: a rule about objects or a pattern of tools cannot be used, or a word is none of
            a setting's.
    """
    if found := problems(config):
        raise ValueError("; ".join(found))
    parts = Parts(warehouse, gate) if ledger is None else Parts(warehouse, gate, ledger)
    shared = replace(
        parts,
        mask_key=mask_key,
        lore=lore,
        spool=spool,
        links=links,
        painter=painter,
        cortex=cortex,
    )
    return Registry(profiles or Profiles(config), shared)
