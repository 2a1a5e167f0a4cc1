"""The tools that describe one table or view: its columns, and a view's definition."""

from typing import Any, Final

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.answers import ColumnItem, TableDescription, ViewDescription
from snowflake_mcp.tools.arguments import DescribeTable, DescribeView
from snowflake_mcp.tools.base import Call, Tool
from snowflake_mcp.tools.definition import Definition, DefinitionCollector
from snowflake_mcp.tools.names import located, missing_hint, stored
from snowflake_mcp.tools.render import Budget, ItemsCollector, Rendered, json_text
from snowflake_mcp.tools.seats import BROWSING
from snowflake_mcp.tools.wording import answer, counted, inline
from snowflake_mcp.warehouse.identifiers import literal, qualified, shown
from snowflake_mcp.warehouse.results import Outcome
from snowflake_mcp.warehouse.shows import Row, flag, text

__all__ = ["DESCRIBING"]

_MOST_COLUMNS: Final = 10_000

_NO_DEFINITION: Final = frozenset({Family.FORBIDDEN, Family.MISSING_OBJECT, Family.STATEMENT})
"""Failures of GET_DDL that leave the description of the columns worth having."""


async def _describe_table(arguments: DescribeTable, call: Call) -> ToolResult:
    names = located(arguments.database, arguments.schema, arguments.table_name, "table_name")
    call.seen(*names)
    outcome = await _columns(call, "TABLE", names)
    return _described(call, outcome, names)


async def _describe_view(arguments: DescribeView, call: Call) -> ToolResult:
    database = stored(arguments.database, "database")
    names = (
        database,
        call.schema_in(database, arguments.schema),
        stored(arguments.view_name, "view_name"),
    )
    call.seen(*names)
    outcome = await _columns(call, "VIEW", names)
    definition = await _definition(call, names)
    if definition.ddl is None:
        note = "\nDDL: not available to the server's role."
    else:
        ending = " (cut)" if definition.truncated else ""
        note = f"\nDDL{ending}:\n{definition.shown}"
    return _described(
        call,
        outcome,
        names,
        extra={"ddl": definition.ddl, "ddl_truncated": definition.truncated},
        trailer=json_text(note),
        next_step="The DDL is cut; read it whole with SHOW VIEWS in execute_query."
        if definition.truncated
        else None,
    )


async def _columns(call: Call, kind: str, names: tuple[str, str, str]) -> Outcome[Rendered]:
    return await call.run(
        f"DESCRIBE {kind} {qualified(*names)}",
        ItemsCollector(
            _column,
            ("name", "type", "nullable", "key", "default", "comment"),
            Budget.of(call.backing.limits),
        ),
        max_rows=_MOST_COLUMNS,
        missing=missing_hint(*names),
    )


async def _definition(call: Call, names: tuple[str, str, str]) -> Definition:
    try:
        outcome = await call.run(
            f"SELECT GET_DDL('VIEW', {literal(qualified(*names))}, TRUE)",
            DefinitionCollector(call.backing.limits.max_cell_chars),
            max_rows=1,
        )
    except ToolFailure as failure:
        if failure.family in _NO_DEFINITION:
            return Definition()
        raise
    return outcome.value


def _described(
    call: Call,
    outcome: Outcome[Rendered],
    names: tuple[str, str, str],
    *,
    extra: dict[str, Any] | None = None,
    trailer: bytes = b"",
    next_step: str | None = None,
) -> ToolResult:
    rendered = outcome.value
    database, schema, name = (shown(part) for part in names)
    truncated_by = "bytes" if rendered.full else "rows" if outcome.cut else None
    if truncated_by:
        next_step = "Read the rest from INFORMATION_SCHEMA.COLUMNS with execute_query."
    heading = f"{counted(rendered.row_count, 'column')} in {inline(f'{database}.{schema}.{name}')}"
    return answer(
        call,
        outcome,
        heading + ("; more exist." if truncated_by else "."),
        truncated_by=truncated_by,
        next_step=next_step,
        extra={
            "database": database,
            "schema": schema,
            "name": name,
            "columns": rendered.rows,
            **(extra or {}),
        },
        trailer=trailer,
    )


def _column(row: Row) -> ColumnItem | None:
    if (text(row, "kind") or "COLUMN").upper() != "COLUMN":
        return None
    keys = [word for word in ("primary", "unique") if flag(row, f"{word} key")]
    return ColumnItem(
        name=shown(text(row, "name") or ""),
        type=text(row, "type") or "",
        nullable=flag(row, "null?"),
        key=", ".join(keys) or None,
        default=text(row, "default"),
        comment=text(row, "comment"),
    )


DESCRIBING: Final[tuple[Tool[Any], ...]] = (
    Tool(
        name="describe_table",
        title="Describe a table",
        description=(
            "Columns of a table: type, nullable, key, default, comment (untrusted data). "
            "Use before writing SQL on it."
        ),
        arguments=DescribeTable,
        answer=TableDescription,
        run=_describe_table,
        seats=BROWSING,
    ),
    Tool(
        name="describe_view",
        title="Describe a view",
        description="Columns of a view and the DDL that defines it (untrusted data).",
        arguments=DescribeView,
        answer=ViewDescription,
        run=_describe_view,
        seats=BROWSING,
    ),
)
