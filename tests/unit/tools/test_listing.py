"""The list tools: the statement they send, and the list they give back."""

from typing import Any

import pytest

from snowflake_mcp.config.model import LimitSettings, PolicySettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.results import JsonValue
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

TABLES = Reply(
    columns("created_on", "name", "kind", "rows", "bytes", "comment"),
    [
        ["2026-01-01T00:00:00Z", "ORDERS", "TABLE", 5, "1024", "all | orders"],
        ["2026-01-01T00:00:00Z", "my table", "TRANSIENT", None, None, ""],
        ["2026-01-01T00:00:00Z", "lower", "TABLE", "n/a", True, None],
    ],
)
VIEWS = Reply(
    columns("name", "is_secure", "is_materialized", "text"),
    [["V", "true", "false", "select 1"], ["W", False, True, "select 2"]],
)


@pytest.mark.parametrize(
    ("name", "arguments", "sql"),
    [
        ("list_databases", {}, "SHOW DATABASES LIMIT 501"),
        ("list_databases", {"like": "A%", "limit": 5}, "SHOW DATABASES LIKE 'A%' LIMIT 6"),
        ("list_databases", {"like": "it's\\_"}, "SHOW DATABASES LIKE 'it''s\\\\_' LIMIT 501"),
        ("list_databases", {"limit": 10_000}, "SHOW DATABASES LIMIT 10000"),
        ("list_schemas", {"database": "demo"}, 'SHOW SCHEMAS IN DATABASE "DEMO" LIMIT 501'),
        (
            "list_tables",
            {"database": '"my Db"', "schema": 'x"; DROP TABLE t --'},
            'SHOW TABLES IN SCHEMA "my Db"."x""; DROP TABLE t --" LIMIT 501',
        ),
        (
            "list_views",
            {"database": "demo", "schema": "sales", "like": "%o%"},
            'SHOW VIEWS LIKE \'%o%\' IN SCHEMA "DEMO"."SALES" LIMIT 501',
        ),
    ],
)
@asynchronous
async def test_lists_stand_on_show(name: str, arguments: dict[str, Any], sql: str) -> None:
    """One SHOW each, names quoted by parts, patterns as constants, one row more than asked."""
    tools, warehouse = registry({"SHOW": Reply(columns("name"))})
    result = await tools.call(name, arguments, context())
    assert result.failure is None
    assert warehouse.sql == [sql]
    assert warehouse.jobs[0].max_rows == arguments.get("limit", 500)
    assert (warehouse.jobs[0].database, warehouse.jobs[0].schema) == (None, None)


@asynchronous
async def test_tables_are_listed() -> None:
    """Each table has its facts; names come as SQL takes them; what is empty is left out."""
    tools, _ = registry({"SHOW TABLES": TABLES})
    result = await tools.call("list_tables", {"database": "demo", "schema": "sales"}, context())
    answer = body(result)
    assert (answer["database"], answer["schema"]) == ("DEMO", "SALES")
    assert answer["tables"] == [
        {"name": "ORDERS", "kind": "TABLE", "rows": 5, "bytes": 1024, "comment": "all | orders"},
        {"name": '"my table"', "kind": "TRANSIENT"},
        {"name": '"lower"', "kind": "TABLE"},
    ]
    assert shown(result).split("\n") == [
        "3 tables in DEMO.SALES.",
        "name | kind | rows | comment",
        "ORDERS | TABLE | 5 | all \\| orders",
        '"my table" | TRANSIENT | - | -',
        '"lower" | TABLE | - | -',
        "Query 01b0-1, 12 ms, connection finance.",
    ]


