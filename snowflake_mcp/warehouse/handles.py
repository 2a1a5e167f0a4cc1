"""Query ids as handles: whose a statement is, how it stands, its end and its rows."""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from snowflake_mcp.ops.clocks import wall_clock
from snowflake_mcp.protocol.alarms import Clock
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse import queries, tags
from snowflake_mcp.warehouse.errands import Errands
from snowflake_mcp.warehouse.errors import classify
from snowflake_mcp.warehouse.identifiers import literal
from snowflake_mcp.warehouse.ledger import Ledger, Record
from snowflake_mcp.warehouse.results import Collector, Column, JsonValue, Outcome
from snowflake_mcp.warehouse.standing import ENDED, Standing, State, StillRunningError
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["Asking", "Handles", "Past", "Runner"]

T = TypeVar("T")

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HISTORY: Final = (
    "SELECT QUERY_TAG FROM TABLE({schema}.QUERY_HISTORY_BY_USER("
    "END_TIME_RANGE_START => DATEADD('hour', -25, CURRENT_TIMESTAMP()), RESULT_LIMIT => 10000)) "
    "WHERE QUERY_ID = {query_id}"
)
"""Of the login's own user; statements that run are in it. 10,000 is the most it gives."""
_LOOKUP_S: Final = 60.0
_LOOK_AGAIN_S: Final = 1.0
_CONFIRM_S: Final = 2.0
"""How long an answer waits for a statement that was told to end, or is just ending."""
_NO_CAP: Final = 1 << 62
_TROUBLE: Final = frozenset(
    {Family.AUTH, Family.BUSY, Family.CANCELLED, Family.TIMEOUT, Family.UNAVAILABLE}
)
"""Failures of a lookup that say nothing of the id."""


class Runner(Protocol):
    """What runs SQL; ``warehouse.service.Warehouse.run`` does."""

    def __call__(self, job: Job, collector: Collector[T]) -> Coroutine[Any, Any, Outcome[T]]:
        """Run one statement and give its rows to the collector."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks about a statement."""

    principal: Principal
    tag: Mapping[str, str]
    """As on statements of this caller; a statement is its own when the same server and
    principal are in that statement's tag."""


@dataclass(frozen=True, slots=True)
class Past:
    """A statement of before, or one that runs, as far as this process knows it."""

    standing: Standing
    started: float | None
    """Seconds since 1970."""
    tool: str
    sql: str
    """Its beginning."""


