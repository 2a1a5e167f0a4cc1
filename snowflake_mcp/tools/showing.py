"""One SHOW as an answer: what is listed, of it what may be seen, and how to go on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.base import Call, RowLimit
from snowflake_mcp.tools.names import stored
from snowflake_mcp.tools.render import Budget, ItemsCollector, Rendered
from snowflake_mcp.tools.wording import answer, counted, inline
from snowflake_mcp.warehouse.identifiers import literal, qualified, shown
from snowflake_mcp.warehouse.results import Outcome
from snowflake_mcp.warehouse.shows import Row

__all__ = ["LIST_LIMIT", "Listed", "show"]

_SHOW_MOST: Final = 10_000
"""SHOW never gives more rows, so a list of so many may lack some."""
_SCOPES: Final = ("", "DATABASE", "SCHEMA")
LIST_LIMIT: Final = RowLimit(default=500, maximum=_SHOW_MOST)


@dataclass(frozen=True, slots=True)
class Listed:
    """What a tool lists, and what the caller said of it."""

    noun: str
    """One of them, for people."""
    words: str
    """What SHOW calls them."""
    build: Callable[[Row], Any]
    """An item from a row."""
    path: Callable[[Row], tuple[str, ...]]
    """Where a row's object is, by stored names; empty where no rule is about it."""
    fields: tuple[str, ...]
    """Members of an item that the text shows."""
    within: tuple[str, ...] = ()
    """Where to look, by stored names."""
    like: str | None = None
    limit: int | None = None
    after: str | None = None
    """The last name of the page before this one, as the caller has it."""
    pages: bool = True
    """Names are unique where it looks, and SHOW can go on behind one."""
    empty: str = ""
    missing: str = ""
    member: str = ""
    """Of the answer, for the items; the words in lower case if not given."""
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Further members of the answer."""


async def show(call: Call, listed: Listed) -> ToolResult:
    """Run one SHOW in its place and answer with the items that may be seen.

    Raises:
        ToolFailure: a pattern or name that is none, a place that may not be seen, or Snowflake.
    """
    most = call.rows(listed.limit)
    rules = call.backing.rules
    call.seen(*listed.within)

    def visible(row: Row) -> Any:
        path = listed.path(row)
        return listed.build(row) if not path or rules.shows(path) else None

    # One more than asked for says whether there are more; what rules hide does not count.
    read = _SHOW_MOST if rules.active else most
    outcome = await call.run(
        f"SHOW {listed.words}{_like(listed.like)}{_scope(listed)}{_page(listed, read)}",
        ItemsCollector(visible, listed.fields, Budget.of(call.backing.limits), most),
        max_rows=read,
        missing=listed.missing,
    )
    return _listed(call, listed, outcome, most)


def _listed(call: Call, listed: Listed, outcome: Outcome[Rendered], most: int) -> ToolResult:
    within = listed.within
    place = {name: shown(part) for name, part in zip(("database", "schema"), within, strict=False)}
    rendered = outcome.value
    truncated_by = None
    next_step = None
    if rendered.full:
        truncated_by = "bytes"
    elif outcome.cut or outcome.rows >= _SHOW_MOST:
        truncated_by = "rows"
    if truncated_by:
        next_step = _further(listed, rendered, most, truncated_by)
    elif not rendered.row_count:
        next_step = listed.empty
    inside = " in " + inline(".".join(place.values())) if place else ""
    heading = counted(rendered.row_count, listed.noun) + inside
    return answer(
        call,
        outcome,
        heading + ("; more exist." if truncated_by else "."),
        truncated_by=truncated_by,
        next_step=next_step,
        extra={**listed.extra, **place, listed.member or listed.words.lower(): rendered.rows},
    )


def _further(listed: Listed, rendered: Rendered, most: int, truncated_by: str) -> str:
    ways = []
    if listed.pages and rendered.last:
        ways.append(f"go on with after={inline(rendered.last)}")
    ways.append("narrow with like, e.g. like='A%'")
    if most < _SHOW_MOST and truncated_by == "rows":
        ways.append(f"raise limit (at most {_SHOW_MOST})")
    text = ", or ".join(ways)
    return text[0].upper() + text[1:] + "."


def _scope(listed: Listed) -> str:
    if not listed.within:
        return ""
    return f" IN {_SCOPES[len(listed.within)]} {qualified(*listed.within)}"


def _page(listed: Listed, read: int) -> str:
    if listed.after is None:
        return f" LIMIT {min(read + 1, _SHOW_MOST)}" if listed.pages else ""
    if not listed.pages:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            f"after: a list of {listed.words.lower()} cannot go on behind a name here.",
            "Narrow it with like, or give database and schema.",
        )
    # SHOW goes on behind the first name that begins so; the name itself sorts before longer ones.
    return f" LIMIT {min(read + 1, _SHOW_MOST)} FROM {literal(stored(listed.after, 'after'))}"


def _like(pattern: str | None) -> str:
    if pattern is None:
        return ""
    try:
        return f" LIKE {literal(pattern)}"
    except ValueError as problem:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            "like: a pattern holds no NUL character.",
            "Give a pattern such as like='%ORDER%'.",
        ) from problem
