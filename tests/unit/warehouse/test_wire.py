"""The warehouse through the real connector against a scripted endpoint: ends, faults, logins."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.snowflake_wire import Failing, Faulty, Rows, SnowflakeWire, Waiting, column
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.conftest import FixedAccount
from tests.unit.warehouse.waiting import async_test, clock, job, until, within

Build = Callable[..., Warehouse]
SLOW = "select slow"


def numbers(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, pa.int64())], names=["N"])


def rows_of(count: int, **facts: Any) -> Rows:
    return Rows([column("N", "fixed", precision=38, scale=0)], numbers(*range(count)), **facts)


def lane(warehouse: Warehouse) -> dict[str, Any]:
    return warehouse.snapshot()["lane"]  # type: ignore[return-value]


def pool(warehouse: Warehouse) -> dict[str, Any]:
    return warehouse.snapshot()["pool"]  # type: ignore[return-value]


async def failure(warehouse: Warehouse, sql: str, **facts: object) -> ToolFailure:
    with pytest.raises(ToolFailure) as caught:
        await warehouse.run(job(sql, **facts), Kept())
    return caught.value


@async_test
async def test_parameters_ride_on_the_statement(wire: SnowflakeWire, build: Build) -> None:
    """Tag, row limit, time limit and statement count go with the statement, not the session."""
    warehouse = build(wire.parameters)
    await warehouse.run(job("select 1", max_rows=7, tag={"tool": "t", "client": "c"}), Kept())
    (sent,) = wire.submitted("select 1")
    assert sent["asyncExec"] is True
    assert sent["parameters"] == {
        "MULTI_STATEMENT_COUNT": 1,
        "QUERY_TAG": '{"client":"c","rows":"8","tool":"t"}',
        "ROWS_PER_RESULTSET": 8,
        "STATEMENT_TIMEOUT_IN_SECONDS": 25,
    }
    login = next(seen.body for seen in wire.seen if "login-request" in seen.path)["data"]
    parameters = {name: str(value).lower() for name, value in login["SESSION_PARAMETERS"].items()}
    assert parameters["MULTI_STATEMENT_COUNT"] == "1"
    assert parameters["CLIENT_TELEMETRY_ENABLED"] == "false"
    # A statement of a killed server is ended by Snowflake itself.
    assert parameters["ABORT_DETACHED_QUERY"] == "true"
    assert wire.count("telemetry") == 0


@async_test
async def test_rows_come_in_slices_and_stop_at_the_limit(wire: SnowflakeWire, build: Build) -> None:
    """A result over several chunks arrives in order, in slices of at most 500, cut at max_rows."""
    chunks = [numbers(*range(700, 1_300)), numbers(*range(1_300, 2_000))]
    wire.script("select n", rows_of(700, chunks=chunks))
    kept = Kept()
    outcome = await build(wire.parameters).run(job("select n", max_rows=1_500), kept)
    assert [row[0] for row in kept.rows] == list(range(1_500))
    assert max(kept.slices) <= 500
    assert (outcome.rows, outcome.total_rows, outcome.cut) == (1_500, 2_000, "rows")


@async_test
async def test_the_total_is_unknown_where_snowflake_capped_it(
    wire: SnowflakeWire, build: Build
) -> None:
    """A result of exactly one row more than the limit may be longer: total_rows is None."""
    wire.script("select n", rows_of(11))
    outcome = await build(wire.parameters).run(job("select n", max_rows=10), Kept())
    assert (outcome.rows, outcome.total_rows, outcome.cut) == (10, None, "rows")


@async_test
async def test_a_collector_can_have_enough(wire: SnowflakeWire, build: Build) -> None:
    """Reading stops when the collector says so, and the outcome tells that apart."""
    wire.script("select n", rows_of(2_000))
    outcome = await build(wire.parameters).run(job("select n", max_rows=5_000), Kept(enough=600))
    assert (outcome.rows, outcome.total_rows, outcome.cut) == (1_000, 2_000, "collector")


@async_test
async def test_a_whole_result_is_not_cut(wire: SnowflakeWire, build: Build) -> None:
    """An exact fit is complete: nothing is cut, the total is known."""
    wire.script("select n", rows_of(10))
    outcome = await build(wire.parameters).run(job("select n", max_rows=10), Kept())
    assert (outcome.rows, outcome.total_rows, outcome.cut) == (10, 10, None)


@async_test
async def test_json_results_are_read(wire: SnowflakeWire, build: Build) -> None:
    """SHOW and DML answer with JSON rows; NULL, numbers, decimals and text come out the same."""
    columns = [
        column("I", "fixed", precision=38, scale=0),
        column("D", "fixed", precision=12, scale=2),
        column("T", "text", length=10),
        column("B", "boolean"),
    ]
    wire.script("show it", Rows(columns, [["1", "2.50", "x", "1"], [None, None, None, None]]))
    kept = Kept()
    await build(wire.parameters).run(job("show it"), kept)
    assert kept.rows == [[1, "2.50", "x", True], [None, None, None, None]]
    assert [c.type for c in kept.columns] == [
        "NUMBER(38,0)",
        "NUMBER(12,2)",
        "VARCHAR(10)",
        "BOOLEAN",
    ]


@async_test
async def test_polls_that_end_empty_handed_go_on(wire: SnowflakeWire, build: Build) -> None:
    """A statement longer than Snowflake's long poll is waited for, not answered as empty."""
    wire.script(SLOW, Waiting(polls=2, then=rows_of(3)))
    kept = Kept()
    await within(Deferred.fromCoroutine(build(wire.parameters).run(job(SLOW), kept)), 5)
    assert kept.rows == [[0], [1], [2]]


