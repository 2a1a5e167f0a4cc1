"""The budget: what a query would read is asked before it runs; a day's use is counted."""

import json
from typing import Any

import pytest
from msgspec import structs

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.policy.ledger import Ledger
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.inputs import InputRequired
from snowflake_mcp.tools.registry import Registry
from snowflake_mcp.warehouse.standing import Standing, StillRunningError
from snowflake_mcp.warehouse.statement import Job
from tests.unit.policy.support import DirectGate
from tests.unit.tools.fakes import (
    FakeWarehouse,
    Reply,
    asynchronous,
    columns,
    context,
    registry,
    shown,
)

QUERY = {"query": "SELECT a FROM t"}
YES: dict[str, Any] = {"confirm": {"action": "accept", "content": {"confirm": True}}}


def plan(partitions: int, scan_bytes: int) -> Reply:
    """What EXPLAIN USING JSON gives."""
    stats = {
        "partitionsTotal": 9_999,
        "partitionsAssigned": partitions,
        "bytesAssigned": scan_bytes,
    }
    return Reply(columns("content"), [[json.dumps({"GlobalStats": stats, "Operations": [[]]})]])


def priced(
    reply: Reply | Exception, ledger: Ledger | None = None, **policy: Any
) -> tuple[Registry, FakeWarehouse]:
    """Tools over a warehouse whose every plan is ``reply``."""
    return registry(
        {"EXPLAIN USING JSON ": reply, "S": Reply(columns("A"), [["1"]])},
        gate=DirectGate(),
        policy=PolicySettings(**policy),
        ledger=ledger,
    )


def asking(**answers: Any) -> RequestContext:
    made = context(answers=answers)
    made.facts = structs.replace(made.facts, capabilities={"elicitation": {}})
    return made


@asynchronous
async def test_without_a_limit_nothing_is_asked() -> None:
    """No budget, no EXPLAIN."""
    tools, warehouse = priced(plan(1, 1))
    await tools.call("execute_query", QUERY, context())
    assert warehouse.sql == ["SELECT a FROM t"]


@asynchronous
async def test_a_submission_is_held_to_the_same() -> None:
    """The budget cannot be gone round by submit_query."""
    tools, warehouse = priced(plan(11, 1), max_scan_partitions=10)
    over = await tools.call("submit_query", QUERY, context())
    assert over.failure is not None
    assert over.failure.family is Family.LIMIT
    assert warehouse.sql == ["EXPLAIN USING JSON SELECT a FROM t"]


@asynchronous
async def test_a_query_within_the_limits_runs() -> None:
    """Its plan is asked first, in the same session; at the limit it still runs."""
    tools, warehouse = priced(plan(10, 2_000), max_scan_partitions=10, max_scan_bytes=2_000)
    result = await tools.call("execute_query", {**QUERY, "database": "d"}, context())
    assert result.failure is None
    assert warehouse.sql == ["EXPLAIN USING JSON SELECT a FROM t", "SELECT a FROM t"]
    assert [job.database for job in warehouse.jobs] == ["D", "D"]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"max_scan_partitions": 10}, "11 partitions (limit 10)"),
        ({"max_scan_bytes": 2_000_000}, "3.1 MB (limit 2 MB)"),
        (
            {"max_scan_partitions": 1, "max_scan_bytes": 1},
            "11 partitions (limit 1) and 3.1 MB (limit 1 bytes)",
        ),
    ],
)
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("execute_query", QUERY),
        ("query_view", {"database": "d", "schema": "s", "view_name": "v"}),
    ],
)
@asynchronous
async def test_a_query_over_a_limit_is_refused(
    tool: str, arguments: dict[str, Any], policy: dict[str, Any], said: str
) -> None:
    """With the numbers, the limits and what to do; nothing but EXPLAIN was run."""
    tools, warehouse = priced(plan(11, 3_100_000), **policy)
    result = await tools.call(tool, arguments, context())
    assert result.failure is not None
    assert result.failure.family is Family.LIMIT
    assert said in shown(result)
    assert "Filter" in shown(result)
    assert len(warehouse.jobs) == 1


@asynchronous
async def test_the_user_may_let_it_run() -> None:
    """With over_budget = ask the user decides; a client that cannot ask is refused."""
    tools, warehouse = priced(plan(11, 5), max_scan_partitions=10, over_budget="ask")
    with pytest.raises(InputRequired) as asked:
        await tools.call("execute_query", QUERY, asking())
    assert "11 partitions" in asked.value.questions["confirm"].params["message"]
    await tools.call("execute_query", QUERY, asking(**YES))
    assert warehouse.sql[-1] == "SELECT a FROM t"
    old = context()
    old.facts = structs.replace(old.facts, version="2025-11-25")
    result = await tools.call("execute_query", QUERY, old)
    assert "11 partitions" in shown(result)
    assert "Nothing was run." in shown(result)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(columns("content"), []),
        Reply(columns("content"), [["no plan"]]),
        Reply(columns("content"), [[None]]),
        Reply(columns("content"), [['{"GlobalStats": {"partitionsAssigned": "many"}}']]),
    ],
)
@asynchronous
async def test_no_estimate_no_query(reply: Reply) -> None:
    """What a query reads has to be known where there is a budget."""
    tools, warehouse = priced(reply, max_scan_bytes=10)
    result = await tools.call("execute_query", QUERY, context())
    assert "no estimate" in shown(result)
    assert len(warehouse.jobs) == 1


