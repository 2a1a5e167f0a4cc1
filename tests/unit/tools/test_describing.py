"""The describe tools: columns as objects, and the definition of a view."""

from typing import Any

import pytest

from snowflake_mcp.config.model import LimitSettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
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

COLUMNS = Reply(
    columns("name", "type", "kind", "null?", "default", "primary key", "unique key", "comment"),
    [
        ["ID", "NUMBER(38,0)", "COLUMN", "N", None, "Y", "N", "the key"],
        ["myName", "VARCHAR(50)", "COLUMN", "Y", "'x'", "N", "Y", ""],
        ["STAGE_FORMAT", "TEXT", "FORMAT", "Y", None, "N", "N", None],
    ],
)
WHERE = {"database": "demo", "schema": "sales"}
DDL = "create or replace view DEMO.SALES.V as\n\tselect 1 -- \x1b[31mred"


def described(ddl: Reply | Exception) -> dict[str, Reply | Exception]:
    """Replies for describe_view."""
    return {"DESCRIBE": COLUMNS, "SELECT GET_DDL": ddl}


@asynchronous
async def test_a_table_is_described() -> None:
    """Columns have type, nullability and, where there are any, key, default and comment."""
    tools, warehouse = registry({"DESCRIBE": COLUMNS})
    result = await tools.call("describe_table", {**WHERE, "table_name": "orders"}, context())
    assert warehouse.sql == ['DESCRIBE TABLE "DEMO"."SALES"."ORDERS"']
    answer = conforming(tools, "describe_table", result)
    assert (answer["database"], answer["schema"], answer["name"]) == ("DEMO", "SALES", "ORDERS")
    assert answer["columns"] == [
        {
            "name": "ID",
            "type": "NUMBER(38,0)",
            "nullable": False,
            "key": "primary",
            "comment": "the key",
        },
        {
            "name": '"myName"',
            "type": "VARCHAR(50)",
            "nullable": True,
            "key": "unique",
            "default": "'x'",
        },
    ]
    assert shown(result).split("\n")[:3] == [
        "2 columns in DEMO.SALES.ORDERS.",
        "name | type | nullable | key | default | comment",
        "ID | NUMBER(38,0) | no | primary | - | the key",
    ]


@asynchronous
async def test_a_view_is_described_with_its_definition() -> None:
    """The DDL is exact in the structured content and indented and visible in the text."""
    tools, warehouse = registry(described(Reply(columns("GET_DDL"), [[DDL]])))
    result = await tools.call("describe_view", {**WHERE, "view_name": "it's"}, context())
    assert warehouse.sql == [
        'DESCRIBE VIEW "DEMO"."SALES"."it\'s"',
        "SELECT GET_DDL('VIEW', '\"DEMO\".\"SALES\".\"it''s\"', TRUE)",
    ]
    answer = conforming(tools, "describe_view", result)
    assert (answer["ddl"], answer["ddl_truncated"]) == (DDL, False)
    assert answer["query_id"] == "01b0-1"
    assert (
        "\nDDL:\n  create or replace view DEMO.SALES.V as\n      select 1 -- \\x1b[31mred\nQuery"
        in shown(result)
    )


@pytest.mark.parametrize(
    "ddl",
    [
        ToolFailure(Family.FORBIDDEN, "Insufficient privileges"),
        ToolFailure(Family.MISSING_OBJECT, "Object does not exist"),
        ToolFailure(Family.STATEMENT, "GET_DDL is not available"),
        Reply(columns("GET_DDL"), [[None]]),
        Reply(columns("GET_DDL"), []),
    ],
)
@asynchronous
async def test_columns_are_worth_having_without_a_definition(ddl: Reply | Exception) -> None:
    """A role that may not see the DDL still gets the columns, and is told."""
    tools, _ = registry(described(ddl))
    result = await tools.call("describe_view", {**WHERE, "view_name": "v"}, context())
    assert body(result)["ddl"] is None
    assert "DDL: not available to the server's role." in shown(result)


@asynchronous
async def test_other_failures_of_the_definition_go_up() -> None:
    """A timeout is no reason to pretend that there is no definition."""
    tools, _ = registry(described(ToolFailure(Family.TIMEOUT, "too long")))
    result = await tools.call("describe_view", {**WHERE, "view_name": "v"}, context())
    assert result.failure is not None
    assert result.failure.family is Family.TIMEOUT


@asynchronous
async def test_a_long_definition_is_cut_and_says_so() -> None:
    """The limit for values holds for definitions, too."""
    tools, _ = registry(
        described(Reply(columns("GET_DDL"), [["x" * 300]])),
        limits=LimitSettings(max_cell_chars=100),
    )
    result = await tools.call("describe_view", {**WHERE, "view_name": "v"}, context())
    answer = body(result)
    assert answer["ddl"] == "x" * 99 + "…"
    assert answer["ddl_truncated"] is True
    assert "DDL (cut):" in shown(result)
    assert "SHOW VIEWS" in answer["next_step"]


@asynchronous
async def test_too_many_columns_are_cut() -> None:
    """A table wider than an answer may be says where the other columns are."""
    tools, _ = registry({"DESCRIBE": COLUMNS}, limits=LimitSettings(max_result_bytes=120))
    result = await tools.call("describe_table", {**WHERE, "table_name": "t"}, context())
    answer = body(result)
    assert (answer["row_count"], answer["truncated_by"]) == (1, "bytes")
    assert "INFORMATION_SCHEMA.COLUMNS" in answer["next_step"]
    assert shown(result).startswith("1 column in DEMO.SALES.T; more exist.")


@pytest.mark.parametrize(
    ("name", "argument"), [("describe_table", "table_name"), ("describe_view", "view_name")]
)
@asynchronous
async def test_a_missing_table_or_view_is_explained(name: str, argument: str) -> None:
    """The hint explains case and names the lists; a dotted name gets its own advice."""
    missing = ToolFailure(Family.MISSING_OBJECT, "does not exist", "general")
    tools, _ = registry({"DESCRIBE": missing})
    arguments: dict[str, Any] = {**WHERE, argument: "demo.sales.orders"}
    result = await tools.call(name, arguments, context())
    assert result.failure is not None
    assert "separate arguments" in result.failure.hint
    assert "list_tables or list_views(database=DEMO, schema=SALES)" in result.failure.hint
    assert "double quotes" in result.failure.hint
