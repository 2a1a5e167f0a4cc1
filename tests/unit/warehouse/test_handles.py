"""Statements by query id: given away while they run, known to their owner, read by offset."""

import gc
import random
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater

from snowflake_mcp.ops.metrics import FAMILIES
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse import connect
from snowflake_mcp.warehouse.handles import Asking
from snowflake_mcp.warehouse.service import Warehouse
from snowflake_mcp.warehouse.standing import Standing, StillRunningError
from snowflake_mcp.warehouse.threads import Threads
from tests.support.snowflake_wire import Failing, SnowflakeWire, Waiting
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.test_wire import lane, numbers, pool, rows_of
from tests.unit.warehouse.waiting import async_test, clock, job, until, within

Build = Callable[..., Warehouse]
SLOW = "select slow"
TAG = {"server": "snowflake-mcp", "principal": "ann", "tool": "t"}
ANN = Asking(Principal("ann"), TAG)
BOB = Asking(Principal("bob"), {**TAG, "principal": "bob"})
READ = job("", tag=TAG)


async def handed_over(warehouse: Warehouse, sql: str, **facts: Any) -> Standing:
    """The handle of a statement that was started and not waited for; a quick one may be over."""
    statement = job(sql, **{"tag": TAG, "answer_within_s": 0.0, "kept_rows": 1_000_000, **facts})
    try:
        outcome = await within(Deferred.fromCoroutine(warehouse.run(statement, Kept())), 5)
    except StillRunningError as running:
        return running.standing
    return Standing(outcome.query_id, "success", outcome.elapsed_s, None, statement.kept_rows)


async def refused(work: Any) -> ToolFailure:
    with pytest.raises(ToolFailure) as caught:
        await work
    return caught.value


@async_test
async def test_the_handle_comes_at_once_and_the_statement_goes_on(
    wire: SnowflakeWire, build: Build
) -> None:
    """Submitted: its id is known, its place is taken, and its end is told to whoever waits."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting(polls=1, then=rows_of(3)))
    standing = await handed_over(warehouse, SLOW)
    assert (standing.state, standing.ended) == ("running", False)
    assert (lane(warehouse)["running"], pool(warehouse)["leased"]) == (1, 1)
    ended = await warehouse.handles.standing(standing.query_id, ANN, wait_s=5.0)
    assert (ended.state, ended.failure) == ("success", None)
    assert ended.elapsed_s is not None
    assert (lane(warehouse)["running"], pool(warehouse)["leased"]) == (0, 0)
    assert wire.count("query-request") == 1
    assert wire.submitted(SLOW)[0]["parameters"]["ROWS_PER_RESULTSET"] == 1_000_000


@async_test
async def test_a_call_that_takes_too_long_ends_with_the_handle(
    wire: SnowflakeWire, build: Build
) -> None:
    """Past its time the caller has the id; one that ends in time has its rows."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    standing = await handed_over(warehouse, SLOW, answer_within_s=0.3)
    assert standing.elapsed_s is not None
    assert 0.3 <= standing.elapsed_s < 2
    kept = Kept()
    await warehouse.run(job("select 1", tag=TAG, answer_within_s=5.0), kept)
    assert kept.rows == [[1]]
    assert (await warehouse.handles.cancel(standing.query_id, ANN)).state == "cancelled"


@async_test
async def test_a_caller_that_has_something_better_waits_on(
    wire: SnowflakeWire, build: Build
) -> None:
    """Asked at that moment, it may go on waiting: a task has its own way to be asked about."""
    wire.script(SLOW, Waiting(polls=2, then=rows_of(3)))
    kept = Kept()
    statement = job(SLOW, tag=TAG, answer_within_s=0.05, waits=lambda: True)
    await build(wire.parameters).run(statement, kept)
    assert len(kept.rows) == 3