@asynchronous
async def test_views_are_listed_without_their_text() -> None:
    """The definition of a view belongs to describe_view; here it would drown the list."""
    tools, _ = registry({"SHOW VIEWS": VIEWS})
    result = await tools.call("list_views", {"database": "d", "schema": "s"}, context())
    assert body(result)["views"] == [
        {"name": "V", "secure": True},
        {"name": "W", "materialized": True},
    ]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("list_databases", {}),
        ("list_schemas", {"database": "d"}),
        ("list_tables", {"database": "d", "schema": "s"}),
        ("list_views", {"database": "d", "schema": "s"}),
    ],
)
@asynchronous
async def test_lists_conform_and_nothing_is_an_answer(name: str, arguments: dict[str, Any]) -> None:
    """D-03: full and empty lists fit the output schema; an empty one says what to try."""
    filled: list[list[JsonValue]] = [["A", "c"], ["B", None]]
    for rows in ([], filled):
        tools, _ = registry({"SHOW": Reply(columns("name", "comment"), rows)})
        result = await tools.call(name, arguments, context())
        answer = conforming(tools, name, result)
        assert answer["row_count"] == len(rows)
        assert answer["truncated"] is False
        assert bool(answer["next_step"]) == (not rows)
        assert shown(result).startswith(f"{len(rows)} {name.removeprefix('list_')}")


@asynchronous
async def test_a_cut_list_says_so_and_how_to_go_on() -> None:
    """More rows than the limit: cut by rows, with the limit and the pattern as ways out."""
    tools, _ = registry({"SHOW": Reply(columns("name"), [[f"D{n}"] for n in range(4)])})
    result = await tools.call("list_databases", {"limit": 3}, context())
    answer = body(result)
    assert (answer["row_count"], answer["truncated_by"]) == (3, "rows")
    assert answer["next_step"] == (
        "Go on with after=D2, or narrow with like, e.g. like='A%', or raise limit (at most 10000)."
    )
    assert shown(result).startswith("3 databases; more exist.\n")
    assert "\nNext: Go on with after=D2" in shown(result)


@asynchronous
async def test_a_list_goes_on_behind_the_last_name() -> None:
    """By the name as the list gave it, whatever its case and form."""
    tools, warehouse = registry({"SHOW": Reply(columns("name"))})
    where = {"database": "d", "schema": "s", "limit": 2}
    await tools.call("list_tables", {**where, "after": '"it\'s mine"'}, context())
    await tools.call("list_databases", {"after": "Sales", "limit": 2}, context())
    assert warehouse.sql == [
        "SHOW TABLES IN SCHEMA \"D\".\"S\" LIMIT 3 FROM 'it''s mine'",
        "SHOW DATABASES LIMIT 3 FROM 'SALES'",
    ]


@asynchronous
async def test_a_list_as_long_as_show_gives_may_lack_some() -> None:
    """SHOW stops at 10,000 rows without a word, so such a list is called cut."""
    tools, _ = registry({"SHOW": Reply(columns("name"), [["D"] for _ in range(10_000)])})
    answer = body(await tools.call("list_databases", {"limit": 10_000}, context()))
    assert answer["truncated_by"] == "rows"
    assert answer["next_step"] == "Go on with after=D, or narrow with like, e.g. like='A%'."


@asynchronous
async def test_a_list_too_large_is_cut_by_bytes() -> None:
    """The answer's size limit ends a list, too; a higher limit would not help then."""
    rows = [[f"NAME_{n}"] for n in range(100)]
    tools, _ = registry(
        {"SHOW": Reply(columns("name"), rows)}, limits=LimitSettings(max_result_bytes=200)
    )
    answer = body(await tools.call("list_databases", {}, context()))
    assert answer["truncated_by"] == "bytes"
    assert 0 < answer["row_count"] < 20
    last = answer["databases"][-1]["name"]
    assert answer["next_step"] == (f"Go on with after={last}, or narrow with like, e.g. like='A%'.")


@asynchronous
async def test_the_default_schema_is_used_where_it_belongs() -> None:
    """Without schema the connection's own is taken, but only for the connection's database."""
    tools, warehouse = registry(
        {"SHOW": Reply(columns("name"))}, parameters={"database": "demo", "schema": "Sales"}
    )
    result = await tools.call("list_views", {"database": "Demo"}, context())
    assert warehouse.sql == ['SHOW VIEWS IN SCHEMA "DEMO"."SALES" LIMIT 501']
    assert body(result)["schema"] == "SALES"
    other = await tools.call("list_views", {"database": "other"}, context())
    assert other.failure is not None
    assert other.failure.family is Family.INVALID_ARGUMENT
    assert "list_schemas" in other.failure.hint


