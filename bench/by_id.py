"""A statement by the bare connector, sent first and awaited then, with its public calls alone."""

from typing import Any

__all__ = ["by_id"]


def by_id(connection: Any, query: str) -> Any:
    """Submit the query, wait for it, and return the cursor with its result; blocks.

    What anybody would write: nothing here is the server's own.
    """
    cursor = connection.cursor()
    query_id = cursor.execute_async(query, num_statements=1)["queryId"]
    cursor.query_result(query_id)
    return cursor
