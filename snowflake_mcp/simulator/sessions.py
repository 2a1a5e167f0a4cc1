"""Sessions: who is logged in, and each session's statements, one at a time."""

import re
from collections import deque
from collections.abc import Hashable
from typing import Any, Final, cast

from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.simulator.bench import Bench, Runner
from snowflake_mcp.simulator.columns import text_field
from snowflake_mcp.simulator.detached import DetachedWatch
from snowflake_mcp.simulator.failures import StatementFailed, cancelled, timed_out, translate
from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.results import Result, Rows, make_result
from snowflake_mcp.simulator.reuse import changes_data, is_repeatable
from snowflake_mcp.simulator.session_parameters import Parameters
from snowflake_mcp.simulator.statements import Place, State, Statement, Submission
from snowflake_mcp.simulator.waits import take_waits

__all__ = ["Session", "cancel_target"]

_INTERRUPT_AGAIN_S: Final = 0.05
"""An interrupt that arrives while the statement is being translated is lost; so repeat it."""

_CANCEL: Final = re.compile(
    r"\s*(?:SELECT|CALL)\s+SYSTEM\$CANCEL_QUERY\s*\(\s*'([^']{0,64})'\s*\)\s*;?\s*", re.IGNORECASE
)
_ID: Final = re.compile(r"'([0-9a-f]{8}-[0-9a-f-]{27})'")


def cancel_target(sql: str) -> str | None:
    """The query id that a SYSTEM$CANCEL_QUERY names; None for every other statement."""
    found = _CANCEL.fullmatch(sql)
    return None if found is None else found[1]