@asynchronous
async def test_without_a_default_the_schema_is_asked_for() -> None:
    """A connection that names no schema cannot guess one."""
    tools, warehouse = registry(parameters={"database": "demo"})
    result = await tools.call("list_views", {"database": "demo"}, context())
    assert result.failure is not None
    assert "list_schemas" in shown(result)
    assert warehouse.jobs == []


@pytest.mark.parametrize(
    ("name", "arguments", "next_tool"),
    [
        ("list_schemas", {"database": "Nope"}, "list_databases()"),
        ("list_tables", {"database": "d", "schema": "Nope"}, "list_schemas(database=D)"),
        ("list_views", {"database": "d", "schema": "Nope"}, "list_schemas(database=D)"),
    ],
)
@asynchronous
async def test_a_missing_name_is_explained(
    name: str, arguments: dict[str, Any], next_tool: str
) -> None:
    """The hint explains case and quoting and names the list that shows what exists."""
    missing = ToolFailure(
        Family.MISSING_OBJECT,
        "Object 'NOPE' does not exist or not authorized.",
        "general",
        details={"query_id": "q"},
    )
    tools, _ = registry({"SHOW": missing})
    result = await tools.call(name, arguments, context())
    assert result.failure is not None
    assert result.failure.family is Family.MISSING_OBJECT
    assert result.failure.message == missing.message
    assert result.failure.details == {"query_id": "q"}
    assert next_tool in result.failure.hint
    assert "double quotes" in result.failure.hint
    assert "role" in result.failure.hint


RULES = PolicySettings(allow_objects=("D0", "D1.S", "D3"), deny_objects=("D3", "*.*.SECRET*"))


@asynchronous
async def test_what_rules_hide_is_not_listed() -> None:
    """Names that may not be used are left out, do not count, and lead nowhere."""
    rows = [[f"D{n}"] for n in range(6)]
    tools, warehouse = registry({"SHOW": Reply(columns("name"), rows)}, policy=RULES)
    result = await tools.call("list_databases", {"limit": 2}, context())
    answer = body(result)
    assert answer["databases"] == [{"name": "D0"}, {"name": "D1"}]
    assert answer["truncated"] is False
    result = await tools.call("list_databases", {"limit": 1}, context())
    assert body(result)["truncated_by"] == "rows"
    found: list[list[JsonValue]] = [["A"], ["SECRET_A"], ["secret"]]
    warehouse.replies = {"SHOW": Reply(columns("name"), found)}
    result = await tools.call("list_tables", {"database": "d1", "schema": "s"}, context())
    assert body(result)["tables"] == [{"name": "A"}, {"name": '"secret"'}]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("list_schemas", {"database": "d3"}),
        ("list_tables", {"database": "d1", "schema": "t"}),
        ("list_views", {"database": "d2", "schema": "s"}),
        ("describe_table", {"database": "d0", "schema": "s", "table_name": "secrets"}),
        ("describe_view", {"database": "d1", "schema": "t", "view_name": "v"}),
        ("query_view", {"database": "d0", "schema": "s", "view_name": "secret"}),
        ("query_view", {"database": "d0", "schema": "information_schema", "view_name": "tables"}),
    ],
)
@asynchronous
async def test_what_rules_deny_is_not_asked_for(name: str, arguments: dict[str, Any]) -> None:
    """The tools that know their object refuse it before a statement is sent."""
    tools, warehouse = registry(policy=RULES)
    result = await tools.call(name, arguments, context())
    assert result.failure is not None
    assert result.failure.family is Family.REFUSED
    assert "policy.deny_objects" in shown(result)
    assert warehouse.jobs == []
