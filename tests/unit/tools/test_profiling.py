"""The tools that show what data is like: figures of a table's columns, and random rows."""

from typing import Any

import pytest

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.tools import profiling
from tests.unit.tools.fakes import (
    FakeWarehouse,
    Reply,
    asynchronous,
    body,
    columns,
    conforming,
    context,
    registry,
    shown,
)
from tests.unit.tools.test_demo import Endpoint, ask, demo, endpoint

__all__ = ["endpoint"]

TABLE = {"database": "d", "schema": "s", "table": "t"}
DESCRIBED = columns("name", "type", "kind")


def profiled(
    figures: list[Any],
    described: list[list[Any]],
    rows: int | None = 10,
    **policy: Any,
) -> tuple[Any, FakeWarehouse]:
    """Tools over a table of these columns whose statement of figures gives this row."""
    listed: list[list[Any]] = [] if rows is None else [["T", rows], ["T2", 5]]
    return registry(
        {
            "DESCRIBE TABLE ": Reply(DESCRIBED, described),
            "SHOW TABLES ": Reply(columns("name", "rows"), listed),
            "SELECT ": Reply(columns(*(str(at) for at in range(len(figures)))), [figures]),
        },
        policy=PolicySettings(**policy),
    )


@asynchronous
async def test_figures_of_all_columns_come_from_one_statement() -> None:
    """Names are quoted, long texts are cut there, and each type has the figures that it can."""
    tools, warehouse = profiled(
        [
            10,
            9,
            3,
            "a",
            "z",
            [["a", 7], ["z", 1]],
            10,
            2,
            None,
            None,
            '[["true", 10]]',
            10,
            10,
            None,
            None,
            None,
        ],
        [
            ["ID", "VARCHAR(20)", "COLUMN"],
            ["is it", "BOOLEAN", "COLUMN"],
            ["B", "BINARY(8)", "COLUMN"],
            ["V", "VARIANT", "COLUMN"],
            ["X", "NUMBER(1,0)", "VIRTUAL"],
        ],
    )
    result = await tools.call("profile_table", TABLE, context())
    answer = conforming(tools, "profile_table", result)
    assert warehouse.sql[0] == 'DESCRIBE TABLE "D"."S"."T"'
    assert warehouse.sql[1] == """SHOW TABLES IN SCHEMA "D"."S" STARTS WITH 'T' LIMIT 100"""
    assert warehouse.sql[2] == (
        "SELECT COUNT(*), COUNT(C0), APPROX_COUNT_DISTINCT(C0), MIN(LEFT(C0, 100)), "
        "MAX(LEFT(C0, 100)), APPROX_TOP_K(LEFT(C0, 100), 5), COUNT(C1), "
        "APPROX_COUNT_DISTINCT(C1), NULL, NULL, APPROX_TOP_K(TO_VARCHAR(C1), 5), COUNT(C2), "
        'APPROX_COUNT_DISTINCT(C2), NULL, NULL, NULL FROM (SELECT "ID" AS C0, "is it" AS C1, '
        '"B" AS C2 FROM "D"."S"."T")'
    )
    assert len(warehouse.sql) == 3
    assert answer["columns"] == [
        {
            "name": "ID",
            "type": "VARCHAR(20)",
            "nulls": 1,
            "distinct": 3,
            "min": "a",
            "max": "z",
            "top": [["a", 7]],
        },
        {"name": '"is it"', "type": "BOOLEAN", "nulls": 0, "distinct": 2, "top": [["true", 10]]},
        {"name": "B", "type": "BINARY(8)", "nulls": 0, "distinct": 10},
    ]
    assert (answer["rows"], answer["table_rows"], answer["sampled"]) == (10, 10, False)
    assert answer["skipped"] == {"V": "VARIANT"}
    assert "No figures of V" in shown(result)


