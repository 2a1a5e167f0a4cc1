"""The tools for objects of every kind: list them, describe one, and its DDL."""

import re
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.answers import Ddl, ObjectDescription, ObjectItem, Objects
from snowflake_mcp.tools.arguments import DescribeObject, GetDdl, ListObjects
from snowflake_mcp.tools.base import Call, Tool
from snowflake_mcp.tools.definition import Definition, DefinitionCollector
from snowflake_mcp.tools.kinds import Kind, kind_named
from snowflake_mcp.tools.masks import NO_MASKS
from snowflake_mcp.tools.names import CASE_RULE, stored, within
from snowflake_mcp.tools.render import Budget, Rendered, RowsCollector, json_text
from snowflake_mcp.tools.seats import BROWSING
from snowflake_mcp.tools.showing import LIST_LIMIT, Listed, show
from snowflake_mcp.tools.wording import answer, counted, inline
from snowflake_mcp.warehouse.identifiers import literal, qualified, shown
from snowflake_mcp.warehouse.results import Outcome
from snowflake_mcp.warehouse.shows import Row, text

__all__ = ["OBJECTS"]

_SIGNATURE: Final = re.compile(r"[A-Za-z0-9_ ,()]{0,2000}")
_MOST_PROPERTIES: Final = 5_000
_ALWAYS: Final = frozenset({"TABLE", "VIEW"})
"""Their DDL says no more than their description; that of others needs the capability."""
_CAPABILITY: Final = "get_ddl"


async def _list_objects(arguments: ListObjects, call: Call) -> ToolResult:
    word, kind = kind_named(arguments.kind)
    everywhere = kind.account and word != "schema"
    place = () if everywhere else within(arguments.database, arguments.schema)
    if kind.account and (arguments.database or arguments.schema):
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            f"database: a {word} is in no database.",
            f"Call list_objects(kind={inline(word)}) without database and schema.",
        )
    listed = Listed(
        noun=word,
        words=kind.show,
        build=lambda row: _item(row, kind, place),
        path=lambda row: () if kind.account and word != "database" else _path(row, word),
        fields=("name", "place", "about", "comment"),
        within=place,
        like=arguments.like,
        limit=arguments.limit,
        after=arguments.after,
        pages=kind.pages and (kind.account or len(place) == _unique_within(word)),
        empty=f"The server's role sees no {word} that fits here.",
        missing=f"{CASE_RULE} list_databases and list_schemas show what there is.",
        member="objects",
        extra={"kind": word, "database": None, "schema": None},
    )
    return await show(call, listed)


def _unique_within(word: str) -> int:
    """How many names of a place make the names in it unique."""
    return 1 if word == "schema" else 2


async def _describe_object(arguments: DescribeObject, call: Call) -> ToolResult:
    word, kind = kind_named(arguments.kind)
    if not kind.describe:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            f"kind: Snowflake does not describe a {word}.",
            f"list_objects(kind={inline(word)}) tells what is known of each.",
        )
    names = _names(arguments, word, kind, call)
    call.seen(*names)
    outcome = await call.run(
        f"DESCRIBE {kind.describe} {qualified(*names)}{_signature(arguments, word, kind)}",
        RowsCollector(Budget.of(call.backing.limits), NO_MASKS),
        max_rows=_MOST_PROPERTIES,
        missing=_missing(word),
    )
    rendered: Rendered = outcome.value
    name = ".".join(map(shown, names))
    truncated_by = "bytes" if rendered.full else "rows" if outcome.cut else None
    return answer(
        call,
        outcome,
        f"{counted(rendered.row_count, 'line')} about {word} {inline(name)}.",
        truncated_by=truncated_by,
        next_step="Its DDL may say the rest: get_ddl." if truncated_by and kind.ddl else None,
        extra={
            "kind": word,
            "name": name,
            "columns": rendered.columns,
            "rows": rendered.rows,
        },
    )


async def _get_ddl(arguments: GetDdl, call: Call) -> ToolResult:
    word, kind = kind_named(arguments.kind)
    if not kind.ddl:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            f"kind: Snowflake gives no DDL of a {word}.",
            f"describe_object(kind={inline(word)}, ...) tells what is known of it.",
        )
    policy = call.backing.policy
    if kind.ddl not in _ALWAYS and _CAPABILITY not in policy.capabilities:
        raise ToolFailure(
            Family.REFUSED,
            f"The DDL of a {word} is not open to this caller.",
            f"The operator grants it: {_CAPABILITY!r} in "
            f"{call.backing.counts.section('policy')}.capabilities. describe_object tells what is "
            "open.",
            details={"rule": "object-definition"},
        )
    names = _names(arguments, word, kind, call)
    call.seen(*names)
    target = qualified(*names) + _signature(arguments, word, kind)
    outcome = await call.run(
        f"SELECT GET_DDL({literal(kind.ddl)}, {literal(target)}, TRUE)",
        DefinitionCollector(call.backing.limits.max_cell_chars),
        max_rows=1,
        missing=_missing(word),
    )
    return _ddl(call, outcome, word, ".".join(map(shown, names)))


