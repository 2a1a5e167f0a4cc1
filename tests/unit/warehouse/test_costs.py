"""What a statement costs in requests to the account and in turns between threads."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from snowflake_mcp.warehouse.service import Warehouse
from snowflake_mcp.warehouse.threads import Threads
from tests.support.snowflake_wire import SnowflakeWire
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.waiting import async_test, clock, job

Build = Callable[..., Warehouse]


class Counted:
    """Which threads were given work, and how often one called the reactor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hops: list[str] = []
        self.calls = 0
        run, call = Threads.run, clock.callFromThread

        def hopped(threads: Any, *work: Any, **named: Any) -> Any:
            self.hops.append(threads._pool.name.removeprefix("snowflake-"))
            return run(threads, *work, **named)

        def called(*work: Any) -> None:
            self.calls += 1
            call(*work)

        monkeypatch.setattr(Threads, "run", hopped)
        monkeypatch.setattr(clock, "callFromThread", called)


@async_test
async def test_a_statement_is_two_requests_and_one_hop(
    wire: SnowflakeWire, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a session that is there: it is sent, its result is fetched, and nothing else is asked."""
    warehouse = build(wire.parameters)
    await warehouse.run(job("select 1"), Kept())
    wire.seen.clear()
    counted = Counted(monkeypatch)
    for _ in range(3):
        outcome = await warehouse.run(job("select 1", tag={"tool": "t"}), Kept())
        assert outcome.rows == 1
    paths = [re.sub(r"/queries/[0-9a-f-]{36}/", "/queries/ID/", seen.path) for seen in wire.seen]
    assert paths == ["/queries/v1/query-request", "/queries/ID/result"] * 3
    assert (counted.hops, counted.calls) == (["statement"] * 3, 3)


@async_test
async def test_a_first_statement_logs_in_with_one_request_more(
    wire: SnowflakeWire, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The context of a session comes with its login: no USE and no ALTER SESSION."""
    warehouse = build(wire.parameters)
    counted = Counted(monkeypatch)
    await warehouse.run(job("select 1", database="D", schema="S"), Kept())
    assert [seen.path.rpartition("/")[2] for seen in wire.seen] == [
        "login-request",
        "query-request",
        "result",
    ]
    assert (counted.hops, counted.calls) == (["login", "statement"], 2)
