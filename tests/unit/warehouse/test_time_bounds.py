"""No call outlives its time limit, whatever does not answer; nor does a thread loop for ever."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pyarrow as pa
import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread  # noqa: TID251 - a test's own threads

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse import connect
from snowflake_mcp.warehouse.connect import Bounds
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.snowflake_wire import Rows, SnowflakeWire, column
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.waiting import async_test, clock, job, until, within

Build = Callable[..., Warehouse]
GRACE_S = 2.5
"""The wait for a confirmed abort, and a busy machine."""


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]  # it has no types
async def mute(wire: SnowflakeWire, build: Build) -> AsyncIterator[SnowflakeWire]:
    """The endpoint, which gives its late answers before the warehouses stop."""
    yield wire
    wire.release()


async def timed(warehouse: Warehouse, sql: str, timeout_s: float) -> tuple[ToolFailure, float]:
    """The failure of a statement and the seconds it took."""
    began = clock.seconds()
    with pytest.raises(ToolFailure) as caught:
        await warehouse.run(job(sql, timeout_s=timeout_s), Kept())
    return caught.value, clock.seconds() - began


@async_test
async def test_a_login_without_an_answer(mute: SnowflakeWire, build: Build) -> None:
    """The caller is answered at its own limit; nothing had been sent."""
    mute.silent = {"login-request"}
    told, took_s = await timed(build(mute.parameters), "select 1", 0.5)
    assert told.family is Family.TIMEOUT
    assert "Nothing had been sent" in told.message
    assert took_s < 0.5 + GRACE_S


@async_test
async def test_the_thread_of_a_login_comes_back(mute: SnowflakeWire, build: Build) -> None:
    """The connector itself gives up at the limit of logins, so their threads do not run out."""
    mute.silent = {"login-request"}
    warehouse = build(mute.parameters, login_timeout_s=1.0)
    began = clock.seconds()
    told, _ = await timed(warehouse, "select 1", 20)
    assert told.family is Family.UNAVAILABLE
    assert clock.seconds() - began < 8
    assert warehouse.snapshot()["pool"]["logging_in"] == 0  # type: ignore[index]


@async_test
@pytest.mark.parametrize("part", ["query-request", "/result"])
async def test_a_statement_without_an_answer(part: str, mute: SnowflakeWire, build: Build) -> None:
    """Not submitted or not polled: the caller is answered, the place stays with the thread."""
    warehouse = build(mute.parameters, max_statements=1)
    await warehouse.run(job("select 1"), Kept())
    mute.silent = {part}
    told, took_s = await timed(warehouse, "select 1", 0.5)
    assert told.family is Family.TIMEOUT
    assert took_s < 0.5 + GRACE_S
    assert warehouse.snapshot()["lane"]["running"] == 1  # type: ignore[index]
    mute.release()
    await until(lambda: not warehouse.snapshot()["lane"]["running"], 30, "the thread comes back")  # type: ignore[index]


@async_test
async def test_a_chunk_without_an_answer(mute: SnowflakeWire, build: Build) -> None:
    """The result was ready, and its second part does not come."""
    numbers = pa.RecordBatch.from_arrays([pa.array([1], pa.int64())], names=["N"])
    mute.script(
        "select n", Rows([column("N", "fixed", precision=38, scale=0)], numbers, chunks=[numbers])
    )
    mute.silent = {"/chunks/"}
    told, took_s = await timed(build(mute.parameters), "select n", 0.5)
    assert told.family is Family.TIMEOUT
    assert took_s < 0.5 + GRACE_S


@async_test
async def test_an_abort_without_an_answer(mute: SnowflakeWire, build: Build) -> None:
    """The caller hears that the end in Snowflake is not confirmed."""
    mute.silent = {"/result", "abort-request"}
    told, took_s = await timed(build(mute.parameters), "select 1", 0.5)
    assert told.details["aborted"] is False
    assert took_s < 0.5 + GRACE_S


@async_test
async def test_an_expired_token_is_renewed_unnoticed(mute: SnowflakeWire, build: Build) -> None:
    """The connector renews it and asks again: one login, one session."""
    warehouse = build(mute.parameters)
    await warehouse.run(job("select 1"), Kept())
    mute.expired = {"query-request": 1}
    kept = Kept()
    await warehouse.run(job("select 1"), kept)
    assert (kept.rows, mute.count("login-request"), mute.count("token-request")) == ([[1]], 1, 1)


@async_test
async def test_a_token_that_stays_expired_costs_one_new_session(
    mute: SnowflakeWire, build: Build
) -> None:
    """Renewed and refused again: the read runs on a new session, and no thread goes in circles."""
    warehouse = build(mute.parameters)
    await warehouse.run(job("select 1"), Kept())
    mute.expired = {"query-request": 2}
    kept = Kept()
    await within(Deferred.fromCoroutine(warehouse.run(job("select 1"), kept)), 10)
    assert (kept.rows, mute.count("login-request")) == ([[1]], 2)
    assert mute.count("token-request") <= 2


@async_test
async def test_a_heartbeat_that_is_refused_for_ever(mute: SnowflakeWire) -> None:
    """It ends with "no", in a handful of requests."""
    bounds = Bounds(login_s=5, statement_s=5)
    connection: Any = await deferToThread(connect.open_session, mute.parameters, bounds)
    mute.expired = {"heartbeat": 1_000_000}
    alive = await within(deferToThread(connect.is_alive, connection), 5)
    assert alive is False
    assert mute.count("heartbeat") <= 3
    await deferToThread(connect.close, connection)
