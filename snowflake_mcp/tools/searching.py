"""The tool that finds objects by name, comment or column in all that the caller may see."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.backing import Lore
from snowflake_mcp.tools.base import Call, RowLimit, Tool
from snowflake_mcp.tools.kinds import KINDS, kind_named
from snowflake_mcp.tools.names import stored_path, within
from snowflake_mcp.tools.render import Budget, ItemsCollector
from snowflake_mcp.tools.search_forms import Detail, FoundObjects, SearchObjects
from snowflake_mcp.tools.seats import BROWSING
from snowflake_mcp.tools.wording import answer, counted, inline
from snowflake_mcp.warehouse.catalog import Asker
from snowflake_mcp.warehouse.crawling import OBJECTS
from snowflake_mcp.warehouse.directory import said
from snowflake_mcp.warehouse.identifiers import shown
from snowflake_mcp.warehouse.ranking import Found, Hit, Question, terms_of
from snowflake_mcp.warehouse.results import Column, Outcome
from snowflake_mcp.warehouse.shows import Row

__all__ = ["SEARCHING"]

_INDEXED: Final = frozenset({"database", "schema", "table", "view", "column"})
_LIMIT: Final = RowLimit(default=20, maximum=200)
_DESCRIBED: Final = 10
"""Objects of one answer whose columns are told: each may cost a DESCRIBE."""
_COLUMNS_TOLD: Final = 100
_COMMENT_CHARS: Final = {"names": 0, "summary": 120, "columns": 200}
_WAIT_S: Final = 20.0
"""For the first reading of an account; later ones go on behind everybody's back."""
_STATEMENT_S: Final = 15.0
_COLUMN_TERMS: Final = 3
_SHORTEST: Final = 2
"""Letters of what columns are searched for; one letter would fit nearly all."""
_MOST_CHARS: Final = 255
_WORTH_TELLING_S: Final = 60
_FIELDS: Final = ("name", "kind", "match", "rows", "comment", "columns")


