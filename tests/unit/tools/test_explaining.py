"""The tool that shows a query's plan: numbers, operations, advice; nothing is run."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.tools.explaining import advice
from snowflake_mcp.tools.plans import Operation, Plan
from tests.unit.policy.support import DirectGate
from tests.unit.tools.fakes import (
    Reply,
    asynchronous,
    body,
    columns,
    conforming,
    context,
    registry,
    shown,
)

QUERY = {"query": "SELECT a FROM t"}
EXPLAIN = "EXPLAIN USING JSON "


def plan(*operations: Mapping[str, Any], partitions: int = 3, total: int = 12) -> Reply:
    """What EXPLAIN USING JSON gives."""
    stats = {
        "partitionsTotal": total,
        "partitionsAssigned": partitions,
        "bytesAssigned": 4_500_000,
    }
    whole = {"GlobalStats": stats, "Operations": [list(operations)]}
    return Reply(columns("content"), [[json.dumps(whole)]])


def scan(name: str = "D.S.T", partitions: int = 60, total: int = 60, **more: Any) -> Operation:
    """A table that is read."""
    return Operation(
        "TableScan",
        objects=[name],
        partitions_assigned=partitions,
        partitions_total=total,
        bytes_assigned=partitions * 16_000_000,
        **more,
    )


def advised(*operations: Operation) -> str:
    """The advice about a plan of these operations."""
    return "\n".join(advice(Plan(1, 1, 1, operations)))


@asynchronous
async def test_a_plan_is_told_in_numbers_operations_and_advice() -> None:
    """The numbers of the whole, each operation in short, and nothing but EXPLAIN is sent."""
    reply = plan(
        {"id": 0, "operation": "Result", "expressions": ["T.A"]},
        {"id": 1, "operation": "CartesianJoin", "parentOperators": [0], "joinKey": "x"},
        {"id": 2, "operation": "TableScan", "parent": 1, "objects": ["D.S.T"], "alias": "X"},
    )
    tools, warehouse = registry({EXPLAIN: reply}, gate=DirectGate())
    result = await tools.call("explain_query", {**QUERY, "database": "d"}, context())
    answer = conforming(tools, "explain_query", result)
    assert warehouse.sql == [EXPLAIN + "SELECT a FROM t"]
    assert warehouse.jobs[0].database == "D"
    assert (answer["partitions"], answer["partitions_total"]) == (3, 12)
    assert answer["bytes"] == 4_500_000
    assert answer["operations"] == [
        {"id": 0, "operation": "Result", "detail": "T.A"},
        {"id": 1, "operation": "CartesianJoin", "parent": 0, "detail": "x"},
        {"id": 2, "operation": "TableScan", "parent": 1, "object": "D.S.T"},
    ]
    assert answer["advice"][0].startswith("A cartesian join")
    text = shown(result)
    assert text.startswith(
        "Reads at most 3 of 12 partitions, 4.5 MB; 3 operations. Nothing was run.\n"
    )
    assert "\nAdvice:\n- A cartesian join" in text


@asynchronous
async def test_the_budget_is_told_before_it_refuses() -> None:
    """A plan over the budget is shown, with what the budget says of it."""
    tools, _ = registry(
        {EXPLAIN: plan()}, gate=DirectGate(), policy=PolicySettings(max_scan_partitions=2)
    )
    result = await tools.call("explain_query", QUERY, context())
    (line,) = body(result)["advice"]
    assert line.startswith("This query would read up to 3 partitions (limit 2). This server's")


@pytest.mark.parametrize(
    "query",
    ["SHOW TABLES", "EXPLAIN SELECT 1", "VALUES (1)", "SELECT 1 ->> SELECT * FROM $1"],
)
@asynchronous
async def test_only_one_query_has_a_plan(query: str) -> None:
    """EXPLAIN of a chain would run its later steps; of others there is nothing to tell."""
    tools, warehouse = registry({}, gate=DirectGate())
    result = await tools.call("explain_query", {"query": query}, context())
    assert result.failure is not None
    assert result.failure.family is Family.INVALID_ARGUMENT
    assert warehouse.jobs == []


@asynchronous
async def test_what_may_not_be_run_is_not_explained() -> None:
    """The gate judges it first; a plan would tell of what is denied."""
    tools, warehouse = registry(
        {}, gate=DirectGate(), policy=PolicySettings(deny_objects=("D.SECRET.*",))
    )
    for query in ("DELETE FROM t", "SELECT * FROM d.secret.pay"):
        result = await tools.call("explain_query", {"query": query}, context())
        assert result.failure is not None
        assert result.failure.family is Family.REFUSED
    assert warehouse.jobs == []


@pytest.mark.parametrize("content", ["no plan", '{"Operations": []}', None])
@asynchronous
async def test_a_plan_of_another_form_is_a_failure(content: str | None) -> None:
    """With a way to see it all the same."""
    tools, _ = registry({EXPLAIN: Reply(columns("content"), [[content]])}, gate=DirectGate())
    result = await tools.call("explain_query", QUERY, context())
    assert result.failure is not None
    assert "EXPLAIN in execute_query" in shown(result)


@asynchronous
async def test_what_snowflake_says_of_the_query_is_told() -> None:
    """An unknown name comes with where to look."""
    gone = ToolFailure(Family.MISSING_OBJECT, "no T")
    tools, _ = registry({EXPLAIN: gone}, gate=DirectGate())
    result = await tools.call("explain_query", QUERY, context())
    assert "no T" in shown(result)
    assert "list_tables" in shown(result)


@asynchronous
async def test_a_long_plan_and_a_strange_one_are_cut_to_size() -> None:
    """Of many operations the first are given; one of another form keeps its name."""
    many = [{"id": at, "operation": "Filter", "expressions": ["x" * 900]} for at in range(300)]
    strange = {"id": "first", "operation": "External", "objects": 5}
    tools, _ = registry({EXPLAIN: plan(strange, *many)}, gate=DirectGate())
    result = await tools.call("explain_query", QUERY, context())
    answer = conforming(tools, "explain_query", result)
    assert (answer["row_count"], answer["truncated_by"]) == (200, "rows")
    assert answer["operations"][0] == {"id": 0, "operation": "External"}
    assert len(answer["operations"][1]["detail"]) == 300
    assert "301 operations" in shown(result)


@pytest.mark.parametrize(
    ("operations", "said"),
    [
        ([Operation("CartesianJoin")], "cartesian join"),
        ([Operation("Filter"), scan()], "D.S.T is read whole, all 60 partitions, 960 MB"),
        ([scan(partitions=59)], "Nothing filters"),
        ([scan(expressions=["C"] * 20, partitions=1, total=1)], "20 columns of D.S.T are read"),
        ([Operation("Sort"), scan(partitions=1, total=1)], "The whole result is sorted"),
    ],
)
def test_advice_comes_from_the_plan(operations: list[Operation], said: str) -> None:
    """Each weakness that a plan shows is named, with what would mend it."""
    assert said in advised(*operations)


@pytest.mark.parametrize(
    "operations",
    [
        [],
        [scan(partitions=1, total=1)],
        [Operation("Filter"), scan(partitions=2)],
        [Operation("Aggregate"), scan(partitions=2, expressions=["A"])],
        [Operation("SortWithLimit"), Operation("InnerJoin"), scan(partitions=2)],
        [Operation("Sort"), Operation("Limit")],
    ],
)
def test_a_good_plan_has_no_advice(operations: list[Operation]) -> None:
    """What reads little, or prunes and narrows, is left in peace."""
    assert advised(*operations) == ""