@asynchronous
async def test_a_failing_plan_is_the_failure_of_the_query() -> None:
    """What Snowflake says of the plan it would say of the query."""
    tools, _ = priced(ToolFailure(Family.MISSING_OBJECT, "no T"), max_scan_bytes=10)
    result = await tools.call("execute_query", QUERY, context())
    assert "no T" in shown(result)


@asynchronous
async def test_a_chain_is_never_explained() -> None:
    """EXPLAIN would run its other steps."""
    tools, warehouse = priced(plan(1, 1), max_scan_bytes=10)
    chain = {"query": "SELECT a FROM t ->> SELECT * FROM $1"}
    result = await tools.call("execute_query", chain, context())
    assert "chain" in shown(result)
    assert warehouse.jobs == []


@pytest.mark.parametrize("query", ["SHOW TABLES", "DESCRIBE TABLE t", "EXPLAIN SELECT 1"])
@asynchronous
async def test_the_catalog_costs_nothing(query: str) -> None:
    """Statements that read no tables are not estimated."""
    tools, warehouse = priced(plan(99, 99), max_scan_bytes=10)
    warehouse.replies = {query[:4]: Reply(columns("A"), [])}
    await tools.call("execute_query", {"query": query}, context())
    assert warehouse.sql == [query]


@asynchronous
async def test_a_days_use_is_counted_and_ends() -> None:
    """Statements, seconds and estimated bytes of every tool; then nothing is sent any more."""
    ledger = Ledger(lambda: 0.0)
    tools, warehouse = priced(plan(1, 100), ledger, daily_statements=4, daily_scan_bytes=150)
    request = context()
    warehouse.during = lambda _: request.clock.advance(2.0)  # type: ignore[attr-defined]  # a Clock
    await tools.call("execute_query", QUERY, request)
    page = ledger.used_today("local")
    assert (page.statements, page.seconds, page.scan_bytes) == (2, 4.0, 100)
    result = await tools.call("execute_query", QUERY, request)
    assert "200 of 150 bytes" in shown(result)
    assert (await tools.call("list_databases", {}, request)).failure is None
    result = await tools.call("list_databases", {}, request)
    assert result.failure is not None
    assert (result.failure.family, result.failure.retryable) == (Family.LIMIT, True)
    assert "Today's allowance is used up: 4 of 4 statements." in shown(result)
    assert "Go on after 00:00 UTC, or ask the operator; the setting is policy.daily" in shown(
        result
    )
    assert result.failure.details == {"limit": "daily_statements", "retry_after_s": 86_401}
    assert len(warehouse.jobs) == 4


@asynchronous
async def test_an_hours_use_ends_by_itself() -> None:
    """The estimate is asked for it, and the query that does not fit is not sent."""
    tools, warehouse = priced(plan(1, 100), Ledger(lambda: 0.0), hourly_scan_bytes=150)
    request = context()
    assert (await tools.call("execute_query", QUERY, request)).failure is None
    result = await tools.call("execute_query", QUERY, request)
    assert "This hour's allowance does not suffice for this query: 200 of 150" in shown(result)
    assert "policy.hourly_scan_bytes" in shown(result)
    assert len(warehouse.jobs) == 3


@asynchronous
async def test_what_outlives_its_call_is_used_until_its_end() -> None:
    """The call books the time until it is answered, the end of the statement the rest."""
    ledger = Ledger(lambda: 0.0)
    tools, warehouse = priced(plan(1, 1), ledger)
    request = context()
    running = Standing("01", "running", 2.0)

    def hand_over(_: Job) -> None:
        request.clock.advance(2.0)  # type: ignore[attr-defined]  # a Clock
        raise StillRunningError(running)

    warehouse.during = hand_over
    await tools.call("submit_query", {"query": "SELECT 1"}, request)
    assert ledger.used_today("local").seconds == 2.0
    request.clock.advance(10.0)  # type: ignore[attr-defined]  # a Clock
    assert ledger.used_today("local").seconds == 12.0
    request.clock.advance(40.0)  # type: ignore[attr-defined]  # a Clock
    (job,) = warehouse.jobs
    assert job.on_end is not None
    job.on_end("01", "success")
    used = ledger.used_today("local")
    assert (used.statements, used.seconds) == (1, 52.0)
    request.clock.advance(10.0)  # type: ignore[attr-defined]  # a Clock
    assert ledger.used_today("local").seconds == 52.0
    assert request.trail.query_ids["01"] == "success"
