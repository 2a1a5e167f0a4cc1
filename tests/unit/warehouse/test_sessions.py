"""Sessions through the real connector: signs of life, changed credentials, room, warmth."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import Clock

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse import connect
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.service import Warehouse
from snowflake_mcp.warehouse.session import Session
from snowflake_mcp.warehouse.sessions import Sessions
from snowflake_mcp.warehouse.warmth import Warmth
from tests.support.snowflake_wire import SnowflakeWire, Waiting
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.conftest import FixedAccount
from tests.unit.warehouse.waiting import async_test, job, until, within

Build = Callable[..., Warehouse]
SLOW = "select slow"


def pool(warehouse: Warehouse) -> dict[str, Any]:
    return warehouse.snapshot()["pool"]  # type: ignore[return-value]


async def run(warehouse: Warehouse, sql: str = "select 1", **facts: Any) -> None:
    await warehouse.run(job(sql, **facts), Kept())


@async_test
async def test_a_stale_session_shows_that_it_lives(wire: SnowflakeWire, build: Build) -> None:
    """What lay idle is asked by a heartbeat, which runs no statement, and then used."""
    warehouse = build(wire.parameters, validate_after_s=0)
    await run(warehouse)
    assert wire.count("heartbeat") == 0
    await run(warehouse)
    assert (wire.count("heartbeat"), wire.count("login-request")) == (1, 1)
    assert pool(warehouse)["revived"] == 1
    assert len(wire.submitted("select 1")) == 2


@async_test
async def test_a_dead_session_is_replaced_unnoticed(
    wire: SnowflakeWire, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a sign of life the session is closed and the statement runs on a new one."""
    warehouse = build(wire.parameters, validate_after_s=0)
    await run(warehouse)
    monkeypatch.setattr(connect, "is_alive", lambda _: False)
    await run(warehouse)
    facts = pool(warehouse)
    assert (facts["found_dead"], facts["opened"], facts["closed"]) == (1, 2, 1)