@async_test
async def test_cancel_aborts_in_snowflake(wire: SnowflakeWire, build: Build) -> None:
    """Cancelling a running statement aborts it within a second; permit and session come back."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    running = Deferred.fromCoroutine(warehouse.run(job(SLOW), Kept()))
    await until(lambda: wire.count("/result"), 5, "the poll arrives")
    running.cancel()
    taken = await until(lambda: wire.statuses() == ["ABORTED"], 1, "the abort arrives")
    assert taken < 1
    with pytest.raises(CancelledError):
        await running
    assert (lane(warehouse)["running"], pool(warehouse)["leased"]) == (0, 0)
    assert pool(warehouse)["idle"] == 1


@async_test
async def test_cancel_before_submission_sends_nothing(wire: SnowflakeWire, build: Build) -> None:
    """A statement cancelled while it waits for a login or a place never reaches Snowflake."""
    warehouse = build(wire.parameters, max_statements=1)
    wire.script(SLOW, Waiting())
    running = Deferred.fromCoroutine(warehouse.run(job(SLOW), Kept()))
    queued = Deferred.fromCoroutine(warehouse.run(job("select never"), Kept()))
    assert lane(warehouse)["waiting"] == 1
    queued.cancel()
    with pytest.raises(CancelledError):
        await queued
    early = running
    early.cancel()
    with pytest.raises(CancelledError):
        await early
    await until(lambda: lane(warehouse)["running"] == 0, 5, "the thread comes back")
    assert wire.submitted("select never") == []
    assert wire.submitted(SLOW) == []


@async_test
async def test_the_time_limit_aborts(wire: SnowflakeWire, build: Build) -> None:
    """Past its time limit a statement is aborted and the answer names it."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    told = await failure(warehouse, SLOW, timeout_s=0.3)
    assert told.family is Family.TIMEOUT
    assert told.details["aborted"] is True
    assert told.details["query_id"]
    assert wire.statuses() == ["ABORTED"]


@async_test
async def test_a_permit_returns_only_with_its_thread(wire: SnowflakeWire, build: Build) -> None:
    """While Snowflake ignores an abort the place stays taken, though the caller was answered."""
    warehouse = build(wire.parameters, max_statements=1, max_waiting=0)
    wire.script(SLOW, Waiting(polls=1_000, deaf=True))
    running = Deferred.fromCoroutine(warehouse.run(job(SLOW), Kept()))
    await until(lambda: wire.count("/result"), 5, "the poll arrives")
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    # The worker gives up between two polls and leaves the rest to whoever closes the session.
    await until(lambda: lane(warehouse)["running"] == 0, 5, "the thread comes back")
    assert pool(warehouse) | {"closed": 1, "idle": 0, "leased": 0} == pool(warehouse)


@async_test
async def test_a_full_lane_says_busy_at_once(wire: SnowflakeWire, build: Build) -> None:
    """With all places and the queue taken, the next call is told so without waiting."""
    warehouse = build(wire.parameters, max_statements=1, max_waiting=0)
    wire.script(SLOW, Waiting())
    running = Deferred.fromCoroutine(warehouse.run(job(SLOW), Kept()))
    await until(lambda: wire.count("/result"), 5, "the poll arrives")
    told = await failure(warehouse, "select 1")
    assert (told.family, told.retryable) == (Family.BUSY, True)
    running.cancel()
    with pytest.raises(CancelledError):
        await running


