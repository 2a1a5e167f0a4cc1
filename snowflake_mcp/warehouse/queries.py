"""Submitting, awaiting, watching and ending statements by query id; all block, worker threads only.

The calls are public and the same on both lines. What differs stands here. 4.8 starts a local
file transfer when the server's answer says so, whatever the SQL said; 5 has no hook to forbid
it. Both ask for a result only once, and Snowflake answers after 45 s that the statement still
runs: 5 then returns an empty cursor, 4.8 raises KeyError. A refused submission raises on 4.8; 5
reads the query id off the refusal and tells the reason with the first poll, or fails with an
error of its own when the refusal has no query id.
"""

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

from snowflake_mcp.warehouse.connect import connector_line
from snowflake_mcp.warehouse.errors import NotAcceptedError
from snowflake_mcp.warehouse.standing import State

__all__ = [
    "FileTransferRefusedError",
    "LeftRunningError",
    "NoResultError",
    "abort",
    "await_result",
    "failure_of",
    "open_cursor",
    "report_no_usage",
    "status",
    "submit",
]

_PROTOCOL_ERRNO: Final = 6
"""Of 5, for an answer without the members it needs."""
_PAUSE_S: Final = 0.2
"""Between two polls, for the case that an answer comes at once instead of after 45 s."""
_TRIES: Final = 5
"""To get the result of a statement that has ended."""


_STATES: Final[Mapping[str, State]] = {
    "QUEUED": "queued",
    "QUEUED_REPARING_WAREHOUSE": "queued",
    "BLOCKED": "queued",
    "RESUMING_WAREHOUSE": "resuming warehouse",
    "RUNNING": "running",
    "RESTARTED": "running",
    "ABORTING": "running",
    "SUCCESS": "success",
    "ABORTED": "cancelled",
    "FAILED_WITH_ERROR": "failed",
    "FAILED_WITH_INCIDENT": "failed",
}
"""Others (DISCONNECTED, NO_DATA) say nothing of the statement."""


class FileTransferRefusedError(Exception):
    """The server asked this host to read or write a local file."""


class NoResultError(Exception):
    """The statement has ended, and no answer to the question for its result has one."""


class LeftRunningError(Exception):
    """Nobody waits for the statement any more, and its abort has not been confirmed."""


def open_cursor(connection: Any) -> Any:
    """A cursor for one statement that never moves files on this host, as far as that can be had.

    The driver adds every error to the connection's ``messages`` (PEP 249) and never takes one
    away: on a session that lives long they are forgotten here.
    """
    del connection.messages[:]
    return connection.cursor(_cursor_class())


def report_no_usage() -> None:
    """From now on no call of the driver in this thread is reported to Snowflake as its usage.

    ``connect.open_session`` has switched that off for every session. But 5 takes each public call
    apart for its report, and only then asks whether there is to be one: a third of its own work
    for a small statement, with the interpreter held.
    """
    tracking = _usage_tracking()
    if tracking is not None:
        tracking.set(False)


def submit(cursor: Any, sql: str, parameters: Mapping[str, object]) -> str:
    """Start a statement and return its query id as soon as Snowflake has given one.

    ``parameters`` count for this statement only; values are never put into the SQL.

    Raises:
        NotAcceptedError: Snowflake did not take it, and it is not known why.
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    try:
        answer = cursor.execute_async(sql, num_statements=1, _statement_params=dict(parameters))
    except Exception as error:
        if getattr(error, "errno", None) == _PROTOCOL_ERRNO:
            raise NotAcceptedError from error
        raise
    query_id = answer["queryId"]
    if not query_id:
        raise NotAcceptedError
    return str(query_id)


def await_result(cursor: Any, connection: Any, query_id: str, wanted: Callable[[], bool]) -> None:
    """Wait until the statement has ended; afterwards the cursor has its result.

    ``wanted`` is asked between polls.

    Raises:
        LeftRunningError: ``wanted`` said no, and the statement has not ended yet.
        NoResultError: it has ended, and its result cannot be had.
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    ended = 0
    while not _has_result(cursor, query_id):
        if connection.is_still_running(connection.get_query_status(query_id)):
            if not wanted():
                raise LeftRunningError
        else:
            ended += 1
            if ended > _TRIES:
                raise NoResultError
        if ended != 1:
            time.sleep(_PAUSE_S)  # noqa: TID251 - worker thread; see above


def _has_result(cursor: Any, query_id: str) -> bool:
    try:
        cursor.query_result(query_id)
    except KeyError:
        return False
    return cursor.description is not None


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


def status(connection: Any, query_id: str) -> State:
    """How far a statement is.

    Raises:
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    return _STATES.get(str(connection.get_query_status(query_id).name), "unknown")


def failure_of(connection: Any, query_id: str) -> Exception | None:
    """Why a statement failed, as the driver says it; ``None``: it did not fail."""
    try:
        connection.get_query_status_throw_if_error(query_id)
    except Exception as error:  # noqa: BLE001 - what it raises is the answer; see errors.classify
        return error
    return None


@cache
def _usage_tracking() -> ContextVar[bool] | None:
    # private: no option, setting or argument of the driver says this. Without the name the driver
    # does its needless work again, and nothing else changes.
    try:
        from snowflake.connector._internal import decorators
    except ImportError:
        return None
    tracking = vars(decorators).get("_TRACKING")
    return tracking if isinstance(tracking, ContextVar) else None


@cache
def _cursor_class() -> type[Any]:
    from snowflake.connector.cursor import SnowflakeCursor

    class CursorWithoutFiles(SnowflakeCursor):
        """Refuses the transfer that 4.8 starts on ``command: UPLOAD`` or ``DOWNLOAD``."""

        def _create_file_transfer_agent(self, *_: Any, **__: Any) -> Any:
            raise FileTransferRefusedError("the server asked for a file transfer")

    class CursorOfOpenConnection(SnowflakeCursor):
        """Of 5: the connection was asked when the cursor was made, and is not before each call."""

        def is_closed(self) -> bool:
            # private: what the driver looks at first. Where it is closed, or a name has gone, the
            # core is asked as ever: a round trip, and a line in its log.
            handle = getattr(self.connection, "conn_handle", None)
            if handle is None or getattr(self, "_closed", True):
                return bool(super().is_closed())
            return False

    return CursorWithoutFiles if connector_line() == "4.8" else CursorOfOpenConnection