@async_test
async def test_what_was_read_is_let_go_however_long_it_took(
    wire: SnowflakeWire, build: Build
) -> None:
    """Not held by a timer that has fired until the interpreter looks for cycles."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting(polls=2, then=rows_of(3)))
    kept = Kept()
    gone = weakref.ref(kept)
    gc.disable()
    try:
        await warehouse.run(job(SLOW, tag=TAG, answer_within_s=0.05, waits=lambda: True), kept)
        del kept
        await until(lambda: gone() is None, 2, "the rows are let go")
    finally:
        gc.enable()


@async_test
async def test_submitted_statements_leave_places_to_others(
    wire: SnowflakeWire, build: Build
) -> None:
    """One too many is told so at once, and keeps no place; calls that wait are served."""
    warehouse = build(wire.parameters, max_statements=3, max_submitted=2)
    wire.script(SLOW, Waiting(), Waiting())
    first = await handed_over(warehouse, SLOW)
    await handed_over(warehouse, SLOW)
    statement = job(SLOW, tag=TAG, answer_within_s=0.0)
    told = await refused(warehouse.run(statement, Kept()))
    assert (told.family, told.retryable) == (Family.BUSY, True)
    assert lane(warehouse)["running"] == 2
    await warehouse.run(job("select 1", tag=TAG, answer_within_s=5.0), Kept())
    await warehouse.handles.cancel(first.query_id, ANN)
    await handed_over(warehouse, "select 1")


@async_test
async def test_its_own_limit_ends_it(wire: SnowflakeWire, build: Build) -> None:
    """A statement that nobody waits for is aborted at its time limit, and tells why."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    standing = await handed_over(warehouse, SLOW, timeout_s=0.4)
    ended = await warehouse.handles.standing(standing.query_id, ANN, wait_s=3.0)
    assert ended.state == "cancelled"
    assert ended.failure is not None
    assert ended.failure.family is Family.TIMEOUT
    assert wire.statuses() == ["ABORTED"]
    told = await refused(warehouse.handles.read(standing.query_id, ANN, READ, Kept(), 0.0))
    assert told.family is Family.CANCELLED
    assert "0.4 s" in told.message


@async_test
async def test_a_stop_ends_it(wire: SnowflakeWire, build: Build) -> None:
    """The stop of the server aborts what was handed over, like everything else."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    await handed_over(warehouse, SLOW)
    await warehouse.stop(3.0)
    assert wire.statuses() == ["ABORTED"]


@async_test
async def test_a_failure_is_told_to_whoever_asks(wire: SnowflakeWire, build: Build) -> None:
    """How it failed is known by its id, and reading its rows fails with just that."""
    warehouse = build(wire.parameters)
    failing = Failing("100035", "no timestamp", "22007")
    wire.script(SLOW, Waiting(polls=1, then=failing))
    standing = await handed_over(warehouse, SLOW)
    ended = await warehouse.handles.standing(standing.query_id, ANN, wait_s=5.0)
    assert ended.state == "failed"
    assert ended.failure is not None
    assert ended.failure.message == "no timestamp"
    told = await refused(warehouse.handles.read(standing.query_id, ANN, READ, Kept(), 0.0))
    assert (told.family, told.message) == (Family.STATEMENT, "no timestamp")


@async_test
async def test_a_failed_statement_holds_nothing_of_its_call(
    wire: SnowflakeWire, build: Build
) -> None:
    """Its record tells how it failed for a day, and keeps neither frames nor what was in them."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, *[Failing("100035", "no timestamp", "22007")] * 4)
    held, query_id = [], ""
    for _ in range(4):
        collector = Kept()
        held.append(weakref.ref(collector))
        told = await refused(warehouse.run(job(SLOW, tag=TAG), collector))
        query_id = str(told.details["query_id"])
        with pytest.raises(ToolFailure, match="no timestamp"):
            await warehouse.handles.read(query_id, ANN, READ, Kept(), 0.0)
        del collector, told
    gc.collect()
    # The very last error stays with the driver until its next one.
    assert [collected() for collected in held[:-1]] == [None] * 3
    ended = await warehouse.handles.standing(query_id, ANN)
    assert ended.failure is not None
    assert ended.failure.__traceback__ is None


@async_test
async def test_a_session_does_not_gather_the_errors_of_its_statements(
    wire: SnowflakeWire, build: Build
) -> None:
    """The driver's list of them would grow as long as the session lives."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, *[Failing("100035", "no timestamp", "22007")] * 3)
    for _ in range(3):
        await refused(warehouse.run(job(SLOW, tag=TAG), Kept()))
    (session,) = warehouse._sessions.pool._idle
    assert len(session.connection.messages) == 1


@async_test
async def test_cancel_confirms_and_is_told_to_a_waiting_caller(
    wire: SnowflakeWire, build: Build
) -> None:
    """A call that still waits for its rows hears that its statement was cancelled by its id."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    waiting = Deferred.fromCoroutine(refused(warehouse.run(job(SLOW, tag=TAG), Kept())))
    await until(lambda: wire.count("/result"), 5, "the poll arrives")
    (run,) = warehouse._runs
    ended = await warehouse.handles.cancel(str(run.query_id), ANN)
    assert (ended.state, wire.statuses()) == ("cancelled", ["ABORTED"])
    told = await waiting
    assert (told.family, told.details["aborted"]) == (Family.CANCELLED, True)


