"""A statement's way through a session and a thread, and what becomes of both."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.protocol.alarms import Alarms
from snowflake_mcp.protocol.calls import begun
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse import queries
from snowflake_mcp.warehouse.breaker import Attempt
from snowflake_mcp.warehouse.errors import NotAcceptedError, SessionFate, classify
from snowflake_mcp.warehouse.reading import OwnFaultError
from snowflake_mcp.warehouse.results import Collector, Reading
from snowflake_mcp.warehouse.session import Key, Session
from snowflake_mcp.warehouse.sessions import Sessions
from snowflake_mcp.warehouse.standing import State
from snowflake_mcp.warehouse.statement import (
    Job,
    NotWantedError,
    Progress,
    execute,
    statement_parameters,
)
from snowflake_mcp.warehouse.threads import Reactor, Threads

__all__ = ["Means", "Work"]

T = TypeVar("T")

_FOR_OPERATORS: Final = frozenset({Family.AUTH, Family.UNAVAILABLE, Family.INTERNAL})
"""Failures that are not about the statement: whoever runs the server should see them."""


@dataclass(frozen=True, slots=True)
class Means:
    """What every run of a warehouse shares."""

    reactor: Reactor
    alarms: Alarms
    sessions: Sessions
    statements: Threads
    control: Threads
    """For aborts and status questions, so that they never queue behind statements."""
    gate: AbstractContextManager[object]
    """Held while a slice of rows is decoded."""


class Work(Generic[T]):
    """Leases a session, runs the statement in a thread, puts the session away.

    It ends when its thread has come back, whatever happens to whoever waits. Reactor thread only.
    """

    __slots__ = (
        "_aborting",
        "_collector",
        "_ends_at",
        "_job",
        "_looking",
        "_means",
        "_session",
        "_waiting",
        "connecting",
        "progress",
    )
    _log = Logger()

    def __init__(self, means: Means, job: Job, collector: Collector[T], ends_at: float) -> None:
        self._means = means
        self._job = job
        self._collector = collector
        self._ends_at = ends_at
        self._waiting: Deferred[Any] | None = None
        self._session: Session | None = None
        self._aborting = False
        self._looking: list[Deferred[State]] = []
        self.progress = Progress()
        self.connecting = True
        """No session yet."""

    @property
    def connection(self) -> str:
        """The name of the connection that it runs on; empty while there is no session."""
        return self._session.key.account if self._session is not None else ""

    def reading(self) -> Deferred[Reading[T] | None]:
        """Do it; ``None``: it has ended well and its rows were not read.

        A Deferred, and no coroutine: with a session at hand the return of the thread is the only
        thing to wait for, and one Deferred serves for both. It is not for cancelling, see
        ``call_off``; it fails with

        - ToolFailure: Snowflake or the way to it failed.
        - NotWantedError: called off before anything was sent.
        - LeftRunningError: called off, and not known to have ended.
        - Exception: what the collector raised.
        """
        sessions, job = self._means.sessions, self._job
        try:
            key = sessions.key(job.principal, job.database, job.schema, job.wish)
            attempt = sessions.entrance(key.account).breaker.enter(self._is_accepted)
        except ToolFailure:
            return fail()
        return self._attempted(attempt, key, fresh=False)

    def _attempted(self, attempt: Attempt, key: Key, *, fresh: bool) -> Deferred[Reading[T] | None]:
        leased = begun(self._means.sessions.lease, key, new=fresh)
        if isinstance(leased, Session):
            return self._executed(leased, attempt, fresh)
        if isinstance(leased, Failure):
            leased = fail(leased)
        self._waiting = leased
        return leased.addCallbacks(
            self._executed,
            self._not_leased,
            callbackArgs=(attempt, fresh),
            errbackArgs=(attempt,),
        )

    def _not_leased(self, reason: Failure, attempt: Attempt) -> Failure:
        self._waiting = None
        # A login that failed is not for the breaker.
        attempt.gave_up()
        return reason

    def _executed(
        self, session: Session, attempt: Attempt, fresh: bool
    ) -> Deferred[Reading[T] | None]:
        self._waiting = None
        self._session = session
        self.connecting = False
        left_s = self._ends_at - self._means.reactor.seconds()
        running: Deferred[Reading[T] | None]
        try:
            running = self._means.statements.run(
                execute,
                session.connection,
                self._job,
                statement_parameters(self._job, left_s),
                self.progress,
                self._collector,
                self._means.gate,
            )
        except Exception:  # noqa: BLE001 - told like any other; the threads may have stopped
            running = fail()
        return running.addCallbacks(
            self._came_back,
            self._failed,
            callbackArgs=(session, attempt),
            errbackArgs=(session, attempt, fresh),
        )

    def _came_back(
        self, reading: Reading[T] | None, session: Session, attempt: Attempt
    ) -> Reading[T] | None:
        self._session = None
        attempt.reached()
        if self.progress.wanted or reading is None or reading.cut != "collector":
            self._means.sessions.pool.give_back(session)
        else:
            # It was called off while it read: what is left in the driver is not known.
            self._means.sessions.pool.discard(session)
        return reading

    def _failed(
        self, reason: Failure, session: Session, attempt: Attempt, fresh: bool
    ) -> Failure | Deferred[Reading[T] | None]:
        self._session = None
        error: Any = reason.value
        if isinstance(error, NotWantedError):
            self._means.sessions.pool.give_back(session)
        elif isinstance(error, queries.LeftRunningError):
            self._leave(session)
        elif isinstance(error, OwnFaultError):
            self._means.sessions.pool.discard(session)
            reason = Failure(error.__cause__ or error)
        else:
            failure, fate = self._understood(error, session)
            if fate is SessionFate.EXPIRED and not fresh and self._may_start_over():
                return self._attempted(attempt, session.key, fresh=True)
            lost = fate is SessionFate.DISCARD or isinstance(error, NotAcceptedError)
            if failure.family is Family.UNAVAILABLE and lost:
                attempt.failed()
            elif failure.family is not Family.TIMEOUT:
                # The driver's own time limit tells nothing; anything else was an answer.
                attempt.reached()
            failure.__cause__ = error
            reason = Failure(failure)
        # Unless more is known.
        attempt.gave_up()
        return reason

    def call_off(self) -> None:
        """Nobody wants it any more: nothing is sent, or what was sent is aborted."""
        query_id = self.progress.call_off()
        if self._waiting is not None:
            self._waiting.cancel()
        elif query_id is None or self._session is None or self._aborting or self._job.only_reads:
            return
        else:
            self._aborting = True
            self._means.control.run(queries.abort, self._session.connection, query_id).addErrback(
                self._not_done, "abort"
            )

    def look(self) -> Deferred[State] | None:
        """Ask Snowflake how the statement is; ``None``: it is in no session now, or we stop.

        The Deferred fires with ``unknown`` when Snowflake does not answer. However many ask, there
        is one question at a time: aborts go through the same threads.
        """
        query_id, session = self.progress.query_id, self._session
        if query_id is None or session is None or self._means.control.stopped:
            return None
        answer: Deferred[State] = Deferred()
        self._looking.append(answer)
        if len(self._looking) == 1:
            asked = self._means.control.run(queries.status, session.connection, query_id)
            asked.addErrback(self._unanswered).addCallback(self._looked)
        return answer

    def _is_accepted(self) -> bool:
        """Whether Snowflake has taken the statement from us."""
        return self._job.resumes is None and self.progress.query_id is not None

    def _may_start_over(self) -> bool:
        """Whether it is still a read that nobody knows by its id."""
        progress = self.progress
        started = progress.reading or progress.handed_over
        return progress.wanted and not started and not self._job.once

    def _leave(self, session: Session) -> None:
        """The thread has left a statement that had not ended."""
        if self.progress.kept:
            # Ending the session would end its statement.
            self._means.sessions.keep(session, self._job.timeout_s)
        elif self._job.only_reads:
            self._means.sessions.pool.give_back(session)
        else:
            session.unfinished = self.progress.query_id
            self._means.sessions.pool.discard(session)

    def _understood(self, error: Exception, session: Session) -> tuple[ToolFailure, SessionFate]:
        trouble = classify(error, "statement")
        query_id = self.progress.query_id
        if trouble.family in _FOR_OPERATORS:
            # Class and codes only: the text of a driver's exception may quote the statement.
            self._log.warn(
                "statement {query_id} met {family}: {error} errno {errno} sqlstate {sqlstate}",
                query_id=query_id,
                family=trouble.family.value,
                error=type(error).__name__,
                errno=getattr(error, "errno", None),
                sqlstate=getattr(error, "sqlstate", None),
            )
        pool = self._means.sessions.pool
        if trouble.fate is SessionFate.KEEP and not self.progress.reading:
            pool.give_back(session)
        else:
            if trouble.fate is SessionFate.DISCARD and not self._job.only_reads:
                # The line broke, perhaps only for us: Snowflake may still be at it.
                session.unfinished = query_id
            pool.discard(session)
        return trouble.failure(query_id), trouble.fate

    def _unanswered(self, reason: Failure) -> State:
        self._not_done(reason, "status")
        return "unknown"

    def _looked(self, state: State) -> None:
        looking, self._looking = self._looking, []
        for answer in looking:
            # Whoever has stopped waiting has heard so.
            if not answer.called:
                answer.callback(state)

    def _not_done(self, reason: Failure, what: str) -> None:
        # The statement's own thread tells how it ends; this is only worth a line.
        self._log.warn(
            "{what} of {query_id} failed: {kind}",
            what=what,
            query_id=self.progress.query_id,
            kind=type(reason.value).__name__,
        )