class Handles:
    """Statements by query id, for the principal that ran them; reactor thread only.

    What this process sent is known from its ledger. Anything else is looked up in Snowflake's
    query history, and is the caller's when its QUERY_TAG says so. Whatever is not is refused in
    one way, known or not, after the same lookup.
    """

    _log = Logger()

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        errands: Errands,
        run: Runner,
        note: Callable[[], None],
        history_schema: Callable[[Principal, Wish], str],
        wishes: Callable[[Principal], Sequence[Wish]],
        time_of_day: Callable[[], float] = wall_clock,
    ) -> None:
        """``note`` brings the ledger up to date with the statements whose ids became known.

        ``history_schema`` is the INFORMATION_SCHEMA that a caller's session has to ask, and
        ``wishes`` are the connections whose history may have a statement of the caller.
        """
        self._note_running = note
        self._clock = clock
        self._time_of_day = time_of_day
        self._ledger = ledger
        self._errands = errands
        self._run = run
        self._history_schema = history_schema
        self._wishes = wishes

    def history_schema(self, principal: Principal, wish: Wish = NO_WISH) -> str:
        """The INFORMATION_SCHEMA that a session of this caller has to ask.

        Raises:
            ToolFailure: the caller's table is no more, or does not let it choose that.
        """
        return self._history_schema(principal, wish)

    def recent(self, asking: Asking, since: float, most: int) -> list[Past]:
        """The caller's statements that this process has sent since then, newest first.

        ``since`` is by the clock of the reactor, which need not know the time of day.
        """
        owner = tags.owner_of(asking.tag)
        if owner is None:
            return []
        self._note_running()
        now = self._clock.seconds()
        ahead = self._time_of_day() - now
        return [
            Past(
                record.standing(now),
                None if record.started is None else record.started + ahead,
                record.tool,
                record.sql,
            )
            for record in self._ledger.of(owner, since, most)
        ]

    async def standing(self, query_id: str, asking: Asking, wait_s: float = 0.0) -> Standing:
        """How it stands, after waiting up to ``wait_s`` for its end.

        Raises:
            ToolFailure: no such statement of this caller, or Snowflake cannot be asked.
        """
        return await self._stands(await self._record(query_id, asking), asking, wait_s)

    async def place(self, query_id: str, asking: Asking) -> Wish:
        """Where it runs or ran, as far as that is not the caller's own seat.

        Raises:
            ToolFailure: no such statement of this caller, or Snowflake cannot be asked.
        """
        return (await self._record(query_id, asking)).wish

    async def cancel(self, query_id: str, asking: Asking) -> Standing:
        """End it, and wait up to 2 s for the confirmation; gives how it stands then.

        Raises:
            ToolFailure: no such statement of this caller, or Snowflake cannot be asked.
        """
        record = await self._record(query_id, asking)
        if record.live is not None:
            record.live.end_with(_cancelled)
            await self._ended(record.over(), _CONFIRM_S)
            return await self._stands(record, asking, 0.0)
        standing = await self._stands(record, asking, 0.0)
        if standing.ended:
            return standing
        await self._ask(record, asking, queries.abort)
        return await self._stands(record, asking, _CONFIRM_S, every_s=0.1)

    async def read(
        self, query_id: str, asking: Asking, job: Job, collector: Collector[T], wait_s: float
    ) -> Outcome[T]:
        """Give rows of its result to the collector, without running it again.

        ``job`` says which rows, for whom and within which time; it has no SQL.

        Raises:
            ToolFailure: as ``standing``; and when it failed, was cancelled, or is unknown.
            StillRunningError: it has not ended within ``wait_s``.
        """
        standing = await self.standing(query_id, asking, wait_s)
        if standing.state == "success":
            cap = _NO_CAP if standing.kept_rows is None else standing.kept_rows
            resumed = msgspec.structs.replace(
                job, resumes=standing.query_id, kept_rows=cap, only_reads=True, wish=standing.wish
            )
            return await self._run(resumed, collector)
        if not standing.ended and standing.state != "unknown":
            raise StillRunningError(standing)
        raise _no_result(standing)

    async def _record(self, query_id: str, asking: Asking) -> Record:
        owner = tags.owner_of(asking.tag)
        wanted = query_id.strip().lower()
        if owner is None or not _ID.fullmatch(wanted):
            raise _unknown()
        self._note_running()
        record = self._ledger.find(wanted, owner)
        if record is not None:
            return record
        tag, wish = await self._found(wanted, asking)
        found, kept_rows = tags.read(tag)
        if found != owner:
            raise _unknown()
        record = Record(wanted, owner, kept_rows, None, None, wish=wish)
        self._ledger.add(record)
        return record

    async def _found(self, query_id: str, asking: Asking) -> tuple[JsonValue, Wish]:
        """The tag of a statement in the history of one of the connections, and its seat."""
        wishes, trouble = self._wishes(asking.principal), None
        for wish in wishes:
            try:
                tag = await self._tag_of(query_id, asking, wish)
            except ToolFailure as failure:
                trouble = trouble or failure
                continue
            if tag is not None:
                # The role in the tag is the one that may read the result, if it still may be had.
                return tag, replace(tags.wish_in(tag), connection=wish.connection)
        raise trouble or _unknown()

    async def _tag_of(self, query_id: str, asking: Asking, wish: Wish) -> JsonValue:
        schema = self.history_schema(asking.principal, wish)
        sql = _HISTORY.format(schema=schema, query_id=literal(query_id))
        job = Job(sql, asking.principal, max_rows=1, timeout_s=_LOOKUP_S, tag=asking.tag, wish=wish)
        try:
            return (await self._run(job, _FirstCell())).value
        except ToolFailure as failure:
            if failure.family in _TROUBLE:
                raise
            self._log.warn(
                "the query history cannot be read: {family}, errno {errno}",
                family=failure.family.value,
                errno=failure.details.get("errno"),
            )
            raise _unknown() from failure

    async def _stands(
        self, record: Record, asking: Asking, wait_s: float, every_s: float = _LOOK_AGAIN_S
    ) -> Standing:
        if record.live is not None:
            await self._ended(record.over(), wait_s)
        if record.live is not None:
            state = await self._look(record)
            if state in ENDED:
                await self._ended(record.over(), _CONFIRM_S)
            if record.live is not None:
                return replace(record.standing(self._clock.seconds()), state=state)
        until = self._clock.seconds() + wait_s
        while record.state not in ENDED:
            state = await self._ask(record, asking, queries.status)
            if state in ENDED:
                await self._note(record, asking, state)
            elif self._clock.seconds() >= until:
                return replace(record.standing(self._clock.seconds()), state=state)
            else:
                left_s = until - self._clock.seconds()
                await self._ended(Deferred(), min(every_s, left_s))
        return record.standing(self._clock.seconds())

    def _ask(self, record: Record, asking: Asking, call: Callable[..., T]) -> Deferred[T]:
        """A call about a statement, on a session of the seat where it ran."""
        return self._errands.run(asking.principal, call, record.query_id, wish=record.wish)

    async def _look(self, record: Record) -> State:
        asked = None if record.live is None else record.live.look()
        state = "unknown" if asked is None else await asked
        return "running" if state == "unknown" else state

    async def _note(self, record: Record, asking: Asking, state: State) -> None:
        failure = None
        if state == "failed":
            why = await self._ask(record, asking, queries.failure_of)
            if why is not None:
                failure = classify(why, "statement").failure(record.query_id)
        record.end(state, failure, None)

    async def _ended(self, awaited: Deferred[None], limit_s: float) -> None:
        """Wait for it, at most so long."""
        timer = self._clock.callLater(limit_s, awaited.cancel)
        try:
            await awaited
        except CancelledError:
            if timer.active():
                raise
        finally:
            if timer.active():
                timer.cancel()


