"""The life of statements on an injected clock, with an engine that obeys the test."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.simulator.bench import Bench
from snowflake_mcp.simulator.columns import text_field
from snowflake_mcp.simulator.failures import StatementFailed, cancelled
from snowflake_mcp.simulator.ids import QueryIds
from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.local import Place
from snowflake_mcp.simulator.results import ResultStore, Rows
from snowflake_mcp.simulator.sessions import Session
from snowflake_mcp.simulator.statements import Docket, State, Statement, Submission


class ObedientRunner:
    """Answers each statement with its own text; counts what is asked of it."""

    def __init__(self) -> None:
        self.place = Place("DEMO", "SALES")
        self.ran: list[str] = []
        self.interrupts = 0
        self.closed = False
        self.failure: StatementFailed | None = None

    def begin(self) -> None:
        """A statement comes."""

    def run(self, job: Job) -> Rows:
        """The statement's own text, or the failure that was set."""
        self.ran.append(job.sql)
        if self.failure is not None:
            raise self.failure
        return Rows([text_field("sql")], 0x1000, cells=[[job.sql]])

    def interrupt(self) -> None:
        """Counted only: the test decides when the statement ends."""
        self.interrupts += 1

    def close(self) -> None:
        """The session is over."""
        self.closed = True


class HeldPool:
    """A thread pool whose work waits until the test lets it go on."""

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] = []

    def callInThreadWithCallback(
        self, onResult: Callable[[bool, Any], object], func: Callable[[], object]
    ) -> None:
        """Keep the work."""

        def go() -> None:
            try:
                value = func()
            except StatementFailed as failure:
                onResult(False, failure)
            else:
                onResult(True, value)

        self.held.append(go)

    def let_go(self) -> None:
        """Run the oldest work."""
        self.held.pop(0)()


class World:
    """A session, and everything around it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.callFromThread = lambda call, *given: call(*given)  # type: ignore[attr-defined]
        self.engine = ObedientRunner()
        self.pool = HeldPool()
        self.docket = Docket(
            ResultStore(10, 1 << 20, 1 << 20, self.clock.seconds), self.clock.seconds
        )
        now = self.clock.seconds
        bench = Bench(cast(Any, self.clock), self.pool, self.docket, QueryIds(now), now)
        self.session = Session(bench, self.engine, 1, "DEMO")

    def submit(self, sql: str, **more: Any) -> Statement:
        """Begin a statement."""
        request_id = str(more.pop("request_id", ""))
        return self.session.submit(Submission(request_id, sql, "http://x", **more))


@pytest.fixture
def world() -> World:
    """A fresh session."""
    return World()


def test_statements_of_a_session_run_one_after_the_other(world: World) -> None:
    """The second starts when the first has ended."""
    first, second = world.submit("select 1"), world.submit("select 2")
    assert (first.state, second.state) == (State.RUNNING, State.QUEUED)
    world.pool.let_go()
    assert (first.state, second.state) == (State.SUCCESS, State.RUNNING)
    world.pool.let_go()
    assert world.engine.ran == ["select 1", "select 2"]


def test_interrupts_are_repeated_until_the_statement_ends(world: World) -> None:
    """An interrupt can be lost while a statement is translated."""
    statement = world.submit("select 1")
    assert world.session.abort(statement)
    world.clock.pump([0.05] * 3)
    assert world.engine.interrupts == 4
    assert statement.state is State.ABORTING
    world.engine.failure = cancelled()
    world.pool.let_go()
    world.clock.advance(1)
    assert (statement.state, world.engine.interrupts) == (State.ABORTED, 4)


def test_a_statement_that_finished_before_its_abort_succeeded(world: World) -> None:
    """The race of finish and abort has one outcome: the rows are there, so it succeeded."""
    statement = world.submit("select 1")
    world.session.abort(statement)
    world.pool.let_go()
    assert (statement.state, statement.failure) == (State.SUCCESS, None)
    assert not world.session.abort(statement)


def test_the_timeout_is_the_reason_whatever_the_engine_says(world: World) -> None:
    """000630, not the engine's word for being interrupted."""
    statement = world.submit("select 1", parameters={"STATEMENT_TIMEOUT_IN_SECONDS": 5})
    world.clock.advance(5)
    world.engine.failure = cancelled()
    world.pool.let_go()
    assert statement.failure is not None
    assert statement.failure.code == "000630"


def test_a_wait_needs_no_thread_and_ends_at_once(world: World) -> None:
    """SYSTEM$WAIT is a timer; its abort is immediate."""
    waiting = world.submit("select system$wait(60)")
    assert world.pool.held == []
    assert world.session.abort(waiting)
    assert waiting.state is State.ABORTED
    going_on = world.submit("select system$wait(2)")
    world.clock.advance(2)
    world.pool.let_go()
    assert going_on.state is State.SUCCESS
    assert world.engine.ran == ["select 'waited 2 seconds'"]
    assert world.clock.getDelayedCalls() == []


def test_who_waits_is_told_once(world: World) -> None:
    """True when it ended in time, False when patience did."""
    statement = world.submit("select 1")
    told: list[bool] = []
    statement.wait(1, world.clock).addCallback(told.append)
    statement.wait(9, world.clock).addCallback(told.append)
    world.clock.advance(1)
    assert told == [False]
    world.pool.let_go()
    assert told == [False, True]
    assert world.clock.getDelayedCalls() == []


