"""Which tools the callers of a table have, and what is wrong with how tables say so."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from snowflake_mcp.config.cortex import Opened
from snowflake_mcp.config.model import Config, PrincipalSettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.config.tools import ToolSettings
from snowflake_mcp.policy.tiers import Tier, tier_named
from snowflake_mcp.tools.backing import terms_of
from snowflake_mcp.tools.base import Tool
from snowflake_mcp.tools.charting import CHART_QUERY, CHARTING
from snowflake_mcp.tools.configured import configured
from snowflake_mcp.tools.cortex import CORTEX_TOOLS, cortex_tools, service_problems
from snowflake_mcp.tools.describing import DESCRIBING
from snowflake_mcp.tools.explaining import EXPLAINING
from snowflake_mcp.tools.exporting import EXPORTING
from snowflake_mcp.tools.judging import JUDGING
from snowflake_mcp.tools.listing import LISTING
from snowflake_mcp.tools.masks import STYLES
from snowflake_mcp.tools.objects import OBJECTS
from snowflake_mcp.tools.profiling import PROFILING
from snowflake_mcp.tools.querying import QUERYING
from snowflake_mcp.tools.remembering import REMEMBERING
from snowflake_mcp.tools.renaming import alias_problems
from snowflake_mcp.tools.searching import SEARCHING
from snowflake_mcp.tools.statements import STATEMENTS
from snowflake_mcp.tools.vetting import tool_problems
from snowflake_mcp.tools.writing import WRITING
from snowflake_mcp.warehouse.choices import choices_of

__all__ = ["EVERY_TOOL", "offered", "problems", "unserved"]

_NOTHING: Final = Opened()
EVERY_TOOL: Final[Mapping[str, Tool[Any]]] = {
    tool.name: tool
    for tool in (
        *LISTING,
        *DESCRIBING,
        *OBJECTS,
        *SEARCHING,
        *QUERYING,
        *EXPLAINING,
        *PROFILING,
        *CHARTING,
        *STATEMENTS,
        *EXPORTING,
        *REMEMBERING,
        *JUDGING,
        *WRITING,
    )
}
"""By name, in the order of every list."""


def offered(
    counts: PrincipalSettings,
    tables: Mapping[str, ToolSettings] | None = None,
    sets: Iterable[Sequence[str]] = (),
    tiers: Iterable[str] = (),
    opened: Opened = _NOTHING,
) -> tuple[Tool[Any], ...]:
    """The tools of these callers: those that their patterns name, as far as their tier goes.

    ``tables`` are those of ``[tools.NAME]``; their tools come last, in their order.
    ``sets`` are the patterns of tool sets; a tool has to be in each. ``tiers`` are those on other
    connections that these callers may choose: a tool that writes is of use where one goes so far.
    ``opened`` is what of Snowflake's AI there is.

    Raises:
        ValueError: there is no such tier, or a table is no tool.
    """
    writes = any(tier_named(tier) > Tier.READ for tier in (counts.policy.tier, *tiers))
    return tuple(
        tool
        for name, tool in {
            **EVERY_TOOL,
            **cortex_tools(opened, counts.policy),
            **configured(tables or {}),
        }.items()
        if (tool.effect != "writes" or writes)
        and (not counts.tools or _named(name, counts.tools))
        and all(_named(name, patterns) for patterns in sets)
    )


def unserved(*, draws: bool) -> frozenset[str]:
    """The tools that nobody has, because this server lacks what they need."""
    return frozenset() if draws else frozenset({CHART_QUERY})


def _named(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def problems(config: Config) -> list[str]:
    """What no caller could be served with: words, patterns and names that mean nothing."""
    taken = {**EVERY_TOOL, **CORTEX_TOOLS}
    if found := [*tool_problems(config, taken), *alias_problems(config), *service_problems(config)]:
        return found
    profiles = Profiles(config)
    return [
        problem for profile in ("", *config.principals) for problem in _problems(profiles, profile)
    ] + [
        f"toolsets.{name}.tools: {pattern!r} names no tool"
        for name, patterns in config.toolsets.items()
        for pattern in patterns
        if not any(
            fnmatchcase(each, pattern) for each in (*EVERY_TOOL, *CORTEX_TOOLS, *config.tools)
        )
    ]


def _problems(profiles: Profiles, profile: str) -> Iterator[str]:
    counts, tables = profiles.of(profile), profiles.tools
    policy = counts.section("policy")
    try:
        terms_of(counts)
        opened = profiles.opened
    except ValueError as problem:
        # Without rules about objects nobody can say which services these callers may see.
        opened = _NOTHING
        yield f"{policy}: {problem}"
    if counts.policy.mask_style not in STYLES:
        style, known = counts.policy.mask_style, ", ".join(STYLES)
        yield f"{policy}.mask_style: {style!r} is none of {known}"
    if counts.policy.over_budget not in {"refuse", "ask"}:
        yield f"{policy}.over_budget: {counts.policy.over_budget!r} is none of refuse, ask"
    setting = counts.section("tools")
    for pattern in counts.tools:
        if not any(fnmatchcase(name, pattern) for name in (*EVERY_TOOL, *CORTEX_TOOLS, *tables)):
            yield f"{setting}: {pattern!r} names no tool"
    if counts.toolset not in ("", *profiles.toolsets):
        yield f"{counts.section('toolset')}: {counts.toolset!r} is none of [toolsets.NAME]"
        return
    try:
        for place in choices_of(profiles, profile).places[1:]:
            terms_of(profiles.at(profile, place.name))
    except ValueError as problem:
        yield f"{policy}: what may be chosen: {problem}"
        return
    try:
        if not offered(counts, tables, profiles.sets(profile), opened=opened):
            yield f"{setting}: none of these tools is open in tier {counts.policy.tier}"
    except ValueError as problem:
        yield str(problem).replace("policy.tier", f"{policy}.tier", 1)
