"""The life of a statement: submitted, waiting its turn, running, ended once, remembered."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from snowflake_mcp.simulator.answers import failure_body
from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.jobs import PastStatement
from snowflake_mcp.simulator.results import Result, ResultStore

__all__ = ["Docket", "State", "Statement", "Submission"]


class State(Enum):
    """Where a statement is, in the words of Snowflake's monitoring."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    ABORTING = "ABORTING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED_WITH_ERROR"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client asked to run."""

    request_id: str
    sql: str
    base: str
    """The address by which this client reaches the server, for chunk addresses."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The statement's own parameters; names in upper case."""
    statement_count: int = 1
    describe_only: bool = False
    bindings: Mapping[str, Any] = field(default_factory=dict)


class Place(Protocol):
    """The current database, schema, role and warehouse of a session."""

    database: str | None
    schema: str | None
    role: str
    warehouse: str
    in_transaction: bool
    parameters: dict[str, str]


class Owner(Protocol):
    """The session a statement belongs to, as far as a statement must know it."""

    number: int
    user: str

    @property
    def place(self) -> Place:
        """Where the session stands."""

    def abort(self, statement: "Statement", reason: StatementFailed | None = None) -> bool:
        """Stop a statement of this session; False when it has ended already."""


@dataclass(eq=False, slots=True)
class Statement:
    """One statement; reactor thread only."""

    query_id: str
    owner: Owner
    submission: Submission
    submitted_at: float
    """Seconds since 1970."""
    state: State = State.QUEUED
    ended_at: float | None = None
    failure: StatementFailed | None = None
    failure_answer: bytes = b""
    rows: int = 0
    tag: str = ""
    stop_reason: StatementFailed | None = None
    """Why it is being stopped; becomes the failure unless it ended before."""
    timer: IDelayedCall | None = None
    """Ends the statement at its timeout."""
    pause: IDelayedCall | None = None
    """Goes on after a SYSTEM$WAIT."""
    deaf: bool = False
    """Clients' aborts are confirmed and change nothing."""
    _waiting: list["Deferred[bool]"] = field(default_factory=list)

    @property
    def awaited(self) -> bool:
        """Whether a client holds a request for the outcome."""
        return bool(self._waiting)

    @property
    def ended(self) -> bool:
        """Whether the one outcome is known."""
        return self.ended_at is not None

    def wait(self, seconds: float, clock: IReactorTime) -> "Deferred[bool]":
        """Fires with True when the statement has ended, with False after ``seconds``."""
        waiter: Deferred[bool] = Deferred(self._waiting_remove)
        if self.ended:
            waiter.callback(True)
            return waiter
        self._waiting.append(waiter)
        limit = clock.callLater(seconds, self._give_up, waiter)

        def settle(result: Any) -> Any:
            if limit.active():
                limit.cancel()
            return result

        return waiter.addBoth(settle)

    def settle(self) -> None:
        """Tell everyone who waits; the outcome has been set."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(True)

    def past(self) -> PastStatement:
        """This statement as a line of the query history."""
        place = self.owner.place
        return PastStatement(
            query_id=self.query_id,
            text=self.submission.sql,
            status=self.state.value,
            user=self.owner.user,
            role=place.role,
            warehouse=place.warehouse,
            database=place.database or "",
            schema=place.schema or "",
            tag=self.tag,
            session_id=self.owner.number,
            started_at=self.submitted_at,
            ended_at=self.ended_at,
            rows=self.rows,
            error_code=self.failure.code if self.failure else "",
            error_message=self.failure.message if self.failure else "",
        )

    def _give_up(self, waiter: "Deferred[bool]") -> None:
        self._waiting.remove(waiter)
        waiter.callback(False)

    def _waiting_remove(self, waiter: "Deferred[bool]") -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)


_MAX_REMEMBERED: Final = 2_000
_MAX_TEXT: Final = 64 << 20
"""Characters of SQL in the history."""


class Docket:
    """All statements of this process, newest last; reactor thread only."""

    def __init__(self, results: ResultStore, wall: Callable[[], float]) -> None:
        """``wall`` is the wall clock, in seconds since 1970."""
        self.results = results
        self._wall = wall
        self._statements: OrderedDict[str, Statement] = OrderedDict()
        self._requests: dict[tuple[int, str], str] = {}
        self._text = 0
        self.unended_count = 0
        self.ended: Counter[str] = Counter()
        """How many statements have ended, by state."""

    def find(self, query_id: str) -> Statement | None:
        """The statement of this id, if it is remembered."""
        return self._statements.get(query_id)

    def replayed(self, owner: Owner, request_id: str) -> Statement | None:
        """The statement that this session's request began before, if any."""
        return self._statements.get(self._requests.get((owner.number, request_id), ""))

    def add(self, query_id: str, owner: Owner, submission: Submission) -> Statement:
        """Write down a new statement."""
        statement = Statement(query_id, owner, submission, self._wall())
        self._statements[query_id] = statement
        self._text += len(submission.sql)
        self.unended_count += 1
        if submission.request_id:
            self._requests[owner.number, submission.request_id] = query_id
        while len(self._statements) > _MAX_REMEMBERED or self._text > _MAX_TEXT:
            oldest = next((one for one in self._statements.values() if one.ended), None)
            if oldest is None:
                break
            self._forget(oldest)
        return statement

    def _forget(self, statement: Statement) -> None:
        del self._statements[statement.query_id]
        self._text -= len(statement.submission.sql)
        self._requests.pop((statement.owner.number, statement.submission.request_id), None)

    def history(self) -> list[PastStatement]:
        """All remembered statements, newest first."""
        return [statement.past() for statement in reversed(self._statements.values())]

    def unended(self) -> list[Statement]:
        """The statements that wait or run, oldest first."""
        return [statement for statement in self._statements.values() if not statement.ended]

    def succeeded(self, statement: Statement, result: Result) -> None:
        """End ``statement`` with its rows."""
        statement.state = State.SUCCESS
        statement.rows = result.rows
        self.results.put(statement.query_id, result)
        self._end(statement)

    def failed(self, statement: Statement, failure: StatementFailed) -> None:
        """End ``statement`` with an error."""
        stopped = failure.code in {"000604", "000630"}
        statement.state = State.ABORTED if stopped else State.FAILED
        statement.failure = failure
        statement.failure_answer = failure_body(failure, statement.query_id)
        self._end(statement)

    def _end(self, statement: Statement) -> None:
        statement.ended_at = self._wall()
        # Bound values may be large, and nobody asks for them again.
        statement.submission = replace(statement.submission, bindings={})
        self.unended_count -= 1
        self.ended[statement.state.value] += 1
        statement.settle()