def test_a_waiter_that_goes_away_is_forgotten(world: World) -> None:
    """A client that hangs up leaves no timer behind."""
    statement = world.submit("select 1")
    waiter = statement.wait(9, world.clock)
    waiter.addErrback(lambda failure: None)
    waiter.cancel()
    assert world.clock.getDelayedCalls() == []
    world.pool.let_go()
    assert statement.state is State.SUCCESS


def test_a_request_id_begins_one_statement(world: World) -> None:
    """The same id is the same statement, running or ended."""
    first = world.submit("insert", request_id="r")
    assert world.submit("insert", request_id="r") is first
    world.pool.let_go()
    assert world.submit("insert", request_id="r") is first
    assert world.engine.ran == ["insert"]


def test_cancelling_by_sql_does_not_queue(world: World) -> None:
    """SYSTEM$CANCEL_QUERY of a session's own statement does not wait behind it."""
    waiting = world.submit("select system$wait(60)")
    asked = world.submit(f"select system$cancel_query('{waiting.query_id}');")
    assert (waiting.state, asked.state) == (State.ABORTED, State.SUCCESS)


def test_closing_ends_everything_and_then_the_engine(world: World) -> None:
    """What runs is interrupted, what waits is aborted, the engine's session is given up last."""
    running, queued = world.submit("select 1"), world.submit("select 2")
    world.session.close()
    assert queued.state is State.ABORTED
    assert not world.engine.closed
    world.engine.failure = cancelled()
    world.pool.let_go()
    assert running.state is State.ABORTED
    world.pool.let_go()
    assert world.engine.closed


def test_the_sessions_parameters_hold_unless_the_statement_has_its_own(world: World) -> None:
    """Set at login or by ALTER SESSION, unset again; a statement's own go first."""
    world.submit("alter session set statement_timeout_in_seconds = 5 query_tag = 'a b'")
    world.pool.let_go()
    limited = world.submit("select 1")
    own = world.submit("select 2", parameters={"QUERY_TAG": "own"})
    world.clock.advance(5)
    assert (limited.stop_reason is not None, limited.tag) == (True, "a b")
    world.pool.let_go()
    world.pool.let_go()
    assert own.tag == "own"
    world.submit("alter session unset statement_timeout_in_seconds, query_tag")
    world.pool.let_go()
    free = world.submit("select 3")
    world.clock.advance(5)
    assert (free.stop_reason, free.tag) == (None, "")


def test_a_parameter_with_a_wrong_value_fails_the_statement(world: World) -> None:
    """001008, and nothing is set."""
    refused = world.submit("alter session set use_cached_result = 7")
    assert refused.failure is not None
    assert refused.failure.code == "001008"
    assert world.pool.held == []


def test_bound_values_are_not_kept(world: World) -> None:
    """Once the statement has ended nobody asks for them."""
    statement = world.submit("select ?", bindings={"1": {"type": "TEXT", "value": "x"}})
    world.pool.let_go()
    assert statement.submission.bindings == {}


def test_the_history_is_bounded_in_text_and_keeps_what_runs(world: World) -> None:
    """64 MB of SQL; the oldest that has ended goes first."""
    running = world.submit("select system$wait(60)")
    big = "select '" + "x" * (30 << 20) + "'"
    other = Session(world.session._bench, world.engine, 2, "DEMO")
    ids = []
    for _ in range(3):
        ids.append(other.submit(Submission("", big, "http://x")).query_id)
        world.pool.let_go()
    kept = [past.query_id for past in world.docket.history()]
    assert kept == [ids[2], ids[1], running.query_id]
    assert world.docket.unended_count == 1


class TestDetached:
    """ABORT_DETACHED_QUERY."""

    def begin(self, world: World, *, wanted: bool = True) -> Statement:
        """A statement that waits for an hour."""
        if wanted:
            world.session.parameters.put("ABORT_DETACHED_QUERY", "true")
        return world.submit("select system$wait(3600)")

    def test_it_ends_when_nobody_is_heard(self, world: World) -> None:
        """After five minutes without a request."""
        statement = self.begin(world)
        world.clock.pump([1.0] * 299)
        assert statement.state.value == "RUNNING"
        world.clock.advance(1)
        assert statement.state.value == "ABORTED"
        assert world.clock.getDelayedCalls() == []

    def test_it_goes_on_by_default(self, world: World) -> None:
        """As on Snowflake."""
        statement = self.begin(world, wanted=False)
        world.clock.pump([60.0] * 30)
        assert statement.state.value == "RUNNING"

    def test_a_client_that_asks_keeps_it(self, world: World) -> None:
        """A heartbeat now and then is enough, and so is a held request."""
        statement = self.begin(world)
        for _ in range(4):
            world.clock.advance(200)
            world.session.touch()
        statement.wait(500, world.clock)
        world.clock.pump([100.0] * 4)
        assert statement.state.value == "RUNNING"
        world.clock.pump([100.0] * 6)
        assert statement.state.value == "ABORTED"

    def test_nothing_is_left_behind(self, world: World) -> None:
        """Neither by a statement that ended nor by a session that closed."""
        statement = self.begin(world)
        world.session.abort(statement)
        world.clock.advance(300)
        assert world.clock.getDelayedCalls() == []
        self.begin(world)
        world.session.close()
        assert world.clock.getDelayedCalls() == []