def _ddl(call: Call, outcome: Outcome[Definition], word: str, name: str) -> ToolResult:
    definition = outcome.value
    cut = definition.truncated
    text_of_it = Rendered(
        rows=msgspec.Raw(b"[]"),
        columns=msgspec.Raw(b"[]"),
        body=json_text(definition.shown),
        row_count=1,
        full=False,
        cells_cut=0,
        shown_rows=1,
        shown_cut=0,
    )
    return answer(
        call,
        outcome.holding(text_of_it),
        f"DDL of {word} {inline(name)}{', cut' if cut else ''}.",
        truncated_by="bytes" if cut else None,
        next_step="It is longer than limits.max_cell_chars lets an answer be." if cut else None,
        extra={"kind": word, "name": name, "ddl": definition.ddl, "ddl_truncated": cut},
    )


def _names(
    arguments: DescribeObject | GetDdl, word: str, kind: Kind, call: Call
) -> tuple[str, ...]:
    """The stored names of one object, with its place."""
    name = stored(arguments.name, "name")
    if kind.account:
        return (name,)
    if arguments.database is None:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            f"database: a {word} is in a database.",
            "Give name, database and schema as separate arguments; list_objects shows them.",
        )
    database = stored(arguments.database, "database")
    if word == "schema":
        return database, name
    return database, call.schema_in(database, arguments.schema), name


def _signature(arguments: DescribeObject | GetDdl, word: str, kind: Kind) -> str:
    given = arguments.signature
    if not kind.signed:
        return ""
    if given is None or not _SIGNATURE.fullmatch(given):
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            f"signature: a {word} is named with the types of its arguments.",
            "Give them as list_objects shows them, such as signature='NUMBER, VARCHAR'; "
            "signature='' for none.",
        )
    return f"({given})"


def _missing(word: str) -> str:
    return f"{CASE_RULE} list_objects(kind={inline(word)}) shows what there is."


def _path(row: Row, word: str) -> tuple[str, ...]:
    """Where the rules look for what a row tells of."""
    name = text(row, "name") or ""
    if word == "database":
        return (name,)
    database = text(row, "database_name") or text(row, "catalog_name") or ""
    if word == "schema":
        return database, name
    # What is in a semantic view stands where the view does.
    return database, text(row, "schema_name") or "", text(row, "semantic_view_name") or name


def _item(row: Row, kind: Kind, within: tuple[str, ...]) -> ObjectItem:
    database = text(row, "database_name") or text(row, "catalog_name")
    schema = text(row, "schema_name")
    place = [part for part in (database, schema) if part]
    told = {name: value for name in kind.told if (value := row.get(name)) not in (None, "")}
    return ObjectItem(
        name=shown(text(row, "name") or ""),
        place="" if len(within) == len(place) else ".".join(map(shown, place)),
        about=told,
        comment=text(row, "comment") or text(row, "description"),
    )


OBJECTS: Final[tuple[Tool[Any], ...]] = (
    Tool(
        name="list_objects",
        title="List objects of any kind",
        description=(
            "Objects of a kind (warehouse, role, stage, function, procedure, stream, task, "
            "dynamic table, semantic view, ...) in the account, a database or a schema; wakes no "
            "warehouse (untrusted data)."
        ),
        arguments=ListObjects,
        answer=Objects,
        run=_list_objects,
        seats=BROWSING,
        row_limit=LIST_LIMIT,
    ),
    Tool(
        name="describe_object",
        title="Describe an object of any kind",
        description="What Snowflake tells of one object (untrusted data).",
        arguments=DescribeObject,
        answer=ObjectDescription,
        run=_describe_object,
        seats=BROWSING,
    ),
    Tool(
        name="get_ddl",
        title="Get the DDL of an object",
        description="The statement that makes an object (untrusted data).",
        arguments=GetDdl,
        answer=Ddl,
        run=_get_ddl,
        seats=BROWSING,
    ),
)
