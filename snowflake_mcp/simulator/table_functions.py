"""What a query reads that is no table of the engine: results of before, the history, views."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.information_views import TABLE_FUNCTIONS, empty_table, view_table
from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.macros import HOME

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["lend_tables", "string_constant"]


def string_constant(node: Any) -> str:
    """The text of a literal argument.

    :raises StatementFailed: 001015 for anything computed.
    """
    from sqlglot import exp

    if not isinstance(node, exp.Literal) or not node.is_string:
        raise StatementFailed(
            "001015", "42601", "SQL compilation error:\nargument needs to be a string constant."
        )
    return str(node.this)


def lend_tables(query: Any, job: Job, connection: "Connection") -> None:
    """Give the engine a table for each such source of ``query``, and name it there instead.

    :raises StatementFailed: 000709 for a result that is not kept.
    """
    from sqlglot import exp

    for node in list(query.find_all(exp.TableFromRows)):
        if isinstance(node.this, exp.SplitToTable):
            parts = [node.this.this, node.this.expression]
            call = exp.Anonymous(this=f"{HOME}.sf_split_to_table", expressions=parts)
            node.replace(exp.Table(this=call, alias=node.args.get("alias")))
            continue
        called = _called(node, job)
        if called is not None:
            name, table = called
            _replace(node, name, table, job, connection)
    for node in list(query.find_all(exp.Table)):
        if isinstance(node.this, exp.Parameter):
            flowed = job.flow[-int(node.this.name)] if _reaches(node, job) else None
            if flowed is None:
                raise StatementFailed(
                    "001003", "42000", f"SQL compilation error:\nno statement ${node.this.name}."
                )
            _replace(node, "", flowed.as_table(), job, connection)
        elif node.db.upper() == "INFORMATION_SCHEMA" and isinstance(node.this, exp.Identifier):
            database = node.catalog.upper() or connection.place.database or ""
            table = view_table(node.name.upper(), database, connection, job)
            if table is not None and connection.catalog.has_database(database):
                _replace(node, node.name, table, job, connection)


def _reaches(node: Any, job: Job) -> bool:
    number = str(node.this.name)
    return number.isdecimal() and 1 <= int(number) <= len(job.flow)


def _replace(node: Any, name: str, table: Any, job: Job, connection: "Connection") -> None:
    from sqlglot import exp

    shown = f"_given_{job.query_id}_{len(connection.given)}"
    connection.give(shown, table)
    named = exp.TableAlias(this=exp.to_identifier(name)) if name else None
    node.replace(
        exp.Table(
            this=exp.to_identifier(shown, quoted=True),
            db=exp.to_identifier("main", quoted=True),
            catalog=exp.to_identifier("temp", quoted=True),
            alias=node.args.get("alias") or named,
        )
    )


def _called(node: Any, job: Job) -> tuple[str, Any] | None:
    """Name and rows of ``TABLE(f(...))``; None for functions that the engine has."""
    from sqlglot import exp

    call = node.this
    while isinstance(call, exp.Dot):
        call = call.expression
    if not isinstance(call, exp.Anonymous):
        return None
    name = str(call.this).upper()
    if name == "RESULT_SCAN":
        return name, _scanned(call, job)
    if name in _HISTORIES:
        return name, _history(call, job)
    return (name, empty_table(TABLE_FUNCTIONS[name])) if name in TABLE_FUNCTIONS else None


def _scanned(call: Any, job: Job) -> Any:
    from sqlglot import exp

    argument = call.expressions[0] if call.expressions else exp.Null()
    is_last = isinstance(argument, exp.Anonymous) and argument.name.upper() == "LAST_QUERY_ID"
    query_id = job.last_query_id if is_last else string_constant(argument)
    result = job.scanned.get(query_id)
    if result is None:
        raise StatementFailed("000709", "02000", f"Statement {query_id} not found")
    return result.as_table()


_HISTORIES: Final = frozenset(
    {"QUERY_HISTORY", "QUERY_HISTORY_BY_SESSION", "QUERY_HISTORY_BY_USER"}
)


def _history(call: Any, job: Job) -> Any:
    import pyarrow as pa

    limit = 100
    for argument in call.expressions:
        if str(getattr(argument.this, "name", "")).upper() == "RESULT_LIMIT":
            limit = int(argument.expression.name)
    listed = job.history
    if str(call.this).upper() == "QUERY_HISTORY_BY_USER":
        listed = [past for past in listed if past.user == job.user]
    moments = pa.timestamp("us", tz="UTC")
    rows = [
        {
            "QUERY_ID": past.query_id,
            "QUERY_TEXT": past.text,
            "DATABASE_NAME": past.database or None,
            "SCHEMA_NAME": past.schema or None,
            "QUERY_TYPE": past.text.split(None, 1)[0].upper()[:30] if past.text.split() else "",
            "SESSION_ID": past.session_id,
            "USER_NAME": past.user,
            "ROLE_NAME": past.role,
            "WAREHOUSE_NAME": past.warehouse,
            "QUERY_TAG": past.tag,
            "EXECUTION_STATUS": past.status,
            "ERROR_CODE": past.error_code or None,
            "ERROR_MESSAGE": past.error_message or None,
            "START_TIME": datetime.fromtimestamp(past.started_at, UTC),
            "END_TIME": None
            if past.ended_at is None
            else datetime.fromtimestamp(past.ended_at, UTC),
            "TOTAL_ELAPSED_TIME": int(
                ((past.ended_at or past.started_at) - past.started_at) * 1000
            ),
            "ROWS_PRODUCED": past.rows,
        }
        for past in listed[: max(1, limit)]
    ]
    numbers = ("SESSION_ID", "TOTAL_ELAPSED_TIME", "ROWS_PRODUCED")
    times = ("START_TIME", "END_TIME")
    schema = pa.schema(
        [
            (name, pa.int64() if name in numbers else moments if name in times else pa.string())
            for name in _HISTORY_COLUMNS
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


_HISTORY_COLUMNS: Final = (
    "QUERY_ID",
    "QUERY_TEXT",
    "DATABASE_NAME",
    "SCHEMA_NAME",
    "QUERY_TYPE",
    "SESSION_ID",
    "USER_NAME",
    "ROLE_NAME",
    "WAREHOUSE_NAME",
    "QUERY_TAG",
    "EXECUTION_STATUS",
    "ERROR_CODE",
    "ERROR_MESSAGE",
    "START_TIME",
    "END_TIME",
    "TOTAL_ELAPSED_TIME",
    "ROWS_PRODUCED",
)