class _FirstCell:
    """Collects the one value of a lookup; worker thread only."""

    def __init__(self) -> None:
        self._value: JsonValue = None

    def begin(self, columns: Sequence[Column]) -> None:
        """Nothing to learn."""

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take the first row."""
        self._value = rows[0][0]
        return True

    def finish(self) -> JsonValue:
        """The value; ``None`` when there was no row."""
        return self._value


def _unknown() -> ToolFailure:
    return ToolFailure(
        Family.MISSING_OBJECT,
        "No statement of yours has this query id.",
        "Give a query_id as an answer of this server named it, at most 24 hours ago.",
    )


def _cancelled() -> ToolFailure:
    return ToolFailure(Family.CANCELLED, "The statement was cancelled by cancel_query.")


def _no_result(standing: Standing) -> ToolFailure:
    if standing.state == "failed" and standing.failure is not None:
        return standing.failure
    details = {"query_id": standing.query_id}
    if standing.state == "cancelled":
        why = standing.failure.message if standing.failure is not None else ""
        return ToolFailure(
            Family.CANCELLED,
            f"The statement was cancelled and has no result. {why}".strip(),
            "Run it again.",
            details=details,
        )
    if standing.state == "failed":
        return ToolFailure(
            Family.STATEMENT, "The statement failed and has no result.", details=details
        )
    return ToolFailure(
        Family.UNAVAILABLE,
        "Snowflake does not say how this statement ended.",
        "Call again in a while.",
        retryable=True,
        details=details,
    )