class _Item(msgspec.Struct, omit_defaults=True):
    name: str
    kind: str
    match: str | None = None
    rows: int | None = None
    comment: str | None = None
    columns: list[str] | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to look, by stored names."""

    database: str = ""
    schema: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(name for name in (self.database, self.schema) if name)


async def _search_objects(arguments: SearchObjects, call: Call) -> ToolResult:
    clock = call.context.clock
    begun = clock.seconds()
    lore = call.backing.parts.lore
    if lore is None:
        raise ToolFailure(Family.UNAVAILABLE, "Nothing can be searched here.", "Use list_objects.")
    terms = terms_of(arguments.pattern)
    if not terms or len(arguments.pattern) > _MOST_CHARS or "\x00" in arguments.pattern:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            f"pattern: expected 1 to {_MOST_CHARS} characters.",
            "Give a word or two of a name, such as 'order' or 'customer email'.",
        )
    detail: Detail = arguments.detail_level or "summary"
    most = call.rows(arguments.limit)
    place = _Place(*within(arguments.database, arguments.schema))
    call.seen(*place.path)
    asker = call.asker(_STATEMENT_S)
    word, words = _kind(arguments.kind)
    wait_s = min(_WAIT_S, call.context.remaining_s / 2)
    contents = await lore.directory.contents(
        asker, wait_s, words or OBJECTS, word if words else "", place.database
    )
    columns, gap = await _columns(terms, asker, lore, place) if not words else ((), "")
    columnless = word if words and KINDS[word].account and word != "database" else ""
    question = Question(
        terms,
        place.database,
        place.schema,
        word,
        tuple(frozenset(found) for found in columns),
        (lambda _: True) if columnless else asker.shows,
        () if arguments.after is None else stored_path(arguments.after, "after"),
        min(most, _DESCRIBED) if detail == "columns" else most,
    )
    found = await lore.directory.search(contents, question)
    if found.lost:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            "after: this name is not among what fits any more.",
            "Search again without after; what there is has changed, or another pattern was given.",
        )
    items = [await _item(hit, detail, columns, asker, lore) for hit in found.hits]
    gaps = said((*contents.gaps, gap) if gap else contents.gaps)
    elapsed_s = clock.seconds() - begun
    age_s = round(lore.directory.age_s(contents))
    return _told(call, items, found, age_s, gaps, elapsed_s)


def _kind(given: str | None) -> tuple[str, str]:
    """The word for the kind; what SHOW calls them, where the list of names lacks them."""
    if given is None:
        return "", ""
    word = given.strip().lower().removesuffix("s")
    if word in _INDEXED:
        return word, ""
    word, kind = kind_named(given)
    if word in _INDEXED:
        return word, ""
    return word, kind.show if kind.account else f"{kind.show} IN ACCOUNT"


_Columns = tuple[dict[tuple[str, ...], list[str]], ...]


async def _columns(
    terms: tuple[str, ...], asker: Asker, lore: Lore, place: _Place
) -> tuple[_Columns, str]:
    """For each term the tables that have such columns; and what was left out of it."""
    found: list[dict[tuple[str, ...], list[str]]] = []
    gap = ""
    for at, term in enumerate(terms):
        tables: dict[tuple[str, ...], list[str]] = {}
        found.append(tables)
        bare = term.strip("*%")
        if len(bare) < _SHORTEST or set(bare) & set("*%"):
            continue
        if at >= _COLUMN_TERMS:
            gap = f"columns: only for the first {_COLUMN_TERMS} words"
            break
        try:
            listing = await lore.lists.columns_like(bare, asker, *place.path)
        except ToolFailure as failure:
            if failure.family in {Family.CANCELLED, Family.BUSY}:
                raise
            gap = f"columns ({failure.family.value})"
            continue
        if listing.cut:
            gap = f"columns: some of those with {bare}"
        for column in listing.entries:
            tables.setdefault(column.path, []).append(column.name)
    return tuple(found), gap


async def _item(hit: Hit, detail: Detail, columns: _Columns, asker: Asker, lore: Lore) -> _Item:
    facts = hit.facts
    item = _Item(".".join(map(shown, hit.path)), str(facts["kind"]))
    if detail == "names":
        return item
    item.match = hit.match
    item.rows = facts["rows"]
    item.comment = str(facts["comment"])[: _COMMENT_CHARS[detail]] or None
    fitting = list(dict.fromkeys(name for found in columns for name in found.get(hit.path, ())))
    item.columns = fitting[:_DESCRIBED] or None
    if detail == "columns" and facts["kind"] in {"table", "view"}:
        try:
            listing = await lore.lists.columns(hit.path[0], hit.path[1], hit.path[2], asker)
        except ToolFailure as failure:
            # It may be gone since the list was read, or be closed to the role.
            if failure.family not in {Family.MISSING_OBJECT, Family.FORBIDDEN, Family.STATEMENT}:
                raise
        else:
            item.columns = [f"{each.name} {each.type}" for each in listing.entries[:_COLUMNS_TOLD]]
    return item


def _told(
    call: Call,
    items: list[_Item],
    found: Found,
    age_s: int,
    gaps: str | None,
    elapsed_s: float,
) -> ToolResult:
    collector = ItemsCollector(_as_it_is, _FIELDS, Budget.of(call.backing.limits))
    collector.begin([Column(name, "", True) for name in _FIELDS])
    collector.add([[getattr(item, name) for name in _FIELDS] for item in items])
    rendered = collector.finish()
    truncated_by = "bytes" if rendered.full else "rows" if found.more else None
    next_step = None
    if truncated_by and rendered.last:
        next_step = f"Go on with after={inline(rendered.last)}, or add a word to the pattern."
    elif not items:
        next_step = (
            "Try a shorter word or another one, or list_databases and list_schemas; "
            "the server's role may lack the right to see it."
        )
    if gaps:
        later = "Call again in a while. " if "being read" in gaps else ""
        next_step = f"{later}{next_step or ''}".strip() or None
    more = "; more fit" if truncated_by else ""
    missing = f" Not searched: {inline(gaps)}." if gaps else ""
    aged = f" ({age_s // 60} min ago)" if age_s >= _WORTH_TELLING_S else ""
    heading = (
        f"{counted(rendered.row_count, 'object')}{more}, best first, of "
        f"{found.searched} looked at{aged}.{missing}"
    )
    return answer(
        call,
        Outcome("", (), rendered.row_count, None, None, elapsed_s, rendered),
        heading,
        truncated_by=truncated_by,
        next_step=next_step,
        extra={
            "objects": rendered.rows,
            "searched": found.searched,
            "age_s": age_s,
            "not_searched": gaps,
        },
    )


def _as_it_is(row: Row) -> _Item:
    return msgspec.convert(row, _Item)


SEARCHING: Final[tuple[Tool[Any], ...]] = (
    Tool(
        name="search_objects",
        title="Search objects",
        description=(
            "Find tables, views, schemas and databases anywhere by words of their names, comments "
            "or columns, best first; start here when you do not know where data is. With kind also "
            "functions, tasks, ... Wakes no warehouse (untrusted data)."
        ),
        arguments=SearchObjects,
        answer=FoundObjects,
        run=_search_objects,
        seats=BROWSING,
        row_limit=_LIMIT,
        defaults={"detail_level": "summary"},
    ),
)
