"""The warehouse through the real connector against the demo warehouse: values, paging, aborts."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse import connect, queries
from snowflake_mcp.warehouse.results import JsonValue
from snowflake_mcp.warehouse.service import Warehouse
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.threads import Threads
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.waiting import async_test, clock, job, until

Build = Callable[..., Warehouse]


async def query_id_of(warehouse: Warehouse, statement: Job) -> tuple[Deferred[Any], str]:
    """Start a statement and wait for its query id."""
    running = Deferred.fromCoroutine(warehouse.run(statement, Kept()))
    runs = list(warehouse._runs)
    await until(lambda: runs[0].query_id, 5, "the statement is accepted")
    return running, str(runs[0].query_id)


@pytest.mark.parametrize(
    ("expression", "type_", "value"),
    [
        ("1::number(38,0)", "NUMBER(38,0)", 1),
        ("9007199254740991::number(38,0)", "NUMBER(38,0)", 9007199254740991),
        ("9007199254740992::number(38,0)", "NUMBER(38,0)", "9007199254740992"),
        ("-9007199254740992::number(38,0)", "NUMBER(38,0)", "-9007199254740992"),
        ("12.5::number(12,2)", "NUMBER(12,2)", "12.50"),
        ("-0.05::number(12,2)", "NUMBER(12,2)", "-0.05"),
        ("1.5::float", "FLOAT", 1.5),
        ("'NaN'::float", "FLOAT", "NaN"),
        ("'-inf'::float", "FLOAT", "-Infinity"),
        ("true", "BOOLEAN", True),
        ("'2026-01-31'::date", "DATE", "2026-01-31"),
        ("'12:34:56.789'::time", "TIME(9)", "12:34:56.789"),
        ("'2026-01-31 12:34:56'::timestamp_ntz", "TIMESTAMP_NTZ(9)", "2026-01-31T12:34:56"),
        (
            "'2026-01-31 12:34:56.120'::timestamp_ntz",
            "TIMESTAMP_NTZ(9)",
            "2026-01-31T12:34:56.12",
        ),
        ("'naïve ☃'", None, "naïve ☃"),
        ("parse_json('{\"a\":[1,null]}')", "VARIANT", {"a": [1, None]}),
        ("null::number(12,2)", "NUMBER(12,2)", None),
        ("null::varchar", None, None),
        ("null::timestamp_ntz", "TIMESTAMP_NTZ(9)", None),
        ("null::date", "DATE", None),
    ],
)
@async_test
async def test_values(
    expression: str,
    type_: str | None,
    value: JsonValue,
    demo: dict[str, object],
    build: Build,
) -> None:
    """A value comes out as docs/results.md says, with its column's type."""
    kept = Kept()
    await build(demo).run(job(f"select {expression} as v"), kept)
    assert kept.rows == [[value]]
    assert kept.columns[0].name == "V"
    assert type_ in {None, kept.columns[0].type}


@async_test
async def test_a_thousand_rows_and_a_cut(demo: dict[str, object], build: Build) -> None:
    """1,000 of many rows arrive in order in small slices, and the outcome says it was cut."""
    kept = Kept()
    outcome = await build(demo).run(
        job("select order_id from demo.sales.orders order by 1", max_rows=1_000), kept
    )
    assert [row[0] for row in kept.rows] == sorted(row[0] for row in kept.rows)  # type: ignore[type-var]
    assert (outcome.rows, outcome.cut, len(kept.rows)) == (1_000, "rows", 1_000)
    assert outcome.total_rows is None or outcome.total_rows > 1_000
    assert max(kept.slices) <= 500


@async_test
async def test_an_empty_result_has_columns(demo: dict[str, object], build: Build) -> None:
    """No rows: the columns are still described and nothing is cut."""
    kept = Kept()
    outcome = await build(demo).run(job("select 1 as a where false"), kept)
    assert ([c.name for c in kept.columns], kept.rows) == (["A"], [])
    assert (outcome.rows, outcome.total_rows, outcome.cut) == (0, 0, None)


@async_test
async def test_cancel_ends_the_statement_there(demo: dict[str, object], build: Build) -> None:
    """Within a second of a cancel Snowflake itself says of the statement that it was cancelled."""
    warehouse = build(demo)
    running, query_id = await query_id_of(warehouse, job("select system$wait(30)"))
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    threads = Threads(clock, "test", 1)
    threads.start()

    def look() -> str:
        connection = connect.open_session(demo, connect.Bounds(10, 10))
        try:
            return queries.status(connection, query_id)
        finally:
            connect.close(connection)

    asked = clock.seconds()
    while (status := await threads.run(look)) == "running":
        assert clock.seconds() - asked < 1
    await threads.stop(5)
    assert status == "cancelled"
    assert warehouse.snapshot()["lane"]["running"] == 0  # type: ignore[index]


@async_test
async def test_a_missing_table(demo: dict[str, object], build: Build) -> None:
    """Snowflake's message reaches the caller with a hint, the id and the number."""
    with pytest.raises(ToolFailure) as caught:
        await build(demo).run(job("select * from nowhere"), Kept())
    told = caught.value
    assert told.family is Family.MISSING_OBJECT
    assert "NOWHERE" in told.message
    assert "sfqid" not in told.message
    assert (told.details["errno"], told.details["sqlstate"]) == (2003, "42S02")
    assert told.details["query_id"]


@async_test
async def test_only_one_statement(demo: dict[str, object], build: Build) -> None:
    """Two statements in one text are refused by Snowflake itself, whatever the account allows."""
    with pytest.raises(ToolFailure) as caught:
        await build(demo).run(job("select 1; select 2"), Kept())
    assert caught.value.family is Family.REFUSED


@async_test
async def test_the_context_of_a_job(demo: dict[str, object], build: Build) -> None:
    """Database and schema of a job resolve its unqualified names."""
    kept = Kept()
    statement = job("select current_schema()", database="DEMO", schema="FINANCE")
    await build(demo).run(statement, kept)
    assert kept.rows == [["FINANCE"]]


@async_test
async def test_a_heartbeat_keeps_a_check_cheap(demo: dict[str, object], build: Build) -> None:
    """The probe's own session is asked again when what is known has become old."""
    warehouse = build(demo)
    assert await warehouse.check() == (True, "logged in")
    readiness = warehouse._readiness
    readiness._answer = None
    for session in warehouse._sessions.pool._idle:
        session.used_at -= 120
    assert await warehouse.check() == (True, "Snowflake answered a heartbeat")
    assert warehouse.snapshot()["pool"]["opened"] == 1  # type: ignore[index]
