"""The statements that this process has sent, by query id, for a day."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.alarms import Clock
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.warehouse.standing import Standing, State
from snowflake_mcp.warehouse.tags import Owner
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["KEPT_S", "MAX_RECORDS", "Ledger", "Live", "Record"]

KEPT_S: Final = 86_400.0
"""Snowflake keeps a result for a day."""
MAX_RECORDS: Final = 10_000
"""About 5 MB. What made room is looked up in Snowflake's history, like other processes'."""


_SQL_CHARS: Final = 500
"""Of a statement's text, to know it again; 5 MB for all records."""


class Live(Protocol):
    """A statement that has its thread; ``warehouse.run.Run`` is one."""

    def look(self) -> Deferred[State] | None:
        """Ask Snowflake how it is; ``None``: its thread is just coming back."""

    def end_with(self, verdict: Callable[[], ToolFailure]) -> None:
        """Abort it."""


class Record:
    """One statement; reactor thread only."""

    __slots__ = (
        "_elapsed_s",
        "_failure",
        "_waiting",
        "kept_rows",
        "live",
        "owner",
        "query_id",
        "sql",
        "started",
        "state",
        "tool",
        "wish",
    )

    def __init__(
        self,
        query_id: str,
        owner: Owner,
        kept_rows: int | None,
        started: float | None,
        live: Live | None,
        tool: str = "",
        sql: str = "",
        wish: Wish = NO_WISH,
    ) -> None:
        """``started`` is by the clock of the reactor."""
        self.tool = tool
        self.wish = wish
        """Where it ran, as far as that is not its owner's own seat."""
        self.sql = sql[:_SQL_CHARS]
        """The beginning of its text, for its owner alone; empty when another process sent it."""
        self.query_id = query_id
        self.owner = owner
        self.kept_rows = kept_rows
        self.live = live
        """Set while its thread is in this process."""
        self.state: State = "unknown" if live is None else "running"
        self.started = started
        self._elapsed_s: float | None = None
        self._failure: ToolFailure | None = None
        self._waiting: list[Deferred[None]] | None = None

    def standing(self, now: float) -> Standing:
        """How it stands, as far as this process knows."""
        elapsed_s = self._elapsed_s
        if self.live is not None and self.started is not None:
            elapsed_s = now - self.started
        failure = None if self._failure is None else self._failure.anew()
        return Standing(self.query_id, self.state, elapsed_s, failure, self.kept_rows, self.wish)

    def end(self, state: State, failure: ToolFailure | None, now: float | None) -> None:
        """Its thread has come back, or Snowflake has told how it ended."""
        self.live = None
        self.state = state
        self._failure = None if failure is None else failure.anew()
        if now is not None and self.started is not None:
            self._elapsed_s = now - self.started
        waiting, self._waiting = self._waiting, None
        for one in waiting or ():
            one.callback(None)

    def over(self) -> Deferred[None]:
        """Fires when its thread has come back; cancelling it only stops the waiting."""
        done: Deferred[None] = Deferred(self._waiting_remove)
        if self.live is None:
            done.callback(None)
        else:
            self._waiting = [*(self._waiting or ()), done]
        return done

    def _waiting_remove(self, done: Deferred[None]) -> None:
        if self._waiting is not None:
            self._waiting.remove(done)


class Ledger:
    """Records by query id, bounded in number and age; reactor thread only."""

    def __init__(self, clock: Clock, max_records: int = MAX_RECORDS) -> None:
        self._clock = clock
        self._max_records = max_records
        self._records: OrderedDict[str, tuple[float, Record]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Record) -> None:
        """Keep a record; those that are over and oldest make room."""
        now, records = self._clock.seconds(), self._records
        records[record.query_id] = (now, record)
        for _ in range(len(records)):
            added, oldest = next(iter(records.values()))
            if len(records) <= self._max_records and now - added <= KEPT_S:
                return
            del records[oldest.query_id]
            if oldest.live is not None:
                records[oldest.query_id] = (now, oldest)

    def find(self, query_id: str, owner: Owner) -> Record | None:
        """The statement of this owner; another's looks like none."""
        _, record = self._records.get(query_id, (0.0, None))
        return record if record is not None and record.owner == owner else None

    def of(self, owner: Owner, since: float, most: int) -> list[Record]:
        """The statements of this owner that began since then, newest first.

        Of those that another process sent nobody knows here when they began.
        """
        found = [
            record
            for _, record in self._records.values()
            if record.owner == owner and record.started is not None and record.started >= since
        ]
        found.sort(key=lambda record: record.started or 0.0, reverse=True)
        return found[:most]
