"""What operators see of running statements, and how they end one."""

from collections.abc import Callable

from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.snowflake_wire import SnowflakeWire, Waiting
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.test_handles import ANN, SLOW, TAG, handed_over, refused
from tests.unit.warehouse.waiting import async_test, job, until, within

Build = Callable[..., Warehouse]


@async_test
async def test_running_statements_are_shown_and_ended(wire: SnowflakeWire, build: Build) -> None:
    """With caller, connection and query id; its caller hears who ended it, and that it is so."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    asked = job(SLOW, tag={**TAG, "request": "r-1", "tool": "execute_query", "client": "agent"})
    running = Deferred.fromCoroutine(warehouse.run(asked, Kept()))
    assert [each.status for each in warehouse.statements()] == ["connecting"]
    await until(lambda: warehouse.statements()[0].query_id is not None, 5, "its query id")
    (shown,) = warehouse.statements()
    assert (shown.request_id, shown.principal, shown.tool) == (
        "r-1",
        asked.principal.name,
        "execute_query",
    )
    assert (shown.client, shown.connection, shown.status) == ("agent", "test", "running")
    assert not shown.handed_over
    assert shown.elapsed_s > 0
    assert warehouse.end_statements("r-2") == 0
    assert warehouse.end_statements("r-1") == 1
    failure = await refused(within(running, 5))
    assert failure.family is Family.CANCELLED
    assert "An operator of the server stopped the statement." in failure.message
    assert (failure.details["query_id"], failure.details["aborted"]) == (shown.query_id, True)
    assert warehouse.statements() == []


@async_test
async def test_a_statement_without_its_caller_is_ended_too(
    wire: SnowflakeWire, build: Build
) -> None:
    """Whoever asks for it by its handle finds it cancelled."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    standing = await handed_over(warehouse, SLOW, tag={**TAG, "request": "r-1"})
    (shown,) = warehouse.statements()
    assert (shown.query_id, shown.handed_over) == (standing.query_id, True)
    assert warehouse.end_statements("r-1") == 1
    ended = await warehouse.handles.standing(standing.query_id, ANN, wait_s=5.0)
    assert ended.state == "cancelled"
