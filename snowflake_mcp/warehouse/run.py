"""One call of the warehouse from admission to its single outcome."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse import queries
from snowflake_mcp.warehouse.errors import SessionFate, classify
from snowflake_mcp.warehouse.lane import Permit
from snowflake_mcp.warehouse.pool import Session
from snowflake_mcp.warehouse.reading import OwnFaultError
from snowflake_mcp.warehouse.results import Collector, Outcome
from snowflake_mcp.warehouse.sessions import Sessions
from snowflake_mcp.warehouse.statement import (
    Job,
    NotWantedError,
    Progress,
    execute,
    statement_parameters,
)
from snowflake_mcp.warehouse.threads import Reactor, Threads

__all__ = ["Means", "Run"]

T = TypeVar("T")

_CONFIRM_S: Final = 2.0
"""How long an answer waits for Snowflake to confirm an abort."""
_TICK_S: Final = 1.0
_FOR_OPERATORS: Final = frozenset({Family.AUTH, Family.UNAVAILABLE, Family.INTERNAL})
"""Failures that are not about the statement: whoever runs the server should see them."""
_PROBE_S: Final = 2.0
"""A statement is asked for its status when it has run this long, and then this often."""


@dataclass(frozen=True, slots=True)
class Means:
    """What every run of a warehouse shares."""

    reactor: Reactor
    sessions: Sessions
    statements: Threads
    control: Threads
    """For aborts and status questions, so that they never queue behind statements."""
    gate: AbstractContextManager[object]
    """Held while a slice of rows is decoded."""


class Run(Generic[T]):
    """A statement with a permit; reactor thread only.

    The work goes on until its thread has come back, whatever happens to the caller; permit and
    session return only then. The caller gets the first of: the result, a failure, the end of
    the time limit, the stop of the server. Cancelling ``result`` is the caller's own outcome.
    """

    _log = Logger()

    def __init__(
        self, means: Means, job: Job, collector: Collector[T], permit: Permit, started: float
    ) -> None:
        self._means = means
        self._job = job
        self._collector = collector
        self._permit = permit
        self._started = started
        self._progress = Progress()
        self._answer: Deferred[Outcome[T]] = Deferred()
        self._over: Deferred[None] = Deferred()
        self._verdict: ToolFailure | None = None
        self._waiting: Deferred[Any] | None = None
        self._session: Session | None = None
        self._status = "connecting"
        self._aborting = False
        self._probing = False
        self._probe_at = started + _PROBE_S
        self._timers: dict[str, IDelayedCall] = {}

    @property
    def query_id(self) -> str | None:
        """Known once Snowflake has the statement."""
        return self._progress.query_id

    async def result(self) -> Outcome[T]:
        """Run it; await this once.

        Raises:
            ToolFailure: see ``Warehouse.run``.
            CancelledError: the caller gave up; the abort has been confirmed or 2 s have passed.
        """
        left_s = self._started + self._job.timeout_s - self._now()
        self._later("limit", max(0.0, left_s), self.end_with, self._timed_out)
        if self._job.on_progress is not None:
            self._later("tick", _TICK_S, self._tick)
        Deferred.fromCoroutine(self._work()).addBoth(self._ended)
        try:
            return await self._answer
        except CancelledError:
            if self._job.keep is not None and self._job.keep():
                self._progress.kept = True
                self._progress.call_off()
                raise
            self._call_off()
            if not self._over.called:
                self._later("grace", _CONFIRM_S, self._over.cancel)
                await self._over
            raise
        finally:
            self._tell_query()
            for timer in self._timers.values():
                if timer.active():
                    timer.cancel()

    def end_with(self, verdict: Callable[[], ToolFailure]) -> None:
        """Abort the statement; its caller gets ``verdict()`` once that is confirmed, or in 2 s.

        Does nothing when the outcome is already decided.
        """
        if self._verdict is None and not self._answer.called:
            self._verdict = verdict()
            self._call_off()
            if not self._answer.called:
                self._later("grace", _CONFIRM_S, self._deliver, False)

    async def _work(self) -> Outcome[T]:
        fresh = False
        while True:
            session = self._session = await self._lease(fresh)
            left_s = self._started + self._job.timeout_s - self._now()
            self._status = "running"
            try:
                reading = await self._means.statements.run(
                    execute,
                    session.connection,
                    self._job,
                    statement_parameters(self._job, left_s),
                    self._progress,
                    self._collector,
                    self._means.gate,
                )
            except NotWantedError:
                self._means.sessions.pool.give_back(session)
                raise
            except queries.LeftRunningError:
                if self._progress.kept:
                    # Ending the session would end its statement, so it is left as it is.
                    self._means.sessions.pool.abandon(session)
                else:
                    session.unfinished = self._progress.query_id
                    self._means.sessions.pool.discard(session)
                raise
            except OwnFaultError as fault:
                self._means.sessions.pool.discard(session)
                raise fault.__cause__ or fault from None
            except Exception as error:
                failure, fate = self._understood(error, session)
                again = fate is SessionFate.EXPIRED and not fresh and not self._job.once
                if again and self._progress.wanted and not self._progress.reading:
                    fresh = True
                    continue
                raise failure from error
            finally:
                self._session = None
            if self._progress.wanted or reading.cut != "collector":
                self._means.sessions.pool.give_back(session)
            else:
                # It was called off while it read: what is left in the driver is not known.
                self._means.sessions.pool.discard(session)
            return Outcome(
                query_id=self._progress.query_id or "",
                columns=reading.columns,
                rows=reading.rows,
                total_rows=reading.total_rows,
                cut=reading.cut,
                elapsed_s=self._now() - self._started,
                value=reading.value,
            )

    async def _lease(self, fresh: bool) -> Session:
        sessions = self._means.sessions
        key = sessions.key(self._job.principal, self._job.database, self._job.schema)
        session = None if fresh else sessions.pool.lease(key)
        if session is not None:
            return session
        self._waiting = Deferred.fromCoroutine(sessions.may_open())
        try:
            parameters = await self._waiting
        finally:
            self._waiting = None
        return await sessions.open(key, parameters, self._means.statements)

    def _understood(self, error: Exception, session: Session) -> tuple[ToolFailure, SessionFate]:
        trouble = classify(error, "statement")
        query_id = self._progress.query_id
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
        if trouble.fate is SessionFate.KEEP and not self._progress.reading:
            pool.give_back(session)
        else:
            if trouble.fate is SessionFate.DISCARD:
                # The line broke, perhaps only for us: Snowflake may still be at it.
                session.unfinished = query_id
            pool.discard(session)
        return trouble.failure(query_id), trouble.fate

    def _ended(self, result: Outcome[T] | Failure) -> None:
        self._permit.release()
        self._over.addErrback(lambda _: None)
        if not self._over.called:
            self._over.callback(None)
        if self._verdict is not None:
            self._deliver(confirmed=True)
        elif not self._answer.called:
            deliver: Deferred[Any] = self._answer
            deliver.callback(result)

    def _deliver(self, confirmed: bool) -> None:
        verdict, query_id = self._verdict, self._progress.query_id
        if verdict is None or self._answer.called:
            return
        if not self._progress.sent:
            verdict.message += " Nothing had been sent to Snowflake."
        elif confirmed:
            verdict.message += " The statement has ended in Snowflake."
        else:
            verdict.message += " Its end in Snowflake is not confirmed yet."
        if self._progress.sent:
            verdict.details["aborted"] = confirmed
        if query_id is not None:
            verdict.details["query_id"] = query_id
        self._answer.errback(verdict)

    def _call_off(self) -> None:
        query_id = self._progress.call_off()
        if self._waiting is not None:
            self._waiting.cancel()
        elif query_id is not None and self._session is not None and not self._aborting:
            self._aborting = True
            self._means.control.run(queries.abort, self._session.connection, query_id).addErrback(
                self._not_done, "abort"
            )

    def _timed_out(self) -> ToolFailure:
        return ToolFailure(
            Family.TIMEOUT,
            f"The statement did not end within {self._job.timeout_s:g} s.",
            "Make it cheaper (filter, aggregate, sample, fewer columns) or allow it more time.",
            details={"timeout_s": self._job.timeout_s},
        )

    def _tell_query(self) -> None:
        if self._job.on_query is not None and self.query_id is not None:
            self._job.on_query(self.query_id)

    def _tick(self) -> None:
        now = self._now()
        self._tell_query()
        if self._job.on_progress is not None and not self._answer.called:
            self._job.on_progress(self._status, now - self._started)
            self._later("tick", _TICK_S, self._tick)
        query_id, session = self._progress.query_id, self._session
        if self._progress.reading:
            self._status = "reading"
        elif query_id and session and now >= self._probe_at and not self._probing:
            self._probing = True
            self._means.control.run(queries.status, session.connection, query_id).addCallbacks(
                self._probed, self._not_done, errbackArgs=("status",)
            )

    def _probed(self, status: str) -> None:
        self._probing = False
        self._probe_at = self._now() + _PROBE_S
        if self._status != "reading" and not self._answer.called:
            self._status = status

    def _not_done(self, reason: Failure, what: str) -> None:
        # The statement's own thread tells how it ends; this is only worth a line.
        self._probing = False
        self._probe_at = self._now() + _PROBE_S
        self._log.warn(
            "{what} of {query_id} failed: {kind}",
            what=what,
            query_id=self._progress.query_id,
            kind=type(reason.value).__name__,
        )

    def _later(self, name: str, delay_s: float, call: Callable[..., None], *args: object) -> None:
        self._timers[name] = self._means.reactor.callLater(delay_s, call, *args)

    def _now(self) -> float:
        return self._means.reactor.seconds()
