"""Queries on their way to the engine: Snowflake's names, errors and functions put in."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from snowflake_mcp.simulator.casing import put_stored_names
from snowflake_mcp.simulator.catalog import Entry
from snowflake_mcp.simulator.clauses import put_engine_clauses
from snowflake_mcp.simulator.exact import put_exact_constants
from snowflake_mcp.simulator.failures import StatementFailed, missing_object, syntax_error
from snowflake_mcp.simulator.foreign import put_engine_words
from snowflake_mcp.simulator.functions import replace_functions
from snowflake_mcp.simulator.hints import declared_types, written_types
from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.lexical import Token, projection_texts

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = [
    "ENGINE_KEYWORDS",
    "REFUSED_KEYWORDS",
    "diagnosed",
    "parse",
    "prepare_change",
    "prepare_query",
    "tables_read",
]

ENGINE_KEYWORDS: Final = frozenset(
    {
        "ALTER",
        "BEGIN",
        "COMMENT",
        "COMMIT",
        "CREATE",
        "DELETE",
        "DROP",
        "INSERT",
        "MERGE",
        "ROLLBACK",
        "SELECT",
        "SET",
        "SHOW",
        "TRUNCATE",
        "UNSET",
        "UPDATE",
        "VALUES",
        "WITH",
    }
)
"""First words of statements that may reach the engine; all others are refused."""

REFUSED_KEYWORDS: Final = frozenset(
    {
        "CALL",
        "COPY",
        "DECLARE",
        "EXECUTE",
        "GET",
        "GRANT",
        "LIST",
        "LS",
        "PUT",
        "REMOVE",
        "REVOKE",
        "RM",
        "UNDROP",
    }
)
"""First words that are Snowflake's, of statements that this warehouse has no answer for."""


def parse(sql: str) -> Any:
    """The syntax tree of one statement; worker threads only.

    :raises StatementFailed: 001003
    """
    import sqlglot
    from sqlglot.errors import ParseError

    # sqlglot logs what it cannot carry over to DuckDB, quoting the statement.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        return sqlglot.parse_one(sql, read="snowflake")
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        raise syntax_error(
            f"syntax error line {first.get('line', 1)} at position {first.get('col', 0)} "
            f"unexpected '{first.get('highlight') or '<EOF>'}'."
        ) from None


def prepare_query(
    expression: Any, found: Sequence[Token], job: Job, connection: "Connection"
) -> tuple[Any, Mapping[str, str]]:
    """A query made ready for the engine, and wire types by column name; worker threads only.

    The hints tell what DuckDB has one type for: OBJECT and ARRAY are JSON there, TIMESTAMP_LTZ
    and TIMESTAMP_TZ both an instant.

    :raises StatementFailed: a quoted table name that exists only in another case.
    """
    _name_columns(expression, projection_texts(job.sql, found))
    _quote_keys(expression)
    tables = _tables(expression)
    _check_quoted_names(tables, connection)
    paths = [_path(table, connection) for table in tables]
    hints = declared_types(paths, connection.catalog.notes) | written_types(expression)
    put_stored_names(expression, connection.catalog, lambda table: _path(table, connection))
    put_exact_constants(expression)
    put_engine_clauses(expression)
    put_engine_words(expression)
    _guard_divisions(expression)
    return replace_functions(expression, job, connection), hints


def prepare_change(expression: Any, job: Job, connection: "Connection") -> Any:
    """A statement that changes data or objects made ready for the engine; worker threads only.

    :raises StatementFailed: 000002 for types and functions that are not here.
    """
    from sqlglot import exp

    put_stored_names(expression, connection.catalog, lambda table: _path(table, connection))
    _quote_keys(expression)
    put_engine_clauses(expression)
    put_engine_words(expression)
    with_rows = isinstance(expression, exp.Insert | exp.Update | exp.Delete | exp.Merge)
    copies = isinstance(expression, exp.Create) and expression.args.get("kind") == "TABLE"
    if with_rows or (copies and isinstance(expression.expression, exp.Query)):
        _guard_divisions(expression)
        return replace_functions(expression, job, connection)
    return expression


def _name_columns(query: Any, texts: Sequence[str] | None) -> None:
    """Give unnamed columns the name Snowflake gives them: their text in upper case."""
    from sqlglot import exp

    outermost = query
    while isinstance(outermost, exp.SetOperation):
        outermost = outermost.this
    for select in list(query.find_all(exp.Select)):
        _name_list(select, texts if select is outermost else None)