@async_test
async def test_a_heartbeat_that_hangs_is_not_waited_for(
    wire: SnowflakeWire, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its limit the session counts as dead, though its thread has not come back."""
    monkeypatch.setattr("snowflake_mcp.warehouse.sessions._HEARTBEAT_S", 0.1)
    warehouse = build(wire.parameters, validate_after_s=0)
    await run(warehouse)
    release = threading.Event()
    monkeypatch.setattr(connect, "is_alive", lambda _: release.wait(20))
    try:
        await within(Deferred.fromCoroutine(run(warehouse)), 3)
    finally:
        release.set()
    assert pool(warehouse)["found_dead"] == 1


@async_test
async def test_a_new_secret_is_used_at_once(wire: SnowflakeWire, build: Build) -> None:
    """Retiring closes idle sessions, lets what runs finish, and ends a pause of logins."""
    warehouse = build(wire.parameters)
    await run(warehouse)
    wire.script(SLOW, Waiting(polls=3))
    running = Deferred.fromCoroutine(run(warehouse, SLOW, principal="bob"))
    await until(lambda: wire.count("/result") > 1, 5, "it runs")
    assert warehouse.retire_sessions() == 1
    await within(running, 5)
    assert (pool(warehouse)["idle"], pool(warehouse)["closed"]) == (0, 2)

    wire.refuse_logins = "390100"
    with pytest.raises(ToolFailure):
        await run(warehouse)
    wire.refuse_logins = None
    with pytest.raises(ToolFailure, match="next login"):
        await run(warehouse)
    warehouse.retire_sessions()
    await run(warehouse)


@async_test
async def test_a_cancelled_login_serves_the_next(wire: SnowflakeWire, build: Build) -> None:
    """Who gives up while a login is under way is answered at once; its session is not lost."""
    warehouse = build(wire.parameters)
    running = Deferred.fromCoroutine(run(warehouse))
    await until(lambda: pool(warehouse)["logging_in"], 5, "the login begins")
    running.cancel()
    with pytest.raises(CancelledError):
        await within(running, 1)
    await until(lambda: pool(warehouse)["warm"], 5, "the login has ended")
    await run(warehouse, principal="bob")
    assert wire.count("login-request") == 1
    assert wire.submitted("select 1")[1:] == []


@async_test
async def test_more_principals_than_sessions(wire: SnowflakeWire, build: Build) -> None:
    """With one session for all, everybody is served, each on a session of their own."""
    warehouse = build(wire.parameters, max_sessions=1)
    names = [f"p{number}" for number in range(6)]
    runs = [Deferred.fromCoroutine(run(warehouse, principal=name)) for name in names]
    for running in runs:
        await within(running, 10)
    facts = pool(warehouse)
    assert (facts["opened"], facts["idle"], facts["waiting"]) == (6, 1, 0)


@async_test
async def test_waiting_for_a_session_is_cancelled_cleanly(
    wire: SnowflakeWire, build: Build
) -> None:
    """Who waits for a session and gives up has sent nothing, and holds no place."""
    warehouse = build(wire.parameters, max_sessions=1)
    wire.script(SLOW, Waiting())
    running = Deferred.fromCoroutine(run(warehouse, SLOW))
    await until(lambda: wire.count("/result"), 5, "it runs")
    waiting = Deferred.fromCoroutine(run(warehouse, "select never", principal="bob"))
    await until(lambda: pool(warehouse)["waiting"], 1, "the other waits")
    waiting.cancel()
    with pytest.raises(CancelledError):
        await waiting
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    assert wire.submitted("select never") == []
    assert (pool(warehouse)["waiting"], pool(warehouse)["leased"]) == (0, 0)


@async_test
async def test_logins_do_not_storm(wire: SnowflakeWire, build: Build) -> None:
    """Forty principals at once: one login first, then four at a time, on the wire."""
    warehouse = build(wire.parameters, max_statements=40, max_logins=4)
    wire.silent = {"login-request"}
    names = [f"p{number}" for number in range(40)]
    runs = [Deferred.fromCoroutine(run(warehouse, principal=name)) for name in names]
    await until(lambda: wire.count("login-request"), 5, "the first login")
    assert (pool(warehouse)["logging_in"], pool(warehouse)["opening"]) == (1, 40)
    for running in runs:
        running.cancel()
        with pytest.raises(CancelledError):
            await running
    assert wire.count("login-request") == 1
    wire.release()
    await until(lambda: not pool(warehouse)["logging_in"], 10, "the first login has ended")

    warehouse = build(wire.parameters, max_statements=40, max_logins=4)
    await run(warehouse)
    before = wire.count("login-request")
    wire.silent = {"login-request"}
    runs = [Deferred.fromCoroutine(run(warehouse, principal=name)) for name in names]
    await until(lambda: wire.count("login-request") == before + 4, 5, "four logins")
    assert pool(warehouse)["logging_in"] == 4
    for running in runs:
        running.cancel()
        with pytest.raises(CancelledError):
            await running
    assert wire.count("login-request") == before + 4
    wire.release()


class OwnThread(Clock):
    """A clock with the one more method of a reactor that threads use."""

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        call(*args)


class Doors:
    """Sessions over a clock, whose threads and driver are the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.clock = OwnThread()
        self.beats = 0
        self.closed: list[Any] = []
        self.sessions = Sessions(
            self.clock,
            Accounts(FixedAccount({"user": "u"})),
            PoolSettings(**settings),
        )
        self.failure: Exception | None = None
        for threads in (self.sessions.own.doors, self.sessions._hearts, self.sessions._closers):
            monkeypatch.setattr(threads, "run", self._inline)
        monkeypatch.setattr(connect, "open_session", self._open)
        monkeypatch.setattr(connect, "is_alive", self._beat)
        monkeypatch.setattr(connect, "close", self.closed.append)

    def _inline(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return maybeDeferred(work, *args)

    def _open(self, *_: Any) -> object:
        if self.failure is not None:
            raise self.failure
        return object()

    def _beat(self, _: Any) -> bool:
        self.beats += 1
        return True

    def lease(self, principal: str = "ann") -> Session:
        key = self.sessions.key(Principal(principal))
        session: Any = Deferred.fromCoroutine(self.sessions.lease(key)).result
        assert isinstance(session, Session)
        return session


def test_a_statement_that_runs_on_keeps_its_session_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats come until the statement's own limit has passed; then the session is closed."""
    doors = Doors(monkeypatch, keep_alive_s=120, warm_sessions=0)
    doors.sessions.keep(doors.lease(), 300.0)
    assert doors.sessions.snapshot()["kept"] == 1
    doors.clock.pump([120] * 3)
    assert (doors.beats, doors.closed) == (3, [])
    doors.clock.pump([120] * 3)
    assert doors.beats == 3
    assert len(doors.closed) == 1
    assert doors.clock.getDelayedCalls() == []


def test_warm_sessions_are_opened_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one up to the number, again after one was adopted, and never too early."""
    doors = Doors(monkeypatch, warm_sessions=2)
    warmth = Warmth(doors.clock, doors.sessions, jitter=lambda: 0.5)
    warmth.start()
    doors.clock.advance(5)
    assert doors.sessions.pool.fresh == 0
    doors.sessions.pool.give_back(doors.lease())
    doors.clock.pump([5] * 4)
    assert (doors.sessions.pool.fresh, doors.sessions.pool.size) == (2, 3)
    doors.lease("bob")
    assert doors.sessions.pool.fresh == 1
    doors.clock.advance(5)
    assert doors.sessions.pool.fresh == 2
    warmth.stop()
    doors.sessions.pool.stop()
    assert doors.clock.getDelayedCalls() == []


def test_refused_credentials_are_not_tried_for_warmth(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a refusal nothing is opened ahead until a login that was needed has worked."""
    doors = Doors(monkeypatch, warm_sessions=1)
    warmth = Warmth(doors.clock, doors.sessions, jitter=lambda: 0.5)
    warmth.start()
    doors.lease()
    doors.failure = RuntimeError("refused")
    doors.clock.pump([5] * 100)
    assert doors.sessions.own.logins.failed == 1
    warmth.stop()


def test_a_busy_pool_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller for whom no session became free hears it as "busy"."""
    doors = Doors(monkeypatch, max_sessions=1, max_wait_s=3)
    doors.lease()
    late: Any = Deferred.fromCoroutine(doors.sessions.lease(doors.sessions.key(Principal("bob"))))
    doors.clock.advance(3)
    failure = late.result.value
    late.addErrback(lambda _: None)
    assert failure.family is Family.BUSY