@asynchronous
async def test_a_masked_column_is_not_even_counted() -> None:
    """It is in no statement, and the answer says that it is masked."""
    tools, warehouse = profiled(
        [10, 10, 1, 1, 1, []],
        [["EMAIL", "VARCHAR", "COLUMN"], ["N", "NUMBER(38,0)", "COLUMN"]],
        mask_columns=("E*",),
    )
    for arguments in (TABLE, {**TABLE, "columns": ["n", "email"]}):
        result = await tools.call("profile_table", arguments, context())
        assert body(result)["skipped"] == {"EMAIL": "masked"}
        assert "Values of EMAIL are masked" in shown(result)
    assert all("EMAIL" not in sql for sql in warehouse.sql)


@asynchronous
async def test_a_large_table_is_sampled_by_blocks() -> None:
    """About a million rows are read, and the answer says of how many."""
    tools, warehouse = profiled(
        [999, 900, 5, 1, 9, []], [["N", "NUMBER(38,0)", "COLUMN"]], rows=400_000_000
    )
    result = await tools.call("profile_table", TABLE, context())
    assert warehouse.sql[-1].endswith('FROM "D"."S"."T" SAMPLE SYSTEM (0.250000))')
    answer = conforming(tools, "profile_table", result)
    assert (answer["rows"], answer["table_rows"], answer["sampled"]) == (999, 400_000_000, True)
    assert shown(result).startswith("999 rows of about 400000000 in D.S.T, a sample: figures are")


@pytest.mark.parametrize(("read", "sampled"), [(700, False), (1_000_000, True)])
@asynchronous
async def test_of_a_view_the_first_rows_are_read(read: int, sampled: bool) -> None:
    """Its size is not known before; one that ends earlier was read whole."""
    tools, warehouse = profiled(
        [read, read, 5, 1, 9, []], [["N", "NUMBER(38,0)", "COLUMN"]], rows=None
    )
    answer = body(await tools.call("profile_table", TABLE, context()))
    assert warehouse.sql[-1].endswith('FROM "D"."S"."T" LIMIT 1000000)')
    assert (answer["sampled"], answer["table_rows"]) == (sampled, None if sampled else read)


@asynchronous
async def test_a_sample_of_nothing_says_so() -> None:
    """Blocks are drawn at random: none may be met."""
    tools, _ = profiled(
        [0, 0, 0, None, None, None], [["N", "NUMBER(38,0)", "COLUMN"]], rows=4_000_000
    )
    result = await tools.call("profile_table", TABLE, context())
    assert "met no rows" in shown(result)


@asynchronous
async def test_the_columns_are_bounded_and_can_be_chosen() -> None:
    """Of a wide table the first columns are taken, and the others are named."""
    wide = [[f"C{at}", "NUMBER(38,0)", "COLUMN"] for at in range(40)]
    tools, warehouse = profiled([10] + [10, 1, 1, 1, []] * 30, wide)
    result = await tools.call("profile_table", TABLE, context())
    answer = body(result)
    assert (answer["row_count"], answer["truncated_by"]) == (30, "rows")
    assert len(answer["skipped"]) == 10
    assert "10 columns left out; name them in columns: C30, C31" in shown(result)
    chosen = {**TABLE, "columns": ["c39", "C39"]}
    answer = body(await tools.call("profile_table", chosen, context()))
    assert [item["name"] for item in answer["columns"]] == ["C39"]
    assert '(SELECT "C39" AS C0 FROM' in warehouse.sql[-1]


@asynchronous
async def test_a_table_without_figures_has_its_rows_counted() -> None:
    """Semi-structured columns alone leave the count."""
    tools, warehouse = profiled([10], [["V", "ARRAY", "COLUMN"]])
    answer = conforming(tools, "profile_table", await tools.call("profile_table", TABLE, context()))
    assert (answer["rows"], answer["columns"], answer["skipped"]) == (10, [], {"V": "ARRAY"})
    assert warehouse.sql[-1] == 'SELECT COUNT(*) FROM (SELECT 1 AS C FROM "D"."S"."T")'