class Session:
    """A logged-in client; reactor thread only."""

    _log = Logger()

    def __init__(self, bench: Bench, engine: Runner, number: int, user: str) -> None:
        self.number = number
        self.user = user
        self._used_at = bench.now()
        self.parameters = Parameters(engine.place.parameters)
        self._bench = bench
        self._engine = engine
        self._queue: deque[Statement] = deque()
        self._current: Statement | None = None
        self._closing = False
        self._last_query_id = ""
        self._detached = DetachedWatch(bench.clock, self)

    @property
    def place(self) -> Place:
        """The current database, schema, role and warehouse."""
        return self._engine.place

    @property
    def idle_s(self) -> float:
        """Seconds since a client was heard, or a statement ended."""
        return self._bench.now() - self._used_at

    @property
    def busy(self) -> int:
        """Statements that have not ended."""
        return len(self._queue) + (self._current is not None)

    def touch(self) -> None:
        """A client was heard."""
        self._used_at = self._bench.now()

    def facts(self) -> dict[str, object]:
        """The fields about this session that every result carries."""
        place = self._engine.place
        return {
            "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
            "finalDatabaseName": place.database,
            "finalSchemaName": place.schema,
            "finalWarehouseName": place.warehouse,
            "finalRoleName": place.role,
        }

    def submit(self, submission: Submission) -> Statement:
        """Begin a statement, or find the one that the same request began before."""
        docket = self._bench.docket
        known = docket.replayed(self, submission.request_id) if submission.request_id else None
        if known is not None:
            return known
        statement = docket.add(self._bench.ids.next(), self, submission)
        target = cancel_target(submission.sql)
        if target is not None:
            self._cancel(statement, target)
            return statement
        self._queue.append(statement)
        self._next()
        return statement

    def abort(self, statement: Statement, reason: StatementFailed | None = None) -> bool:
        """Stop a statement of this session; False when it has ended already.

        ``reason`` None means that a client asks for it.
        """
        if statement.ended:
            return False
        if statement.deaf and reason is None:
            return True
        if statement.stop_reason is None:
            statement.stop_reason = reason or cancelled()
        if statement is self._current:
            self._interrupt(statement)
        else:
            self._queue.remove(statement)
            self._bench.docket.failed(statement, statement.stop_reason)
        return True

    def unended(self) -> list[Statement]:
        """The statements that wait or run."""
        return [*self._queue, *([self._current] if self._current else [])]

    def abort_all(self) -> None:
        """Stop everything, whatever the statements are told to ignore."""
        for statement in self.unended():
            self.abort(statement, cancelled())

    def close(self) -> None:
        """Log out: stop what runs, forget what waits, give the engine's session up."""
        if self._closing:
            return
        self._closing = True
        self._detached.stop()
        self.abort_all()
        if self._current is None:
            self._release()

    def _cancel(self, statement: Statement, query_id: str) -> None:
        """SYSTEM$CANCEL_QUERY: never waits for what it is to stop."""
        target = self._bench.docket.find(query_id)
        if target is None or not target.owner.abort(target):
            text = "Identified SQL statement is not currently executing."
        else:
            text = f"query [{query_id}] terminated."
        rows = Rows([text_field("SYSTEM$CANCEL_QUERY")], 0x1000, cells=[[text]])
        answer = make_result(rows, statement.query_id, self.facts(), statement.submission.base)
        self._bench.docket.succeeded(statement, answer)

    def _next(self) -> None:
        if self._current is not None or not self._queue:
            return
        statement = self._current = self._queue.popleft()
        statement.state = State.RUNNING
        self._engine.begin()
        clock = self._bench.clock
        limit = int(self._parameter(statement, "STATEMENT_TIMEOUT_IN_SECONDS"))
        if limit > 0:
            statement.timer = clock.callLater(limit, self.abort, statement, timed_out(limit))
        statement.tag = str(self._parameter(statement, "QUERY_TAG"))
        self._detached.watch()
        try:
            self.parameters.alter(statement.submission.sql)
            wait_s, sql = take_waits(statement.submission.sql)
        except StatementFailed as failure:
            self._finish(statement, failure=failure)
            return
        if wait_s > 0:
            statement.pause = clock.callLater(wait_s, self._execute, statement, sql)
        else:
            self._execute(statement, sql)

    def _execute(self, statement: Statement, sql: str) -> None:
        statement.pause = None
        reuse = self._bench.reuse
        if changes_data(sql):
            reuse.changed()
        job = self._job(statement, sql)
        question = self._question(statement, job)
        version = reuse.version
        reused = self._reused(question)
        base = statement.submission.base

        def work() -> Result:
            rows = self._engine.run(job) if reused is None else reused.as_rows()
            return make_result(rows, job.query_id, self.facts(), base)

        def worked(success: bool, value: Any) -> None:
            self._worked(statement, success, value)
            if success and question is not None:
                reuse.keep(question, version, statement.query_id)

        def done(success: bool, value: Any) -> None:
            self._bench.clock.callFromThread(worked, success, value)

        self._bench.pool.callInThreadWithCallback(done, work)

    def _question(self, statement: Statement, job: Job) -> Hashable | None:
        """What an equal statement asks too; None for one whose result is not reused."""
        place = self._engine.place
        if (
            place.in_transaction
            or job.describe_only
            or not self._parameter(statement, "USE_CACHED_RESULT")
            or not is_repeatable(job.sql)
        ):
            return None
        bound = repr(job.bindings) if job.bindings else ""
        return job.sql, bound, place.database, place.schema, place.role, job.row_cap

    def _reused(self, question: Hashable | None) -> Result | None:
        known = None if question is None else self._bench.reuse.find(question)
        result = None if known is None else self._bench.docket.results.get(known)
        if result is None or result.table is None:
            return None
        self._bench.reuse.hits += 1
        return result

    def _parameter(self, statement: Statement, name: str) -> bool | int | str:
        return self.parameters.get(name, statement.submission.parameters)

    def _job(self, statement: Statement, sql: str) -> Job:
        submission = statement.submission
        upper = sql.upper()
        docket = self._bench.docket
        return Job(
            query_id=statement.query_id,
            sql=sql,
            user=self.user,
            session_id=self.number,
            row_cap=int(self._parameter(statement, "ROWS_PER_RESULTSET")) or None,
            statement_count=submission.statement_count,
            describe_only=submission.describe_only,
            bindings=submission.bindings,
            last_query_id=self._last_query_id,
            history=docket.history() if "QUERY_HISTORY" in upper else (),
            scanned=self._scanned(upper),
        )

    def _scanned(self, upper: str) -> dict[str, Result]:
        """The results that a statement with RESULT_SCAN may mean."""
        if "RESULT_SCAN" not in upper:
            return {}
        named = {*_ID.findall(upper.lower()), self._last_query_id}
        docket = self._bench.docket
        owned = [one for one in map(docket.find, named) if one and one.owner.user == self.user]
        results = {one.query_id: docket.results.get(one.query_id) for one in owned}
        return {name: result for name, result in results.items() if result is not None}

    def _worked(self, statement: Statement, success: bool, value: Any) -> None:
        if success:
            self._finish(statement, result=value)
            return
        error = cast(BaseException, value.value if isinstance(value, Failure) else value)
        failure = translate(error)
        if failure.code == "000603":
            self._log.error(
                "statement {query_id} failed inside: {kind}",
                query_id=statement.query_id,
                kind=type(error.__cause__ or error).__name__,
            )
        self._finish(statement, failure=failure)

    def _finish(
        self,
        statement: Statement,
        result: Result | None = None,
        failure: StatementFailed | None = None,
    ) -> None:
        if statement.timer is not None and statement.timer.active():
            statement.timer.cancel()
        self._current = None
        if changes_data(statement.submission.sql):
            self._bench.reuse.changed()
        self._last_query_id = statement.query_id
        self.touch()
        docket = self._bench.docket
        if statement.stop_reason is not None and (result is None or self._closing):
            # Whatever the engine said while it was being stopped, this is why it ended.
            docket.failed(statement, statement.stop_reason)
        elif failure is not None:
            docket.failed(statement, failure)
        elif result is not None:
            docket.succeeded(statement, result)
        if self._closing:
            self._release()
        else:
            self._next()

    def _interrupt(self, statement: Statement) -> None:
        if statement is not self._current:
            return
        statement.state = State.ABORTING
        if statement.pause is not None:
            statement.pause.cancel()
            statement.pause = None
            self._finish(statement)
            return
        self._engine.interrupt()
        self._bench.clock.callLater(_INTERRUPT_AGAIN_S, self._interrupt, statement)

    def _release(self) -> None:
        self._bench.pool.callInThreadWithCallback(lambda _success, _value: None, self._engine.close)
