"""A statement by the bare connector, sent and awaited as the server does it."""

from typing import Any

from snowflake_mcp.warehouse import queries

__all__ = ["by_id"]


def by_id(connection: Any, query: str) -> Any:
    """Submit the query, wait for it, and return the cursor with its result; blocks."""
    cursor = queries.open_cursor(connection)
    query_id = queries.submit(cursor, query, {})
    queries.await_result(cursor, connection, query_id, lambda: True)
    return cursor