@pytest.mark.parametrize("tool", ["profile_table", "sample_rows"])
@asynchronous
async def test_what_is_denied_is_not_read(tool: str) -> None:
    """The rules about objects come before any statement."""
    tools, warehouse = profiled([10], [], deny_objects=("D.S.*",))
    result = await tools.call(tool, TABLE, context())
    assert result.failure is not None
    assert result.failure.family is Family.REFUSED
    assert warehouse.jobs == []


@asynchronous
async def test_an_unknown_column_is_named() -> None:
    """Nothing is read for it."""
    tools, warehouse = profiled([10], [["N", "NUMBER(38,0)", "COLUMN"]])
    result = await tools.call("profile_table", {**TABLE, "columns": ["m"]}, context())
    assert "columns: there is no M in this table." in shown(result)
    wrong = await tools.call("profile_table", {**TABLE, "columns": "m"}, context())
    assert "columns: expected an array of strings, got the string 'm'." in shown(wrong)
    assert len(warehouse.jobs) == 1


@asynchronous
async def test_both_keep_within_the_budget() -> None:
    """What they would read is estimated like a query."""
    tools, warehouse = profiled([10], [["N", "NUMBER(38,0)", "COLUMN"]], max_scan_bytes=10)
    plan = '{"GlobalStats": {"partitionsAssigned": 1, "bytesAssigned": 11}}'
    warehouse.replies = {
        "EXPLAIN ": Reply(columns("content"), [[plan]]),
        **{prefix: reply for prefix, reply in warehouse.replies.items() if prefix != "SELECT "},
    }
    for tool in ("profile_table", "sample_rows"):
        result = await tools.call(tool, TABLE, context())
        assert result.failure is not None
        assert result.failure.family is Family.LIMIT


@asynchronous
async def test_random_rows_are_asked_for_as_such() -> None:
    """Of the whole table, as many as wanted, with masks."""
    tools, warehouse = registry(
        {"SELECT ": Reply(columns("A", "EMAIL"), [["1", "x@y"]])},
        policy=PolicySettings(mask_columns=("EMAIL",)),
    )
    result = await tools.call("sample_rows", {**TABLE, "limit": 7}, context())
    answer = conforming(tools, "sample_rows", result)
    assert warehouse.sql == ['SELECT * FROM "D"."S"."T" SAMPLE (7 ROWS)']
    assert answer["rows"] == [["1", "***"]]


@asynchronous
async def test_the_demo_is_profiled_and_sampled(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures agree with direct SQL; views and samples of blocks work, too."""
    orders = {"database": "demo", "schema": "sales", "table": "orders"}
    async with demo(endpoint) as tools:
        whole = await ask(tools, "profile_table", **orders)
        figures = {item["name"]: item for item in whole["columns"]}
        direct = await ask(
            tools,
            "execute_query",
            query="SELECT COUNT(*), COUNT(*) - COUNT(discount_rate), MIN(ordered_at), "
            "MAX(total_amount) FROM demo.sales.orders",
        )
        view = await ask(tools, "profile_table", **{**orders, "table": "customer_value"})
        rows = await ask(tools, "sample_rows", **orders, limit=25)
        monkeypatch.setattr(profiling, "_WHOLE_ROWS", 20_000)
        sample = await ask(tools, "profile_table", **orders, columns=["status"])
    assert direct["rows"] == [
        [
            whole["rows"],
            figures["DISCOUNT_RATE"]["nulls"],
            figures["ORDERED_AT"]["min"],
            figures["TOTAL_AMOUNT"]["max"],
        ]
    ]
    assert figures["CHANNEL"]["top"][0][0] == "web"
    assert whole["skipped"] == {"SHIP_TO": "OBJECT"}
    assert (view["rows"], view["sampled"]) == (5_000, False)
    assert rows["row_count"] == 25
    assert sample["sampled"]
    assert 0 < sample["rows"] < 60_000