@async_test
async def test_giving_up_the_reading_leaves_the_statement(
    wire: SnowflakeWire, build: Build
) -> None:
    """Who waits for the rows of a statement and leaves does not end it; nor does a time limit."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    standing = await handed_over(warehouse, SLOW)
    reading = Deferred.fromCoroutine(
        warehouse.handles.read(standing.query_id, ANN, READ, Kept(), 60.0)
    )
    await deferLater(clock, 0.05)
    reading.cancel()
    with pytest.raises(CancelledError):
        await reading
    with pytest.raises(StillRunningError):
        await warehouse.handles.read(standing.query_id, ANN, READ, Kept(), 0.1)
    assert wire.statuses() == ["RUNNING"]
    assert wire.count("abort-request") == 0
    await warehouse.handles.cancel(standing.query_id, ANN)


@async_test
async def test_anothers_statement_looks_like_none(demo: dict[str, object], build: Build) -> None:
    """Unknown, another principal's, and untagged ids are refused alike, after the same lookup."""
    warehouse = build(demo)
    mine = await handed_over(warehouse, "select 1")
    threads = Threads(clock, "test", 1)
    threads.start()
    untagged = await threads.run(_untagged, demo)
    await threads.stop(5)
    unknown = "01b00000-0000-0000-0000-000000000000"
    await warehouse.handles.standing(mine.query_id, ANN, 5.0)
    sent = warehouse._metrics.totals()[FAMILIES["statements"].name]
    told = [
        await refused(warehouse.handles.standing(mine.query_id, BOB)),
        await refused(warehouse.handles.cancel(untagged, BOB)),
        await refused(warehouse.handles.read(unknown, BOB, READ, Kept(), 0.0)),
    ]
    assert warehouse._metrics.totals()[FAMILIES["statements"].name] == sent + 3
    assert len({(one.family, one.message, one.hint, str(one.details)) for one in told}) == 1
    assert (await refused(warehouse.handles.standing(untagged, ANN))).message == told[0].message
    nonsense = await refused(warehouse.handles.standing("x' or 1=1 --", ANN))
    assert nonsense.message == told[0].message
    other = Asking(Principal("ann"), {**TAG, "server": "another"})
    assert (await refused(warehouse.handles.standing(mine.query_id, other))).message == (
        told[0].message
    )


def _untagged(parameters: dict[str, object]) -> str:
    connection = connect.open_session(parameters, connect.Bounds(10, 10))
    try:
        return str(connection.cursor().execute("select 1").sfqid)
    finally:
        connect.close(connection)


@async_test
async def test_another_process_takes_it_up(demo: dict[str, object], build: Build) -> None:
    """A statement of a server that has gone, or of a replica, is read, asked for and ended."""
    first, second = build(demo), build(demo)
    sql = "select order_id from demo.sales.orders order by 1"
    done = await handed_over(first, sql, kept_rows=30_000)
    await first.handles.standing(done.query_id, ANN, 10.0)
    kept = Kept()
    asked = replace(READ, offset=25_000, max_rows=1_200)
    outcome = await second.handles.read(done.query_id, ANN, asked, kept, 0.0)
    assert [row[0] for row in kept.rows] == list(range(25_001, 26_201))
    # 30,000 rows is all that Snowflake was told to keep: there may have been more.
    assert (outcome.rows, outcome.total_rows, outcome.cut) == (1_200, None, "rows")
    running = await handed_over(first, "select system$wait(30)")
    seen = await second.handles.standing(running.query_id, ANN)
    assert (seen.state, seen.elapsed_s) == ("running", None)
    with pytest.raises(StillRunningError):
        await second.handles.read(running.query_id, ANN, READ, Kept(), 0.0)
    assert (await second.handles.cancel(running.query_id, ANN)).state == "cancelled"
    assert (await first.handles.standing(running.query_id, ANN, 3.0)).state == "cancelled"
    failed = await handed_over(first, "select 1 / 0, system$wait(1)")
    told = await second.handles.standing(failed.query_id, ANN, wait_s=5.0)
    assert told.state == "failed"
    assert told.failure is not None
    assert told.failure.message