@async_test
async def test_random_cancels_leave_nothing_behind(wire: SnowflakeWire, build: Build) -> None:
    """After 50 statements cancelled at random moments no place, session or statement is left."""
    warehouse = build(wire.parameters, max_statements=4, max_waiting=100)
    chance = random.Random(7)
    wire.script(SLOW, *[Waiting() for _ in range(50)])
    jobs = [Deferred.fromCoroutine(warehouse.run(job(SLOW), Kept())) for _ in range(50)]
    for running in jobs:
        await deferLater(clock, chance.random() * 0.01)
        running.cancel()
        with pytest.raises(CancelledError):
            await running
    await until(lambda: lane(warehouse)["running"] == 0, 5, "all threads come back")
    assert (lane(warehouse)["waiting"], pool(warehouse)["leased"]) == (0, 0)
    assert warehouse.snapshot()["threads"] == {"busy": 0, "max": 4}
    assert set(wire.statuses()) <= {"ABORTED"}


@async_test
async def test_finish_and_cancel_have_one_outcome(wire: SnowflakeWire, build: Build) -> None:
    """However a cancel meets the end of a statement, the caller gets one outcome, and no leak."""
    warehouse = build(wire.parameters)
    ended = {"result": 0, "cancelled": 0}
    for number in range(40):
        running = Deferred.fromCoroutine(warehouse.run(job("select 1"), Kept()))
        clock.callLater(0.0004 * number, running.cancel)
        try:
            outcome = await running
            assert outcome.rows == 1
            ended["result"] += 1
        except CancelledError:
            ended["cancelled"] += 1
    assert sum(ended.values()) == 40
    await until(lambda: lane(warehouse)["running"] == 0, 5, "threads")
    assert pool(warehouse)["leased"] == 0


@async_test
async def test_principals_never_share_a_session(wire: SnowflakeWire, build: Build) -> None:
    """Each principal and each context has its own sessions; the same one is used again."""
    warehouse = build(wire.parameters)
    for principal, database in (("ann", None), ("bob", None), ("ann", "Sales"), ("ann", None)):
        await warehouse.run(job("select 1", principal=principal, database=database), Kept())
    assert (pool(warehouse)["opened"], pool(warehouse)["idle"]) == (3, 3)


@async_test
@pytest.mark.parametrize("code", ["390111", "390114", "390195"])
async def test_an_expired_session_is_replaced_once(
    code: str, wire: SnowflakeWire, build: Build
) -> None:
    """An ended session is dropped and the read runs again on a new one, once."""
    warehouse = build(wire.parameters)
    wire.script("select 1", Failing(code))
    kept = Kept()
    await warehouse.run(job("select 1"), kept)
    assert (kept.rows, pool(warehouse)["opened"], pool(warehouse)["closed"]) == ([[1]], 2, 1)
    wire.script("select 1", Failing(code), Failing(code))
    told = await failure(warehouse, "select 1")
    assert (told.family, told.retryable) == (Family.UNAVAILABLE, True)


@async_test
async def test_a_write_is_not_sent_again(wire: SnowflakeWire, build: Build) -> None:
    """On an ended session a statement that must run once fails instead of running anew."""
    warehouse = build(wire.parameters)
    wire.script("select 1", Failing("390114"))
    with pytest.raises(ToolFailure) as told:
        await warehouse.run(job("select 1", once=True), Kept())
    assert told.value.family is Family.UNAVAILABLE
    assert (pool(warehouse)["opened"], pool(warehouse)["closed"]) == (1, 1)


@async_test
async def test_refused_logins_do_not_storm(wire: SnowflakeWire, build: Build) -> None:
    """Ten calls with wrong credentials are one login; later calls and probes ask nothing."""
    wire.refuse_logins = "390100"
    warehouse = build(wire.parameters)
    calls = [Deferred.fromCoroutine(failure(warehouse, "select 1")) for _ in range(10)]
    told = [await call for call in calls]
    assert {one.family for one in told} == {Family.AUTH}
    assert (await failure(warehouse, "select 1")).family is Family.AUTH
    ready, why = await warehouse.check()
    assert not ready
    assert "next login" in why
    assert wire.count("login-request") == 1
    assert not any("hunter2" in one.message or "127.0.0.1" in one.message for one in told)


