"""Functions of Snowflake that the engine does not have: context, DDL, history, old results."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from snowflake_mcp.simulator.answers import SERVER_VERSION
from snowflake_mcp.simulator.ddl import full_path, get_ddl
from snowflake_mcp.simulator.failures import StatementFailed, not_supported
from snowflake_mcp.simulator.jobs import ACCOUNT, DEMO_REGION, Job
from snowflake_mcp.simulator.lexical import Words, tokens
from snowflake_mcp.simulator.semantic_queries import semantic_yaml
from snowflake_mcp.simulator.table_functions import lend_tables, string_constant

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
    from sqlglot import exp

    values = _context(job, connection)
    lend_tables(query, job, connection)

    def replaced(node: Any) -> Any:
        if isinstance(node, exp.Parameter) and str(node.this.name).isdecimal():
            return exp.Var(this=f"#{node.this.name}")
        if isinstance(node, exp.Column) and not node.table and not node.this.quoted:
            name = node.name.upper()
            if name not in _BARE:
                return node
            named = isinstance(node.parent, exp.Select)
            return exp.alias_(_literal(values[name]), name) if named else _literal(values[name])
        if not isinstance(node, exp.Func):
            return node
        name = _name(node)
        if isinstance(node, exp.CurrentTimestamp | exp.Localtimestamp) and not node.args.get(
            "sysdate"
        ):
            # The bare words would mean the columns that are named like them.
            return exp.Anonymous(this="now")
        if isinstance(node, exp.CurrentDate):
            return exp.Anonymous(this="today")
        if name in values:
            return _literal(values[name])
        special = _SPECIAL.get(name)
        if name.startswith("SYSTEM$") and special is None:
            raise not_supported(f"the function {name[:60]}")
        return node if special is None else special(node, job, connection)

    return query.transform(replaced, copy=False)


def _name(node: Any) -> str:
    from sqlglot import exp

    return str(node.this if isinstance(node, exp.Anonymous) else node.sql_name()).upper()


def _literal(value: str | None) -> Any:
    from sqlglot import exp

    return exp.Null() if value is None else exp.Literal.string(value)


def _get_ddl(node: Any, _job: Job, connection: "Connection") -> Any:
    arguments = node.expressions
    if len(arguments) not in {2, 3}:
        raise StatementFailed(
            "000938",
            "22023",
            "SQL compilation error:\nnot enough arguments for function [GET_DDL].",
        )
    return _literal(
        get_ddl(connection, string_constant(arguments[0]), string_constant(arguments[1]))
    )


def _read_yaml(node: Any, _job: Job, connection: "Connection") -> Any:
    path = full_path(connection, Words(tokens(string_constant(node.expressions[0]))).path())
    return _literal(semantic_yaml(path))


def _is_role(node: Any, _job: Job, connection: "Connection") -> Any:
    from sqlglot import exp

    return exp.Boolean(this=string_constant(node.expressions[0]) == connection.place.role)


def _allow_list(_node: Any, _job: Job, _connection: "Connection") -> Any:
    return _literal('[{"host":"127.0.0.1","port":0,"type":"SNOWFLAKE_DEPLOYMENT"}]')


_SPECIAL: Final[Mapping[str, Callable[[Any, Job, "Connection"], Any]]] = {
    "GET_DDL": _get_ddl,
    "SYSTEM$READ_YAML_FROM_SEMANTIC_VIEW": _read_yaml,
    "IS_ROLE_IN_SESSION": _is_role,
    "SYSTEM$ALLOWLIST": _allow_list,
    "SYSTEM$WHITELIST": _allow_list,
}
