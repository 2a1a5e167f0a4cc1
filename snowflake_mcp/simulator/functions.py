"""Functions of Snowflake that the engine does not have: context, DDL, history, old results."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from snowflake_mcp.simulator.answers import SERVER_VERSION
from snowflake_mcp.simulator.ddl import get_ddl
from snowflake_mcp.simulator.failures import StatementFailed, not_supported
from snowflake_mcp.simulator.jobs import ACCOUNT, DEMO_REGION, Job

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["replace_functions"]

_ORGANIZATION: Final = "DEMO_ORG"


def _context(job: Job, connection: "Connection") -> Mapping[str, str | None]:
    place = connection.place
    return {
        "CURRENT_ACCOUNT": ACCOUNT,
        "CURRENT_ACCOUNT_NAME": ACCOUNT,
        "CURRENT_ORGANIZATION_NAME": _ORGANIZATION,
        "CURRENT_USER": job.user,
        "CURRENT_ROLE": place.role,
        "CURRENT_AVAILABLE_ROLES": f'["{place.role}"]',
        "CURRENT_SECONDARY_ROLES": '{"roles":"","value":""}',
        "CURRENT_WAREHOUSE": place.warehouse,
        "CURRENT_DATABASE": place.database,
        "CURRENT_SCHEMA": place.schema,
        "CURRENT_SCHEMAS": "[]" if not place.schema else f'["{place.database}.{place.schema}"]',
        "CURRENT_REGION": DEMO_REGION,
        "CURRENT_VERSION": SERVER_VERSION,
        "CURRENT_SESSION": str(job.session_id),
        "CURRENT_CLIENT": "snowflake-mcp demo",
        "CURRENT_IP_ADDRESS": "127.0.0.1",
        "CURRENT_STATEMENT": job.sql,
        "CURRENT_TRANSACTION": None,
        "LAST_QUERY_ID": job.last_query_id or None,
    }


_BARE: Final = frozenset({"CURRENT_ROLE", "CURRENT_USER"})
"""Functions that may stand without parentheses."""


def replace_functions(query: Any, job: Job, connection: "Connection") -> Any:
    """``query`` with the functions that only Snowflake has replaced by their values.

    :raises StatementFailed: a function that has no value here.
    """
    from sqlglot import exp  # noqa: PLC0415 heavy, only the simulator's own process needs it

    values = _context(job, connection)

    def replaced(node: Any) -> Any:
        if isinstance(node, exp.TableFromRows):
            return _table_function(node, job, connection)
        if isinstance(node, exp.Column) and not node.table and not node.this.quoted:
            name = node.name.upper()
            if name not in _BARE:
                return node
            named = isinstance(node.parent, exp.Select)
            return exp.alias_(_literal(values[name]), name) if named else _literal(values[name])
        if not isinstance(node, exp.Func):
            return node
        name = _name(node)
        if name in values:
            return _literal(values[name])
        if name.startswith("SYSTEM$"):
            raise not_supported(f"the function {name[:60]}")
        special = _SPECIAL.get(name)
        return node if special is None else special(node, job, connection)

    return query.transform(replaced, copy=False)


def _name(node: Any) -> str:
    from sqlglot import exp  # noqa: PLC0415

    return str(node.this if isinstance(node, exp.Anonymous) else node.sql_name()).upper()


def _literal(value: str | None) -> Any:
    from sqlglot import exp  # noqa: PLC0415

    return exp.Null() if value is None else exp.Literal.string(value)


def _text(node: Any) -> str:
    from sqlglot import exp  # noqa: PLC0415

    if not isinstance(node, exp.Literal) or not node.is_string:
        raise StatementFailed(
            "001015", "42601", "SQL compilation error:\nargument needs to be a string constant."
        )
    return str(node.this)


def _get_ddl(node: Any, _job: Job, connection: "Connection") -> Any:
    arguments = node.expressions
    if len(arguments) not in {2, 3}:
        raise StatementFailed(
            "000938",
            "22023",
            "SQL compilation error:\nnot enough arguments for function [GET_DDL].",
        )
    return _literal(get_ddl(connection, _text(arguments[0]), _text(arguments[1])))


def _is_role(node: Any, _job: Job, connection: "Connection") -> Any:
    from sqlglot import exp  # noqa: PLC0415

    return exp.Boolean(this=_text(node.expressions[0]) == connection.place.role)


_SPECIAL: Final[Mapping[str, Callable[[Any, Job, "Connection"], Any]]] = {
    "GET_DDL": _get_ddl,
    "IS_ROLE_IN_SESSION": _is_role,
}


def _table_function(node: Any, job: Job, connection: "Connection") -> Any:
    """``TABLE(f(...))`` for the functions that read what is kept here."""
    from sqlglot import exp  # noqa: PLC0415

    call = node.this
    while isinstance(call, exp.Dot):
        call = call.expression
    if not isinstance(call, exp.Anonymous):
        return node
    name = str(call.this).upper()
    if name == "RESULT_SCAN":
        table = _scanned(call, job)
    elif name in _HISTORIES:
        table = _history(call, job)
    else:
        return node
    shown = f"_given_{job.query_id}_{len(connection.given)}"
    connection.give(shown, table)
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name, quoted=False))
    return exp.Table(
        this=exp.to_identifier(shown, quoted=True),
        db=exp.to_identifier("main", quoted=True),
        catalog=exp.to_identifier("temp", quoted=True),
        alias=alias,
    )


def _scanned(call: Any, job: Job) -> Any:
    from sqlglot import exp  # noqa: PLC0415

    argument = call.expressions[0] if call.expressions else exp.Null()
    # The context functions inside were replaced before: a tree is rewritten leaves first.
    query_id = job.last_query_id if _is_last(argument) else _text(argument)
    result = job.scanned.get(query_id)
    if result is None:
        raise StatementFailed("000709", "02000", f"Statement {query_id} not found")
    return result.as_table()


def _is_last(argument: Any) -> bool:
    from sqlglot import exp  # noqa: PLC0415

    return isinstance(argument, exp.Anonymous) and _name(argument) == "LAST_QUERY_ID"


_HISTORIES: Final = frozenset(
    {"QUERY_HISTORY", "QUERY_HISTORY_BY_SESSION", "QUERY_HISTORY_BY_USER"}
)


def _history(call: Any, job: Job) -> Any:
    import pyarrow as pa

    limit = 100
    for argument in call.expressions:
        if str(getattr(argument.this, "name", "")).upper() == "RESULT_LIMIT":
            limit = int(argument.expression.name)
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
        for past in job.history[: max(1, limit)]
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