@async_test
@pytest.mark.parametrize(
    ("failing", "family"),
    [
        (Failing("001003", "syntax error", "42000"), Family.SYNTAX),
        (Failing("002003", "no such table", "42S02"), Family.MISSING_OBJECT),
        (Failing("003001", "not allowed", "42501"), Family.FORBIDDEN),
        (Failing("000630", "too long", "57014"), Family.TIMEOUT),
        (Failing("000604", "cancelled elsewhere", "57014"), Family.CANCELLED),
        (Failing("100035", "no timestamp", "22007"), Family.STATEMENT),
    ],
)
@pytest.mark.parametrize("at_submit", [True, False])
async def test_statement_errors_keep_the_session(
    failing: Failing, family: Family, at_submit: bool, wire: SnowflakeWire, build: Build
) -> None:
    """A failing statement is told by its kind with its number, and its session stays in use."""
    warehouse = build(wire.parameters)
    wire.script("select x", replace(failing, at_submit=at_submit))
    told = await failure(warehouse, "select x")
    assert (told.family, told.message) == (family, failing.message)
    assert told.details["errno"] == int(failing.code)
    assert pool(warehouse)["idle"] == 1


@async_test
async def test_a_broken_answer_discards_the_session(wire: SnowflakeWire, build: Build) -> None:
    """An answer that is no JSON leaves the session in doubt: it is closed, not used again."""
    warehouse = build(wire.parameters)
    wire.script("select x", *[Faulty(status=404) for _ in range(9)])
    told = await failure(warehouse, "select x")
    assert (told.family, told.retryable) == (Family.UNAVAILABLE, True)
    await until(lambda: pool(warehouse)["leased"] == 0, 5, "the session is dropped")
    assert pool(warehouse)["idle"] == 0


@async_test
async def test_an_unreachable_endpoint_is_told_quickly(wire: SnowflakeWire, build: Build) -> None:
    """Nothing listens: the call fails within the login's limit, the next ones at once."""
    parameters = wire.parameters
    await wire.stop()
    warehouse = build(parameters, login_timeout_s=3.0)
    told = await within(Deferred.fromCoroutine(failure(warehouse, "select 1")), 10)
    assert (told.family, told.retryable) == (Family.UNAVAILABLE, True)
    again = await within(Deferred.fromCoroutine(failure(warehouse, "select 1")), 0.1)
    assert again.details["next_login_s"] <= 1.5


@async_test
async def test_a_fault_of_the_collector_is_not_snowflakes(
    wire: SnowflakeWire, build: Build
) -> None:
    """What the collector raises reaches the caller as it is."""

    class Broken(Kept):
        def finish(self) -> Any:
            raise LookupError("ours")

    warehouse = build(wire.parameters)
    with pytest.raises(LookupError, match="ours"):
        await warehouse.run(job("select 1"), Broken())
    assert (lane(warehouse)["running"], pool(warehouse)["leased"]) == (0, 0)