def _name_list(select: Any, texts: Sequence[str] | None) -> None:
    from sqlglot import exp

    columns = select.expressions
    if texts is not None and len(texts) != len(columns):
        texts = None
    for place, column in enumerate(columns):
        named = isinstance(column, exp.Alias | exp.Column | exp.Star | exp.Aliases | exp.Explode)
        if named or column.is_star or column.find(exp.Star) is column:
            continue
        text = (texts[place] if texts else column.sql(dialect="snowflake")).upper()
        if text.startswith(("DISTINCT ", "ALL ", "TOP ")):
            text = text.partition(" ")[2].strip()
        column.replace(exp.alias_(column.copy(), exp.to_identifier(text, quoted=True), copy=False))


def _quote_keys(query: Any) -> None:
    """Keys of object constants are text: fakesnow would make them upper case."""
    from sqlglot import exp

    for pair in list(query.find_all(exp.PropertyEQ)):
        if isinstance(pair.this, exp.Identifier):
            pair.this.replace(exp.Literal.string(pair.this.this))


def _tables(query: Any) -> list[Any]:
    """The tables a query names, without the names its own WITH clauses define."""
    from sqlglot import exp

    local = {cte.alias_or_name.upper() for cte in query.find_all(exp.CTE)}
    return [
        table
        for table in query.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier)
        and (table.args.get("db") is not None or table.name.upper() not in local)
    ]


def tables_read(query: Any, connection: "Connection") -> list[Entry]:
    """The tables and views that a query names and that exist; for EXPLAIN."""
    found: dict[tuple[str, ...], Entry] = {}
    for table in _tables(query):
        path = _path(table, connection)
        if path is not None and connection.catalog.has_relation(path):
            found[path] = connection.catalog.find(path)
    return list(found.values())


def _path(table: Any, connection: "Connection") -> tuple[str, str, str] | None:
    """The full name of a table as Snowflake reads it, or None without a current schema."""
    place = connection.place
    named = (table.args.get("catalog"), table.args.get("db"), table.this)
    if any(type(part).__name__ == "Dot" for part in named):
        raise syntax_error("a name has at most three parts: database, schema, object.")
    parts = [
        "" if part is None else part.name if part.quoted else part.name.upper() for part in named
    ]
    database = parts[0] or place.database or ""
    schema = parts[1] or place.schema or ""
    return (database, schema, parts[2]) if database and schema else None


def _check_quoted_names(tables: Sequence[Any], connection: "Connection") -> None:
    """DuckDB finds "orders" where there is only ORDERS; Snowflake does not."""
    for table in tables:
        parts = (table.args.get("catalog"), table.args.get("db"), table.this)
        if any(part is not None and part.quoted for part in parts):
            _check_exists(table, connection)


def diagnosed(failed: StatementFailed, query: Any, connection: "Connection") -> StatementFailed:
    """``failed``, told more exactly when a table of the query does not exist."""
    if failed.code not in {"002003", "000904"}:
        return failed
    try:
        for table in _tables(query):
            _check_exists(table, connection)
    except StatementFailed as exact:
        return exact
    return failed


def _check_exists(table: Any, connection: "Connection") -> None:
    path = _path(table, connection)
    if path is None or path[1].upper() == "INFORMATION_SCHEMA" or path[0] == "temp":
        return
    if not connection.catalog.has_database(path[0]):
        raise missing_object("Database", path[0])
    if not connection.catalog.has_schema(path[0], path[1]):
        raise missing_object("Schema", ".".join(path[:2]))
    if not connection.catalog.has_relation(path):
        raise missing_object("Object", ".".join(path))


def _guard_divisions(query: Any) -> None:
    """Division by zero is an error on Snowflake and infinity in DuckDB."""
    from sqlglot import exp

    for division in list(query.find_all(exp.Div)):
        divisor = division.expression
        if isinstance(divisor, exp.Literal) and not divisor.is_string and float(divisor.this) != 0:
            continue
        zero = exp.EQ(this=divisor.copy(), expression=exp.Literal.number(0))
        failure = exp.Anonymous(this="ERROR", expressions=[exp.Literal.string("Division by zero")])
        guarded = exp.Case(ifs=[exp.If(this=zero, true=failure)], default=divisor.copy())
        divisor.replace(exp.Paren(this=guarded))
