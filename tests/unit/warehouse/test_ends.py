"""How a statement ended is told to whoever sent it, whether he still waits or not."""

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred

from snowflake_mcp.warehouse.service import Warehouse
from tests.support.snowflake_wire import Failing, SnowflakeWire, Waiting
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.test_handles import ANN, SLOW, TAG, handed_over
from tests.unit.warehouse.test_wire import rows_of
from tests.unit.warehouse.waiting import async_test, job, until, within

Build = Callable[..., Warehouse]


def _aborted(warehouse: Warehouse) -> dict[tuple[str, ...], object]:
    metrics = warehouse._metrics
    found = [one.values for one in metrics.samples() if one.family.name == "aborted"]
    return dict(found[0]) if found else {}


@async_test
async def test_a_result_and_a_failure_are_ends(wire: SnowflakeWire, build: Build) -> None:
    """Each is told once, with the id of the statement."""
    warehouse = build(wire.parameters)
    ends: list[tuple[str | None, str]] = []
    wire.script(SLOW, rows_of(1), Failing("001003"))
    done = job(SLOW, tag=TAG, on_end=lambda *end: ends.append(end))
    first = await warehouse.run(done, Kept())
    failing = Deferred.fromCoroutine(warehouse.run(done, Kept()))
    failing.addErrback(lambda _: None)
    await within(failing, 5)
    assert ends[0] == (first.query_id, "success")
    assert [state for _, state in ends] == ["success", "failed"]
    assert _aborted(warehouse) == {}


@async_test
async def test_a_cancelled_statement_ends_confirmed(wire: SnowflakeWire, build: Build) -> None:
    """The caller that gives up is told of the end before its own error, and it is counted."""
    warehouse = build(wire.parameters)
    ends: list[tuple[str | None, str]] = []
    wire.script(SLOW, Waiting())
    work = Deferred.fromCoroutine(
        warehouse.run(job(SLOW, tag=TAG, on_end=lambda *end: ends.append(end)), Kept())
    )
    seen: list[str] = []
    work.addErrback(lambda failure: seen.append(failure.trap(CancelledError).__name__ + str(ends)))
    await until(lambda: wire.count("query-request") == 1, 5, "the statement")
    work.cancel()
    await within(work, 5)
    ((query_id, state),) = ends
    assert query_id is not None
    assert state == "cancelled"
    assert seen == [f"CancelledError{ends}"]
    assert _aborted(warehouse) == {("cancelled",): 1}


@async_test
async def test_the_end_of_what_was_handed_over_is_told_later(
    wire: SnowflakeWire, build: Build
) -> None:
    """The caller has gone with the handle; the end comes when there is one."""
    warehouse = build(wire.parameters)
    ends: list[tuple[str | None, str]] = []
    wire.script(SLOW, Waiting())
    standing = await handed_over(warehouse, SLOW, on_end=lambda *end: ends.append(end))
    assert ends == []
    await warehouse.handles.cancel(standing.query_id, ANN)
    assert ends == [(standing.query_id, "cancelled")]


@async_test
async def test_nobody_is_asked_when_the_threads_have_gone(
    wire: SnowflakeWire, build: Build
) -> None:
    """A hurried stop lets them go before the last answer: reports find nobody to ask."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    running = Deferred.fromCoroutine(warehouse.run(job(SLOW, tag=TAG), Kept()))
    running.addErrback(lambda _: None)
    await until(lambda: [each.query_id for each in warehouse.statements()] != [None], 5, "its id")
    (run,) = warehouse._runs
    warehouse._means.control.stopped = True
    assert run.look() is None
    warehouse._means.control.stopped = False
    running.cancel()
    await within(running, 5)


@async_test
async def test_many_who_ask_are_one_question(wire: SnowflakeWire, build: Build) -> None:
    """Aborts go through the same threads: nobody's curiosity may hold them up."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    standing = await handed_over(warehouse, SLOW)
    before = wire.count("/monitoring/queries/")
    wire.silent.add("/monitoring/queries/")
    asked = [
        Deferred.fromCoroutine(warehouse.handles.standing(standing.query_id, ANN))
        for _ in range(100)
    ]
    await until(lambda: wire.count("/monitoring/queries/") > before, 5, "it is asked")
    assert warehouse._means.control.busy == 1
    asked[0].addErrback(lambda _: None)
    asked[0].cancel()
    wire.release()
    for each in asked[1:]:
        assert (await within(each, 5)).state == "running"
    await warehouse.handles.cancel(standing.query_id, ANN)