@async_test
async def test_stop_is_bounded_with_a_running_statement(wire: SnowflakeWire, build: Build) -> None:
    """Stopping aborts what runs, answers its caller and ends within its limit."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting())
    running = Deferred.fromCoroutine(failure(warehouse, SLOW))
    await until(lambda: wire.count("/result"), 5, "the poll arrives")
    await within(Deferred.fromCoroutine(warehouse.stop(3.0)), 3.5)
    told = await within(running, 0.5)
    assert (told.family, told.details["aborted"]) == (Family.UNAVAILABLE, True)
    assert wire.statuses() == ["ABORTED"]
    assert (await failure(warehouse, "select 1")).family is Family.UNAVAILABLE
    assert wire.count("/session") >= 2


@async_test
async def test_stop_does_not_wait_for_a_stuck_thread(wire: SnowflakeWire, build: Build) -> None:
    """A driver call that never returns is left behind when the limit is over."""
    warehouse = build(wire.parameters)
    wire.script(SLOW, Waiting(deaf=True))
    running = Deferred.fromCoroutine(failure(warehouse, SLOW))
    await until(lambda: wire.count("/result"), 5, "the poll arrives")
    await within(Deferred.fromCoroutine(warehouse.stop(0.6)), 1.0)
    assert warehouse.snapshot()["threads"] == {"busy": 1, "max": 16}
    assert (await within(running, 3)).details["aborted"] is False


@async_test
async def test_check_logs_in_once_and_is_cached(wire: SnowflakeWire, build: Build) -> None:
    """Probes share one login, and ask nothing for a while afterwards; no statement runs."""
    warehouse = build(wire.parameters)
    probes = [Deferred.fromCoroutine(warehouse.check()) for _ in range(5)]
    assert [await probe for probe in probes] == [(True, "logged in")] * 5
    assert (await warehouse.check())[0]
    assert wire.count("login-request") == 1
    assert wire.count("query-request") == 0


@async_test
async def test_progress_is_told_about_once_a_second(wire: SnowflakeWire, build: Build) -> None:
    """A caller who asks learns the state and the seconds while a statement runs."""
    told: list[tuple[str, float]] = []
    wire.script(SLOW, Waiting())
    running = Deferred.fromCoroutine(
        build(wire.parameters).run(
            job(SLOW, on_progress=lambda status, elapsed_s: told.append((status, elapsed_s))),
            Kept(),
        )
    )
    await until(lambda: len(told) == 3, 5, "three reports")
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    assert {status for status, _ in told} == {"running"}
    assert [round(elapsed_s) for _, elapsed_s in told] == [1, 2, 3]


@async_test
async def test_the_server_cannot_make_the_driver_move_files(
    wire: SnowflakeWire, build: Build
) -> None:
    """An answer that asks for an upload is refused or ignored; no file is opened."""
    asked = Rows(
        [column("X", "text", length=1)],
        [["x"]],
        extra={
            "command": "UPLOAD",
            "src_locations": ["/etc/passwd"],
            "stageInfo": {"locationType": "LOCAL_FS", "location": "/nonexistent", "path": "p"},
        },
    )
    wire.script("select x", asked)
    warehouse = build(wire.parameters)
    kept = Kept()
    try:
        await within(Deferred.fromCoroutine(warehouse.run(job("select x"), kept)), 10)
    except ToolFailure:
        return
    assert kept.rows == [["x"]]


@async_test
async def test_arrow_reaches_us_unconverted(wire: SnowflakeWire, build: Build) -> None:
    """Zone offsets, nanoseconds and far years survive the driver; the session's zone is used."""
    stamp = pa.struct([("epoch", pa.int64()), ("fraction", pa.int32()), ("timezone", pa.int32())])
    local = pa.struct([("epoch", pa.int64()), ("fraction", pa.int32())])
    cells = [
        ("TZ", "timestamp_tz", 9, stamp, {"epoch": 0, "fraction": 7, "timezone": 1_500}),
        ("LTZ", "timestamp_ltz", 9, local, {"epoch": 0, "fraction": 0}),
        ("NTZ", "timestamp_ntz", 9, local, {"epoch": 253_402_300_800, "fraction": 1}),
        ("D", "date", None, pa.date32(), None),
        ("N", "fixed", 2, pa.int32(), 1_250),
        ("V", "variant", None, pa.string(), "[1]"),
    ]
    fields = [
        pa.field(name, arrow_type, metadata={"logicalType": kind.upper(), "scale": str(scale or 0)})
        for name, kind, scale, arrow_type, _ in cells
    ]
    arrays = [pa.array([value], arrow_type) for _, _, _, arrow_type, value in cells]
    columns = [column(name, kind, scale=scale, precision=38) for name, kind, scale, _, _ in cells]
    batch = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
    wire.script("select all", Rows(columns, batch))
    kept = Kept()
    await build(wire.parameters).run(job("select all"), kept)
    assert kept.rows == [
        [
            "1970-01-01T01:00:00.000000007+01:00",
            "1970-01-01T01:00:00+01:00",
            "10000-01-01T00:00:00.000000001",
            None,
            "12.50",
            [1],
        ]
    ]
    types = [c.type for c in kept.columns]
    assert types[:3] == ["TIMESTAMP_TZ(9)", "TIMESTAMP_LTZ(9)", "TIMESTAMP_NTZ(9)"]


@async_test
async def test_an_account_without_parameters_is_unavailable(build: Build) -> None:
    """While there is nothing to log in to, calls say why, and a later one tries again."""
    warehouse = build({})
    answers: list[Any] = [
        RuntimeError("the demo warehouse restarts"),
        ToolFailure(Family.AUTH, "no"),
    ]

    async def parameters() -> Any:
        raise answers.pop(0)

    warehouse._sessions.own.account.parameters = parameters  # type: ignore[method-assign]
    told = await failure(warehouse, "select 1")
    assert (told.family, told.message) == (Family.UNAVAILABLE, "the demo warehouse restarts")
    assert (await failure(warehouse, "select 1")).family is Family.AUTH
    assert (lane(warehouse)["running"], answers) == (0, [])


@async_test
async def test_a_warehouse_that_never_started_stops(wire: SnowflakeWire) -> None:
    """Stopping is safe when the start failed half way: nothing is logged in, nothing hangs."""
    warehouse = Warehouse(clock, Accounts(FixedAccount(wire.parameters)), PoolSettings(), Metrics())
    await within(Deferred.fromCoroutine(warehouse.stop(1.0)), 1.0)
    assert warehouse.snapshot()["threads"] == {"busy": 0, "max": 16}
