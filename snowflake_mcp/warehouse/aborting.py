"""Submitting, watching and ending statements by query id; every call blocks, in worker threads.

Both lines answer to the same public calls. What differs stands here: 4.8 starts a local file
transfer when the server's answer says so, whatever the SQL said, and 5 has no hook to forbid it.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from snowflake_mcp.warehouse.connect import connector_line

__all__ = ["FileTransferRefusedError", "abort", "open_cursor", "status", "submit"]


class FileTransferRefusedError(Exception):
    """The server asked this host to read or write a local file."""


def open_cursor(connection: Any) -> Any:
    """A cursor that never moves files on this host, as far as the line lets us forbid it."""
    if connector_line() == "4.8":
        return connection.cursor(_cursor_without_files())
    return connection.cursor()


def submit(cursor: Any, sql: str, parameters: Mapping[str, object]) -> str:
    """Start a statement and return its query id as soon as Snowflake has given one.

    ``parameters`` count for this statement only; values are never put into the SQL.

    Raises:
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    answer = cursor.execute_async(sql, num_statements=1, _statement_params=dict(parameters))
    return str(answer["queryId"])


def abort(connection: Any, query_id: str) -> bool:
    """Ask Snowflake to end a statement; its waiting thread then fails with errno 604.

    Safe beside the thread that waits on the same connection. Returns whether Snowflake agreed.

    Raises:
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    cursor = connection.cursor()
    try:
        return bool(cursor.abort_query(query_id))
    finally:
        cursor.close()


def status(connection: Any, query_id: str) -> str:
    """How far a statement is, in words: ``running``, ``queued``, ``resuming warehouse``, ...

    Raises:
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    name = str(connection.get_query_status(query_id).name)
    return name.lower().replace("_", " ")


@cache
def _cursor_without_files() -> type[Any]:
    from snowflake.connector.cursor import SnowflakeCursor

    class CursorWithoutFiles(SnowflakeCursor):
        """Refuses the transfer that 4.8 starts on ``command: UPLOAD`` or ``DOWNLOAD``."""

        def _create_file_transfer_agent(self, *_: Any, **__: Any) -> Any:
            raise FileTransferRefusedError("the server asked for a file transfer")

    return CursorWithoutFiles
