"""One call of the warehouse from admission to its single outcome."""

from collections.abc import Callable
from math import inf
from typing import Any, Final, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse import tags
from snowflake_mcp.warehouse.lane import Permit
from snowflake_mcp.warehouse.ledger import Ledger, Record
from snowflake_mcp.warehouse.reports import TICK_S, Reports
from snowflake_mcp.warehouse.results import Collector, Outcome, Reading
from snowflake_mcp.warehouse.standing import Running, State, StillRunningError
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.work import Means, Work

__all__ = ["Run"]

T = TypeVar("T")

_CONFIRM_S: Final = 2.0
"""How long an answer waits for Snowflake to confirm an abort."""
_SAYS_NOTHING: Final = frozenset({Family.AUTH, Family.UNAVAILABLE, Family.INTERNAL})
"""Failures of the way to Snowflake: how the statement ended is another question."""


class Run(Generic[T]):
    """A statement with a permit; reactor thread only.

    The work goes on until its thread has come back, whatever happens to the caller; permit and
    session return only then. The caller gets the first of: the result, a failure, the handle,
    the end of the time limit, the stop of the server. Cancelling ``result`` is the caller's own
    outcome. ``over`` is called when the thread has come back.
    """

    def __init__(
        self,
        means: Means,
        job: Job,
        collector: Collector[T],
        permit: Permit,
        started: float,
        ledger: Ledger,
        over: Callable[["Run[T]"], None],
    ) -> None:
        self._means = means
        self._job = job
        self._permit = permit
        self._started = started
        self._ledger = ledger
        self._tell_over = over
        self._owner = tags.owner_of(job.tag)
        self._work = Work(means, job, collector, started + job.timeout_s)
        self._progress = self._work.progress
        self._answer: Deferred[Outcome[T]] = Deferred()
        self._is_over = False
        self._confirmed: Deferred[None] | None = None
        """Waited for by a caller that has given up."""
        self._verdict: ToolFailure | None = None
        self._reports: Reports | None = None
        # Moments by the reactor's clock; the alarm is set for the first of them.
        self._limit_at = inf
        self._handle_at = inf
        self._report_at = inf
        self._grace_at = inf
        self._record: Record | None = None
        self._noted: str | None = None
        self.state: State = "running"
        """How the statement ended, once it has."""

    @property
    def query_id(self) -> str | None:
        """Known once Snowflake has the statement."""
        return self._progress.query_id

    @property
    def handed_over(self) -> bool:
        """Whether the caller has gone with the handle."""
        return self._progress.handed_over

    @property
    def called_off(self) -> bool:
        """Whether it was to end before it was ready."""
        return not self._progress.wanted

    @property
    def submitted(self) -> bool:
        """Whether nobody was ever to wait for it."""
        return self._job.answer_within_s == 0

    def shown(self) -> Running:
        """As operators see it."""
        tag = self._job.tag
        status = "reading" if self._progress.reading else "running"
        return Running(
            request_id=tag.get("request", ""),
            principal=self._job.principal.name,
            tool=tag.get("tool") or tag.get("method", ""),
            client=tag.get("client", ""),
            connection=self._work.connection,
            status="connecting" if self._work.connecting else status,
            query_id=self.query_id,
            elapsed_s=self._now() - self._started,
            handed_over=self.handed_over,
        )

    async def result(self) -> Outcome[T]:
        """Run it; await this once.

        Raises:
            ToolFailure: see ``Warehouse.run``.
            StillRunningError: the caller gets the handle; the run goes on.
            CancelledError: the caller gave up; the abort has been confirmed or 2 s have passed.
        """
        job = self._job
        self._limit_at = self._started + job.timeout_s
        if job.answer_within_s is not None and self._owner is not None:
            self._handle_at = self._started + job.answer_within_s
        if job.on_progress is not None:
            self._report_at = self._now() + TICK_S
        self._set_alarm()
        self._work.reading().addBoth(self._ended)
        try:
            return await self._answer
        except CancelledError:
            if job.keep is not None and job.keep():
                self._progress.kept = True
                self._progress.call_off()
                raise
            self._work.call_off()
            if not self._is_over:
                self._confirmed = Deferred()
                self._begin_grace()
                await self._confirmed
            raise
        finally:
            self.note()
            self._report_at, self._reports = inf, None
            if not self._is_over:
                if self.handed_over:
                    self._set_alarm()
                else:
                    self._drop_alarm()

    def wake(self, now: float) -> None:
        """A moment has come; only ``Alarms`` calls this."""
        at = self._next_moment()
        if at > now:
            act = None
        elif at == self._limit_at:
            self._limit_at, act = inf, self._end_late
        elif at == self._handle_at:
            self._handle_at, act = inf, self._ask_for_handle
        elif at == self._grace_at:
            self._grace_at, act = inf, self._end_grace
        else:
            self._report_at, act = now + TICK_S, self._report
        # Before it acts: that may end the run, or fail. Of two moments at once each has its turn.
        self._set_alarm()
        if act is not None:
            act()

    def look(self) -> Deferred[State] | None:
        """Ask Snowflake how it is; ``None``: no session has it now."""
        return self._work.look()

    def note(self) -> None:
        """Write the statement down, and tell its caller, once its id is known."""
        query_id = self._progress.query_id
        # A read that was started over on a new session has a new id.
        if query_id is None or query_id == self._noted:
            return
        self._noted = query_id
        job = self._job
        if self._owner is not None and not job.only_reads:
            self._record = Record(
                query_id,
                self._owner,
                job.row_cap,
                self._started,
                self,
                job.tag.get("tool", ""),
                job.sql,
                job.wish,
            )
            self._ledger.add(self._record)
        if job.on_query is not None:
            job.on_query(query_id)

    def end_with(self, verdict: Callable[[], ToolFailure]) -> None:
        """Abort the statement; its caller gets ``verdict()`` once that is confirmed, or in 2 s.

        Does nothing when the outcome is already decided.
        """
        if self._verdict is not None or self._is_over:
            return
        if self._answer.called and not self.handed_over:
            return
        self._verdict = verdict()
        self._work.call_off()
        if not self._answer.called:
            self._begin_grace()

    def _ask_for_handle(self) -> None:
        self._progress.when_accepted(
            # From the worker thread, where this may be the moment of the submission.
            lambda: self._means.reactor.callFromThread(self._hand_over)
        )

    def _hand_over(self) -> None:
        if self._answer.called or self._verdict is not None:
            return
        self.note()
        if self._job.waits is not None and self._job.waits():
            return
        if not self._progress.hand_over():
            return
        if self._record is not None:
            self._answer.errback(StillRunningError(self._record.standing(self._now())))

    def _ended(self, result: Reading[T] | Failure | None) -> None:
        self._is_over = True
        self.state, failure = self._final(result)
        self.note()
        # Everything is put away before anybody is told: whoever hears of the end finds it so.
        self._drop_alarm()
        self._permit.release()
        self._tell_over(self)
        if self._job.on_end is not None:
            self._job.on_end(self.query_id, self.state)
        told = self._worded(confirmed=True)
        if self._record is not None:
            self._record.end(self.state, self._verdict or failure, self._now())
        if told is not None:
            self._answer.errback(told)
        elif not self._answer.called:
            deliver: Deferred[Any] = self._answer
            deliver.callback(self._outcome(result) if isinstance(result, Reading) else result)
        if self._confirmed is not None and not self._confirmed.called:
            self._confirmed.callback(None)

    def _outcome(self, reading: Reading[T]) -> Outcome[T]:
        return Outcome(
            query_id=self._progress.query_id or "",
            columns=reading.columns,
            rows=reading.rows,
            total_rows=reading.total_rows,
            cut=reading.cut,
            elapsed_s=self._now() - self._started,
            value=reading.value,
        )

    def _deliver(self, confirmed: bool) -> None:
        told = self._worded(confirmed)
        if told is not None:
            self._answer.errback(told)

    def _worded(self, confirmed: bool) -> ToolFailure | None:
        """The verdict with what has become of the statement, for a caller that still waits."""
        verdict, query_id = self._verdict, self._progress.query_id
        if verdict is None or self._answer.called:
            return None
        if not self._progress.sent:
            verdict.message += " Nothing had been sent to Snowflake."
        elif self._job.only_reads:
            verdict.message += " Only reading its result has stopped."
        elif self.state == "success":
            verdict.message += " The statement had just ended in Snowflake by itself."
        elif confirmed:
            verdict.message += " The statement has ended in Snowflake."
        else:
            verdict.message += " Its end in Snowflake is not confirmed yet."
        if self._progress.sent and not self._job.only_reads:
            verdict.details["aborted"] = confirmed and self.state != "success"
        if query_id is not None:
            verdict.details["query_id"] = query_id
        return verdict

    def _timed_out(self) -> ToolFailure:
        return ToolFailure(
            Family.TIMEOUT,
            f"The statement did not end within {self._job.timeout_s:g} s.",
            "Make it cheaper (filter, aggregate, sample, fewer columns) or allow it more time.",
            details={"timeout_s": self._job.timeout_s},
        )

    def _tell_progress(self, status: str, elapsed_s: float) -> None:
        self.note()
        if self._job.on_progress is not None and not self._answer.called:
            self._job.on_progress(status, elapsed_s)

    def _final(self, result: Reading[T] | Failure | None) -> tuple[State, ToolFailure | None]:
        if not isinstance(result, Failure) or self._progress.reading:
            return "success", None
        failure = result.value
        if not isinstance(failure, ToolFailure) or failure.family in _SAYS_NOTHING:
            return "unknown", None
        return "cancelled" if failure.family is Family.CANCELLED else "failed", failure

    def _report(self) -> None:
        if self._reports is None:
            clock = self._means.reactor
            self._reports = Reports(clock, self._work, self._started, self._tell_progress)
        self._reports.tick()

    def _end_late(self) -> None:
        self.end_with(self._timed_out)

    def _begin_grace(self) -> None:
        self._grace_at = self._now() + _CONFIRM_S
        self._set_alarm()

    def _end_grace(self) -> None:
        if self._confirmed is None:
            self._deliver(confirmed=False)
        else:
            self._confirmed.cancel()

    def _next_moment(self) -> float:
        return min(self._limit_at, self._handle_at, self._report_at, self._grace_at)

    def _set_alarm(self) -> None:
        self._means.alarms.set(self, self._next_moment())

    def _drop_alarm(self) -> None:
        self._means.alarms.drop(self)

    def _now(self) -> float:
        return self._means.reactor.seconds()
