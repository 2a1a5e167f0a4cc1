"""Statements for the engine: what may pass, and what is rewritten on the way."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.lexical import Token

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["ENGINE_KEYWORDS", "after_statement", "check_statement", "parse", "prepare_query"]

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
        "START",
        "TRUNCATE",
        "UNSET",
        "UPDATE",
        "WITH",
    }
)


def parse(sql: str) -> Any:
    """The syntax tree of one statement; worker threads only."""
    import sqlglot

    # sqlglot logs what it cannot carry over to DuckDB, quoting the statement.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    return sqlglot.parse_one(sql, read="snowflake")


def prepare_query(
    expression: Any, sql: str, found: Sequence[Token], job: Job, connection: "Connection"
) -> dict[int, str]:
    """Rewrite a query in place; gives type hints by column position."""
    return {}


def check_statement(expression: Any) -> None:
    """Refuse what the engine would do wrongly."""


def after_statement(expression: Any, sql: str, connection: "Connection") -> None:
    """Remember what DuckDB will not."""
