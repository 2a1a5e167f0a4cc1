"""What stands before a statement: the breaker of its connection, and the bounds of its caller."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.snowflake_wire import Failing, Faulty, SnowflakeWire, Waiting
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.conftest import FixedAccount
from tests.unit.warehouse.waiting import async_test, clock, job, until, within

Build = Callable[..., Warehouse]

BROKEN = Faulty(status=404)
SYNTAX = Failing("001003", "SQL compilation error")


async def failure(warehouse: Warehouse, sql: str, **facts: object) -> ToolFailure:
    with pytest.raises(ToolFailure) as caught:
        await warehouse.run(job(sql, **facts), Kept())
    return caught.value


def breaker(warehouse: Warehouse) -> dict[str, Any]:
    (numbers,) = warehouse.snapshot()["connections"].values()  # type: ignore[attr-defined]
    return dict(numbers["breaker"])


async def broken(wire: SnowflakeWire, warehouse: Warehouse, times: int) -> None:
    """Let statements fail in a row on sessions that log in well."""
    for _ in range(times):
        wire.script("select x", *[BROKEN] * 9)
        told = await failure(warehouse, "select x")
        assert (told.family, "breaker" in told.details) == (Family.UNAVAILABLE, False)
        wire._scripts.clear()


@async_test
async def test_an_endpoint_that_fails_is_left_alone(wire: SnowflakeWire, build: Build) -> None:
    """Refused at once, nothing sent; then one tries, and all may again."""
    warehouse = build(wire.parameters, breaker_failures=2, breaker_pause_s=0.5)
    await broken(wire, warehouse, 1)
    assert breaker(warehouse)["state"] == "closed"
    await broken(wire, warehouse, 1)
    assert breaker(warehouse)["state"] == "open"
    assert warehouse.snapshot()["breakers"] == {"open": 1, "opened": 1}
    sent = wire.count("query-request")
    told = await within(Deferred.fromCoroutine(failure(warehouse, "select 1")), 0.2)
    assert (told.family, told.retryable) == (Family.UNAVAILABLE, True)
    assert told.details == {"breaker": "open", "retry_after_s": 1}
    assert wire.count("query-request") == sent
    await deferLater(clock, 0.6)
    await warehouse.run(job("select 1"), Kept())
    assert breaker(warehouse)["state"] == "closed"
    assert warehouse.snapshot()["breakers"] == {"open": 0, "opened": 1}


@async_test
async def test_errors_of_statements_and_logins_are_no_matter_of_it(
    wire: SnowflakeWire, build: Build
) -> None:
    """What Snowflake says itself closes it; logins have their own pauses."""
    warehouse = build(wire.parameters, breaker_failures=2)
    await broken(wire, warehouse, 1)
    wire.script("select bad", SYNTAX)
    assert (await failure(warehouse, "select bad")).family is Family.SYNTAX
    assert breaker(warehouse)["failures"] == 0
    await broken(wire, warehouse, 1)
    wire.refuse_logins = "390100"
    warehouse.retire_sessions()
    for _ in range(3):
        assert (await failure(warehouse, "select 1")).family is Family.AUTH
    closed = {"state": "closed", "failures": 0, "opened": 0, "retry_in_s": 0.0}
    assert breaker(warehouse) == {"connection": "test", **closed}


@async_test
async def test_a_statement_that_is_taken_is_enough(wire: SnowflakeWire, build: Build) -> None:
    """The one that tries may run long: the others go on as soon as Snowflake has it."""
    warehouse = build(wire.parameters, breaker_failures=1, breaker_pause_s=0.5)
    await broken(wire, warehouse, 1)
    await deferLater(clock, 0.6)
    wire.script("select slow", Waiting())
    running = Deferred.fromCoroutine(warehouse.run(job("select slow"), Kept()))
    await until(lambda: wire.count("query-request") > 1, 5, "it is sent")
    await until(lambda: any(run.query_id for run in warehouse._runs), 5, "it is taken")
    await within(Deferred.fromCoroutine(warehouse.run(job("select 1"), Kept())), 5)
    assert breaker(warehouse)["state"] == "closed"
    running.addErrback(lambda _: None)
    running.cancel()
    await until(lambda: not warehouse._runs, 5, "it has ended")


@async_test
async def test_an_operator_lets_all_try(wire: SnowflakeWire, build: Build) -> None:
    """Before the pause is over."""
    warehouse = build(wire.parameters, breaker_failures=1, breaker_pause_s=60.0)
    await broken(wire, warehouse, 1)
    assert (await failure(warehouse, "select 1")).details["retry_after_s"] == 60
    assert warehouse.reset_breakers() == 1
    await warehouse.run(job("select 1"), Kept())
    assert warehouse.reset_breakers() == 0


class OnePerCaller:
    """Bounds that let each caller start one statement, and have one place."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def start(self, principal: str) -> None:
        if principal in self.started:
            raise ToolFailure(Family.LIMIT, "too fast")
        self.started.append(principal)

    def lane_share(self, principal: str) -> tuple[int, int]:
        return 1, 1


@async_test
async def test_the_bounds_of_a_caller_are_asked_first(wire: SnowflakeWire) -> None:
    """By name, once for each statement that is sent; what is taken up again began before."""
    bounds, metrics = OnePerCaller(), Metrics()
    warehouse = Warehouse(
        clock, Accounts(FixedAccount(wire.parameters)), PoolSettings(), metrics, bounds=bounds
    )
    warehouse.start()
    try:
        await warehouse.run(job("select 1"), Kept())
        assert (await failure(warehouse, "select 1")).message == "too fast"
        await warehouse.run(job("select 1", principal="bob"), Kept())
        assert bounds.started == ["ann", "bob"]
        assert metrics.totals()["statements_limit"] == 1
        (sent,) = {seen.body["sqlText"] for seen in wire.seen if "query-request" in seen.path}
        assert sent == "select 1"
        assert wire.count("query-request") == 2
    finally:
        await warehouse.stop(5.0)