@pytest.mark.parametrize(
    "offset", [0, 1, 999, 1_000, 1_001, 17_384, 40_000, 59_999, 60_000, 70_000]
)
@async_test
async def test_rows_from_any_offset(offset: int, demo: dict[str, object], build: Build) -> None:
    """On and around the borders of chunks, at the end and beyond it."""
    warehouse = build(demo)
    done = await handed_over(warehouse, "select order_id from demo.sales.orders order by 1")
    await warehouse.handles.standing(done.query_id, ANN, 10.0)
    kept = Kept()
    asked = replace(READ, offset=offset, max_rows=700)
    outcome = await warehouse.handles.read(done.query_id, ANN, asked, kept, 0.0)
    last = min(offset + 700, 60_000)
    assert [row[0] for row in kept.rows] == list(range(offset + 1, last + 1))
    assert (outcome.total_rows, outcome.cut) == (60_000, "rows" if last < 60_000 else None)


@async_test
async def test_what_json_results_hold_is_read_from_an_offset(
    demo: dict[str, object], build: Build
) -> None:
    """SHOW answers without Arrow."""
    warehouse = build(demo)
    done = await handed_over(warehouse, "show tables in schema demo.sales")
    await warehouse.handles.standing(done.query_id, ANN, 10.0)
    whole, rest = Kept(), Kept()
    await warehouse.handles.read(done.query_id, ANN, READ, whole, 0.0)
    await warehouse.handles.read(done.query_id, ANN, replace(READ, offset=2), rest, 0.0)
    assert len(whole.rows) > 2
    assert rest.rows == whole.rows[2:]


@async_test
async def test_chunks_before_the_offset_are_not_downloaded(
    wire: SnowflakeWire, build: Build
) -> None:
    """Of a result in parts, only those with the wanted rows are asked for."""
    chunks = [numbers(*range(n * 1_000, (n + 1) * 1_000)) for n in range(1, 6)]
    wire.script("select n", rows_of(1_000, chunks=chunks))
    warehouse = build(wire.parameters)
    done = await handed_over(warehouse, "select n")
    await warehouse.handles.standing(done.query_id, ANN, 5.0)
    before = wire.count("/chunks/")
    kept = Kept()
    asked = replace(READ, offset=4_200, max_rows=10)
    await warehouse.handles.read(done.query_id, ANN, asked, kept, 0.0)
    assert [row[0] for row in kept.rows] == list(range(4_200, 4_210))
    assert wire.count("/chunks/") - before <= 1


def test_a_job_says_what_is_kept() -> None:
    """One more than asked for, unless it is for reading later."""
    assert (job("", max_rows=10).row_cap, job("", max_rows=1, kept_rows=500).row_cap) == (11, 500)


@pytest.mark.parametrize("rounds", [100, pytest.param(1_000, marks=pytest.mark.full)])
@async_test
async def test_real_ends_meet_real_cancels(
    rounds: int, demo: dict[str, object], build: Build
) -> None:
    """F-08 with threads that run freely: cancels fall around the end of each statement."""
    warehouse = build(demo, max_statements=4)
    chance = random.Random(rounds)
    ended = {"result": 0, "cancelled": 0, "cancelled by id": 0, "handle": 0}

    async def once(number: int) -> None:
        sql = f"select system$wait(10, 'milliseconds'), 'race {rounds}'"
        facts: dict[str, Any] = {"answer_within_s": 0.0} if number % 4 == 0 else {}
        running = Deferred.fromCoroutine(warehouse.run(job(sql, tag=TAG, **facts), Kept()))
        if number % 4 != 0:
            clock.callLater(chance.uniform(0.0, 0.04), running.cancel)
        try:
            await running
            ended["result"] += 1
        except CancelledError:
            ended["cancelled"] += 1
        except StillRunningError as still:
            await deferLater(clock, chance.uniform(0.0, 0.02))
            standing = await warehouse.handles.cancel(still.standing.query_id, ANN)
            ended["cancelled by id" if standing.state == "cancelled" else "handle"] += 1
            assert standing.ended

    for start in range(0, rounds, 4):
        await gatherResults(
            [Deferred.fromCoroutine(once(number)) for number in range(start, start + 4)]
        )
    await until(lambda: lane(warehouse)["running"] == 0, 5, "all threads come back")
    assert (sum(ended.values()), warehouse._runs) == (rounds, set())
    assert all(ended.values()), ended
    assert pool(warehouse)["leased"] == 0
    assert pool(warehouse)["opened"] == pool(warehouse)["idle"] + pool(warehouse)["closed"]
    kept = Kept()
    history = "table(information_schema.query_history(result_limit => 10000))"
    left = f"query_text like '%''race {rounds}''%' and execution_status in ('RUNNING', 'QUEUED')"
    await warehouse.run(job(f"select query_text from {history} where {left}"), kept)
    # The question finds itself.
    assert [row for row in kept.rows if "query_history" not in str(row[0])] == []
