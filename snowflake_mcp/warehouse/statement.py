"""One statement: what is asked for, and its life in a worker thread from submit to last row."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from threading import Lock
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec

from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse import queries, reading, tags
from snowflake_mcp.warehouse.results import Collector, Reading
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["Job", "NotWantedError", "Progress", "execute", "statement_parameters"]

T = TypeVar("T")

_TIMEOUT_MARGIN_S: Final = 5
"""Snowflake's own limit is a net for the case that the abort never arrives; it comes later."""


class Job(msgspec.Struct, frozen=True):
    """A statement to run, with everything that counts for it alone."""

    sql: str
    """Exactly what is sent; it has been judged before."""
    principal: Principal
    """For whom: on sessions of this caller alone, at its seat."""
    max_rows: int
    timeout_s: float
    """From the call of ``run``, waiting for a place included."""
    database: str | None = None
    schema: str | None = None
    tag: Mapping[str, str] = MappingProxyType({})
    """Becomes JSON in QUERY_TAG."""
    on_progress: Callable[[str, float], None] | None = None
    """Called with a status in words and the seconds so far; reactor thread, about once a second."""
    on_query: Callable[[str], None] | None = None
    """Called with the query id once it is known, at the latest when the call ends; reactor
    thread."""
    on_end: Callable[[str | None, str], None] | None = None
    """Called with the query id, if there is one, and the final state when the statement has ended
    or is given up, even after its caller has gone; reactor thread."""
    resumes: str | None = None
    """A statement that runs or has ended already: wait for it and read, instead of sending
    ``sql``."""
    keep: Callable[[], bool] | None = None
    """Asked when the caller gives up: True leaves the statement running in Snowflake."""
    once: bool = False
    """Never send it a second time: it may have had its effect although its session is gone."""
    answer_within_s: float | None = None
    """Past it the caller gets the handle (StillRunningError) as soon as there is one, and the
    statement goes on without it, up to ``timeout_s``; 0: at once."""
    waits: Callable[[], bool] | None = None
    """Asked at that moment: True goes on waiting for the result after all; ``None``: nobody."""
    offset: int = 0
    """Rows of the result to pass over before the first one is given to the collector."""
    kept_rows: int | None = None
    """Rows that Snowflake keeps for later reading, or kept, where ``resumes`` is set. ``None``:
    one more than ``max_rows``, which says whether there are more."""
    wish: Wish = NO_WISH
    """What of its seat is not the caller's own."""
    only_reads: bool = False
    """With ``resumes``: giving up ends the reading and leaves the statement alone."""

    @property
    def row_cap(self) -> int:
        """ROWS_PER_RESULTSET; a result of exactly so many rows may be cut."""
        return self.max_rows + 1 if self.kept_rows is None else self.kept_rows


class NotWantedError(Exception):
    """The statement was called off before it was sent; nothing reached Snowflake."""


class Progress:
    """How far a statement is, shared by its worker thread and the reactor thread.

    The lock is held for single assignments only, so the reactor never waits for the driver.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._wanted = True
        self._query_id: str | None = None
        self._sending = False
        self._told: Callable[[], object] | None = None
        self.handed_over = False
        """The caller has the handle: the rows are not read now."""
        self.kept = False
        """Nobody waits, and the statement is to run on."""
        self.reading = False
        """Rows have been given to the collector; it cannot be started over."""

    @property
    def wanted(self) -> bool:
        """Whether somebody still waits for the result."""
        return self._wanted

    @property
    def query_id(self) -> str | None:
        """Known from the moment that Snowflake has accepted the statement."""
        return self._query_id

    @property
    def sent(self) -> bool:
        """Whether anything of the statement has left for Snowflake."""
        return self._sending

    def send(self) -> None:
        """The worker is about to submit.

        Raises:
            NotWantedError: nobody waits any more.
        """
        with self._lock:
            if not self._wanted:
                raise NotWantedError
            self._sending = True

    def accepted(self, query_id: str) -> bool:
        """Snowflake has the statement; ``False`` asks the worker to abort it right away."""
        with self._lock:
            self._query_id = query_id
            told, self._told = self._told, None
            wanted = self._wanted
        if told is not None:
            told()
        return wanted

    def when_accepted(self, told: Callable[[], object]) -> None:
        """Call ``told`` in the worker thread once there is a query id; at once if there is one."""
        with self._lock:
            waits = self._query_id is None
            self._told = told if waits else None
        if not waits:
            told()

    def hand_over(self) -> bool:
        """The caller is to get the handle; ``False``: it is too late, rows are being read."""
        with self._lock:
            self.handed_over = self._wanted and not self.reading
            return self.handed_over

    def begin_reading(self) -> bool:
        """The statement has ended well; ``False``: nobody here wants its rows now."""
        with self._lock:
            self.reading = not self.handed_over
            return self.reading

    def call_off(self) -> str | None:
        """Nobody waits any more; returns the query id to abort, if there is one yet."""
        with self._lock:
            self._wanted = False
            return self._query_id


def execute(
    connection: Any,
    job: Job,
    parameters: Mapping[str, object],
    progress: Progress,
    collector: Collector[T],
    gate: AbstractContextManager[object],
) -> Reading[T] | None:
    """Submit, wait and read, all in the calling worker thread; blocks until it is over.

    ``None``: it has ended well, and its rows are left to whoever has its handle.

    Raises:
        NotWantedError: the statement was called off in time; nothing was sent.
        LeftRunningError: it was called off later, and Snowflake has not ended it yet.
        OwnFaultError: the collector raised, or a value could not be converted.
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    queries.report_no_usage()
    cursor = queries.open_cursor(connection)
    try:
        progress.send()
        query_id = job.resumes or queries.submit(cursor, job.sql, parameters)
        if not progress.accepted(query_id) and not progress.kept and not job.only_reads:
            queries.abort(connection, query_id)
        queries.await_result(cursor, connection, query_id, lambda: progress.wanted)
        if not progress.begin_reading():
            return None
        extent = reading.Extent(job.max_rows, job.offset, job.row_cap)
        return reading.read(cursor, collector, extent, gate, lambda: progress.wanted)
    finally:
        cursor.close()


def statement_parameters(job: Job, remaining_s: float) -> dict[str, object]:
    """What counts for this statement alone; both lines send it with the statement."""
    parameters: dict[str, object] = {
        "MULTI_STATEMENT_COUNT": 1,
        "ROWS_PER_RESULTSET": job.row_cap,
        "STATEMENT_TIMEOUT_IN_SECONDS": max(1, math.ceil(remaining_s)) + _TIMEOUT_MARGIN_S,
    }
    if job.tag:
        parameters["QUERY_TAG"] = tags.sealed(job.tag, job.row_cap)
    return parameters
