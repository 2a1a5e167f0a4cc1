"""Did you mean: what is suggested for names that are not there, through the real connector."""

from typing import Any

import pytest

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.tools.suggesting import meant
from tests.unit.tools.fakes import asynchronous, body
from tests.unit.tools.lore import Knowing
from tests.unit.warehouse.conftest import Build

Demo = dict[str, object]
SALES = {"database": "demo", "schema": "sales"}
CASES = [
    ("describe_table", {**SALES, "table_name": "ordres"}, ["DEMO.SALES.ORDERS"]),
    ("describe_table", {**SALES, "table_name": '"orders"'}, ["DEMO.SALES.ORDERS"]),
    ("describe_view", {**SALES, "view_name": "custmer_value"}, ["DEMO.SALES.CUSTOMER_VALUE"]),
    ("query_view", {**SALES, "view_name": "regoins"}, ["DEMO.SALES.REGIONS"]),
    ("sample_rows", {**SALES, "table": "regoins"}, ["DEMO.SALES.REGIONS"]),
    ("profile_table", {**SALES, "table": "regoins"}, ["DEMO.SALES.REGIONS"]),
    ("get_ddl", {**SALES, "kind": "table", "name": "regoins"}, ["DEMO.SALES.REGIONS"]),
    ("describe_object", {**SALES, "kind": "table", "name": "regoins"}, ["DEMO.SALES.REGIONS"]),
    ("list_tables", {"database": "demo", "schema": "sale"}, ["DEMO.SALES"]),
    ("list_views", {"database": "demo", "schema": "prodct"}, ["DEMO.PRODUCT"]),
    ("list_schemas", {"database": "marketting"}, ["MARKETING"]),
    ("describe_table", {"database": "demmo", "schema": "sales", "table_name": "x"}, ["DEMO"]),
    ("execute_query", {"query": "SELECT 1 FROM demo.sales.ordrs"}, ["DEMO.SALES.ORDERS"]),
    ("execute_query", {"query": "SELECT 1 FROM ordrs", **SALES}, ["DEMO.SALES.ORDERS"]),
    ("execute_query", {"query": 'SELECT 1 FROM demo.sales."orders"'}, ["DEMO.SALES.ORDERS"]),
    ("execute_query", {"query": "SELECT custmer_id FROM demo.sales.orders"}, ["CUSTOMER_ID"]),
    ("execute_query", {"query": "SELECT o.ordr_id FROM sales.orders o"}, ["ORDER_ID"]),
    ("explain_query", {"query": "SELECT 1 FROM demo.sales.ordrs"}, ["DEMO.SALES.ORDERS"]),
    ("execute_query", {"query": "SELECT 1 FROM demo.sales.zeppelin"}, None),
]


@pytest.mark.parametrize("known", [False, True], ids=["by lists", "by what is kept"])
@pytest.mark.parametrize(("tool", "arguments", "names"), CASES)
@asynchronous
async def test_close_names_are_told(
    tool: str,
    arguments: dict[str, Any],
    names: list[str] | None,
    known: bool,
    demo: Demo,
    build: Build,
) -> None:
    """The likest first, whole, as SQL takes them; and nothing where nothing is like it."""
    knowing = Knowing.over(build(demo))
    if known:
        await knowing.ask("search_objects", pattern="orders")
    result = await knowing.call(tool, **arguments)
    assert result.failure is not None
    suggested = result.failure.details.get("did_you_mean")
    assert (suggested and suggested[:1]) == names, result.failure.message
    assert result.failure.hint.startswith("Did you mean ") == (names is not None)


def test_case_is_explained() -> None:
    """How to write it, where nothing but case and quotes is wrong."""
    assert meant("ORDRS", ["D.S.ORDERS"], "ORDERS") == "Did you mean D.S.ORDERS?"
    assert meant("A", ["X", "Y", "Z"], "X") == "Did you mean X, Y or Z?"
    quoted = meant("orders", ["D.S.ORDERS"], "ORDERS")
    assert '"orders" is not ORDERS: write ORDERS without quotes' in quoted
    plain = meant("ORDERS", ['D.S."Orders"'], "Orders")
    assert 'taken as ORDERS: write "Orders" with the double quotes' in plain
    other = meant("orders", ['D.S."Orders"'], "Orders")
    assert 'write "Orders" with the double quotes' in other


@asynchronous
async def test_what_is_hidden_is_never_suggested(demo: Demo, build: Build) -> None:
    """Rules hold for suggestions, whether or not others have had the names read."""
    warehouse = build(demo)
    knowing = Knowing.over(warehouse, PolicySettings(deny_objects=("DEMO.SALES.ORDERS", "HR")))
    for _ in range(2):
        result = await knowing.call("describe_table", **SALES, table_name="ordrs")
        assert result.failure is not None
        told = result.failure.details.get("did_you_mean", [])
        assert "DEMO.SALES.ORDERS" not in told
        await knowing.ask("search_objects", pattern="orders")


@asynchronous
async def test_the_same_name_elsewhere_comes_first(demo: Demo, build: Build) -> None:
    """Where the names are kept, a table that is in another schema is found there."""
    knowing = Knowing.over(build(demo))
    await knowing.ask("search_objects", pattern="orders")
    result = await knowing.call(
        "describe_table", database="demo", schema="product", table_name="orders"
    )
    assert result.failure is not None
    assert result.failure.details["did_you_mean"][0] == "DEMO.SALES.ORDERS"


@asynchronous
async def test_a_suggestion_is_no_long_load(demo: Demo, build: Build) -> None:
    """One list of the place where the name was looked for; the account is not read."""
    knowing = Knowing.over(build(demo))
    sent = knowing.noting()
    await knowing.told("describe_table", **SALES, table_name="ordrs")
    assert sent == [
        'DESCRIBE TABLE "DEMO"."SALES"."ORDRS"',
        'SHOW OBJECTS IN SCHEMA "DEMO"."SALES" LIMIT 10000',
    ]


@asynchronous
async def test_a_submitted_statement_that_failed_is_explained(demo: Demo, build: Build) -> None:
    """By its status as well."""
    knowing = Knowing.over(build(demo))
    result = await knowing.call("submit_query", query="SELECT 1 FROM demo.sales.ordrs")
    if result.failure is None:
        query_id = body(result)["query_id"]
        status = await knowing.ask("get_query_status", query_id=query_id, wait_s=10)
        assert "Did you mean DEMO.SALES.ORDERS?" in (status["next_step"] or "")
    else:
        assert "DEMO.SALES.ORDERS" in result.failure.details["did_you_mean"]


@asynchronous
async def test_kinds_that_nobody_keeps_are_not_guessed(demo: Demo, build: Build) -> None:
    """A warehouse is not taken for a database of a close name."""
    knowing = Knowing.over(build(demo))
    result = await knowing.call("describe_object", kind="warehouse", name="demmo")
    assert result.failure is not None
    assert "did_you_mean" not in result.failure.details


@asynchronous
async def test_columns_of_a_profile_are_suggested(demo: Demo, build: Build) -> None:
    """Those of the table that was named."""
    knowing = Knowing.over(build(demo))
    text = await knowing.told("profile_table", **SALES, table="orders", columns=["statsu"])
    assert "Did you mean STATUS?" in text
