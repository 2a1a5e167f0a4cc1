"""The list of tools, the check of arguments, and what every call has in common."""

import json
from typing import Any

import mcp_types
import pytest
from msgspec import structs
from twisted.internet.defer import CancelledError

from snowflake_mcp.config.model import Backend, LimitSettings
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.errors import INVALID_PARAMS, Family, McpError, ToolFailure
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.tools.checking import checked
from snowflake_mcp.tools.offering import EVERY_TOOL
from snowflake_mcp.tools.wording import DEMO_LINE
from tests.unit.tools.fakes import (
    Reply,
    asynchronous,
    body,
    check_schema,
    columns,
    context,
    registry,
    shown,
)

ORDER = [
    "list_databases",
    "list_schemas",
    "list_tables",
    "list_views",
    "describe_table",
    "describe_view",
    "list_objects",
    "describe_object",
    "get_ddl",
    "search_objects",
    "query_view",
    "execute_query",
    "explain_query",
    "profile_table",
    "sample_rows",
    "chart_query",
    "submit_query",
    "get_query_status",
    "fetch_results",
    "cancel_query",
    "export_results",
    "my_queries",
    "check_sql",
]
ONE_ROW = {"/*judged*/": Reply(columns("N"), [[1]])}


def by_name(**limits: Any) -> dict[str, dict[str, Any]]:
    """The tool list by name."""
    described, _ = registry(limits=LimitSettings(**limits))
    return {tool["name"]: dict(tool) for tool in described.describe(LOCAL)}


def test_the_list_is_complete_and_in_order() -> None:
    """All tools come in the order in which an agent needs them, for everyone."""
    tools, _ = registry()
    assert [tool["name"] for tool in tools.describe(LOCAL)] == ORDER
    assert tools.describe(LOCAL) is tools.describe(Principal("other"))


@pytest.mark.parametrize("name", ORDER)
def test_every_tool_is_wire_form(name: str) -> None:
    """D-10: the protocol's own model reads each tool back without loss."""
    tool = by_name()[name]
    parsed = mcp_types.Tool.model_validate(tool)
    assert parsed.model_dump(by_alias=True, exclude_none=True) == tool
    assert parsed.annotations is not None
    assert parsed.annotations.read_only_hint is (name != "cancel_query")
    assert parsed.annotations.destructive_hint is False
    assert (parsed.annotations.idempotent_hint, parsed.annotations.open_world_hint) == (True, False)


@pytest.mark.parametrize("name", ORDER)
def test_schemas_are_valid_and_inlined(name: str) -> None:
    """D-05: schemas are JSON Schema 2020-12 without references, closed for arguments."""
    tool = by_name()[name]
    for schema in (tool["inputSchema"], tool["outputSchema"]):
        check_schema(schema)
        assert schema["type"] == "object"
        assert "$ref" not in json.dumps(schema)
        assert "anyOf" not in json.dumps(schema)
    assert tool["inputSchema"]["additionalProperties"] is False


def test_arguments_have_the_agreed_names() -> None:
    """Names, order of need and defaults are a contract with every prompt in use."""
    tools = by_name()
    found = {
        name: (set(tool["inputSchema"]["properties"]), tool["inputSchema"].get("required", []))
        for name, tool in tools.items()
    }
    listing = {"like", "limit", "after"}
    one = {"kind", "name", "database", "schema", "signature"}
    assert found == {
        "list_databases": (listing, []),
        "list_schemas": ({"database", *listing}, ["database"]),
        "list_tables": ({"database", "schema", *listing}, ["database", "schema"]),
        "list_views": ({"database", "schema", *listing}, ["database"]),
        "list_objects": ({"kind", "database", "schema", *listing}, ["kind"]),
        "describe_object": (one, ["kind", "name"]),
        "get_ddl": (one, ["kind", "name"]),
        "describe_table": (
            {"database", "schema", "table_name"},
            ["database", "schema", "table_name"],
        ),
        "describe_view": ({"database", "schema", "view_name"}, ["database", "view_name"]),
        "query_view": ({"database", "schema", "view_name", "limit"}, ["database", "view_name"]),
        "execute_query": (
            {"query", "database", "schema", "limit", "timeout_s", "format"},
            ["query"],
        ),
        "search_objects": (
            {"pattern", "kind", "database", "schema", "detail_level", "limit", "after"},
            ["pattern"],
        ),
        "explain_query": ({"query", "database", "schema"}, ["query"]),
        "profile_table": (
            {"database", "schema", "table", "columns"},
            ["database", "schema", "table"],
        ),
        "sample_rows": (
            {"database", "schema", "table", "limit"},
            ["database", "schema", "table"],
        ),
        "chart_query": (
            {
                "kind",
                "query",
                "query_id",
                "x",
                "y",
                "color",
                "title",
                "log",
                "database",
                "schema",
            },
            ["kind"],
        ),
        "submit_query": ({"query", "database", "schema"}, ["query"]),
        "get_query_status": ({"query_id", "wait_s"}, ["query_id"]),
        "fetch_results": ({"query_id", "offset", "limit"}, ["query_id"]),
        "cancel_query": ({"query_id"}, ["query_id"]),
        "export_results": ({"query_id", "format"}, ["query_id"]),
        "my_queries": ({"scope", "hours", "limit"}, []),
        "check_sql": ({"query", "database", "schema"}, ["query"]),
    }
    limits = {
        name: tool["inputSchema"]["properties"]["limit"]
        for name, tool in tools.items()
        if "limit" in tool["inputSchema"]["properties"]
    }
    assert limits["list_tables"] == {
        "type": "integer",
        "minimum": 1,
        "default": 500,
        "maximum": 10_000,
    }
    assert (limits["query_view"]["default"], limits["execute_query"]["default"]) == (10, 100)


def test_limits_follow_the_settings() -> None:
    """The schema states the operator's bounds, not built-in ones."""
    tools = by_name(max_rows=50, default_rows=20)
    limits = {
        name: tools[name]["inputSchema"]["properties"]["limit"]
        for name in ("query_view", "execute_query")
    }
    assert {name: (limit["default"], limit["maximum"]) for name, limit in limits.items()} == {
        "query_view": (10, 50),
        "execute_query": (20, 50),
    }


def test_the_list_is_small() -> None:
    """All tool texts and schemas together cost an agent at most 6,000 tokens, by four signs each.

    A tokenizer of a public model counts a little less.
    """
    tools, _ = registry()
    listed = json.dumps(tools.describe(LOCAL), separators=(",", ":"), ensure_ascii=False)
    assert len(listed) / 4 < 6_000


def test_every_description_warns_of_foreign_text() -> None:
    """Each tool that reads says that what it returns is data and nothing else."""
    reading = [tool for tool in EVERY_TOOL.values() if tool.effect != "writes"]
    assert all("untrusted data" in tool.description for tool in reading)


@asynchronous
async def test_an_unknown_tool_is_a_protocol_error() -> None:
    """D-02: the caller's program learns the code, and its author a name that exists."""
    tools, warehouse = registry()
    with pytest.raises(McpError) as error:
        await tools.call("list_table", {}, context())
    assert error.value.code == INVALID_PARAMS
    assert error.value.message == "Unknown tool: list_table"
    assert error.value.data == {"didYouMean": ["list_tables", "list_databases", "list_objects"]}
    with pytest.raises(McpError) as strange:
        await tools.call("\x1b" * 5_000, {}, context())
    assert len(strange.value.message) < 100
    assert "\x1b" not in strange.value.message
    assert warehouse.jobs == []


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("list_schemas", {}, "database: this argument is required."),
        ("list_schemas", {"database": 7}, "database: expected a string, got 7."),
        ("list_schemas", {"database": None}, "database: expected a string, got null."),
        ("list_schemas", {"database": ["X"]}, "database: expected a string, got an array."),
        ("list_schemas", {"database": {}}, "database: expected a string, got an object."),
        (
            "list_tables",
            {"database": "D", "shema": "S"},
            "shema: list_tables has no such argument. Did you mean schema?",
        ),
        (
            "list_databases",
            {"zz\x1b": 1},
            "zz\\x1b: list_databases has no such argument.",
        ),
        ("list_databases", {"limit": 0}, "limit: expected an integer >= 1, got 0."),
        ("list_databases", {"limit": -3}, "limit: expected an integer >= 1, got -3."),
        ("list_databases", {"limit": "10"}, "limit: expected an integer, got the string '10'."),
        ("list_databases", {"limit": True}, "limit: expected an integer, got the boolean true."),
        ("list_databases", {"limit": 1.5}, "limit: expected an integer, got 1.5."),
        ("list_databases", {"limit": 10**400}, "limit: expected at most 10000, got a larger one."),
        ("list_databases", {"limit": 10_001}, "limit: expected at most 10000, got 10001."),
        ("list_databases", {"like": "a\x00"}, "like: a pattern holds no NUL character."),
        ("execute_query", {"query": 5}, "query: expected a string, got 5."),
        (
            "describe_table",
            {"database": "D", "schema": "", "table_name": "T"},
            "schema: a name has 1 to 255 characters and no NUL character.",
        ),
    ],
)
@asynchronous
async def test_bad_arguments_are_explained(
    name: str, arguments: dict[str, Any], message: str
) -> None:
    """D-01, D-02: the failure names the argument, what was expected, what came; nothing is sent."""
    tools, warehouse = registry()
    result = await tools.call(name, arguments, context())
    assert result.failure is not None
    assert result.failure.family is Family.INVALID_ARGUMENT
    assert result.failure.message == message
    assert result.failure.hint
    assert shown(result).startswith(message)
    assert result.structured is None
    assert warehouse.jobs == []


def test_an_unforeseen_complaint_is_passed_on() -> None:
    """Whatever else the check says about arguments reaches the caller, with the tool's name."""
    strange: dict[Any, Any] = {7: "x"}
    with pytest.raises(ToolFailure) as failure:
        checked(EVERY_TOOL["list_databases"], strange)
    assert failure.value.message == "list_databases: Expected `str` - at `key` in `$`."


@asynchronous
async def test_harmless_forms_of_arguments_pass() -> None:
    """A whole number written as 5.0, and null for an optional argument, are understood."""
    tools, warehouse = registry({"SHOW": Reply(columns("name"))})
    result = await tools.call("list_databases", {"limit": 5.0, "like": None}, context())
    assert result.failure is None
    assert warehouse.jobs[0].max_rows == 5


@asynchronous
async def test_a_statement_carries_who_asked() -> None:
    """The job knows the principal, the time left and a tag that joins logs and history."""
    tools, warehouse = registry(ONE_ROW)
    facts = Facts("http", Principal("p" * 500), "2026-07-28", client="c/1", session_id="s1")
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    request = context(remaining_s=31.0, facts=structs.replace(facts, traceparent=trace))
    await tools.call("execute_query", {"query": "SELECT 1"}, request)
    job = warehouse.jobs[0]
    assert job.principal == facts.principal
    assert job.timeout_s == 30.0
    assert dict(job.tag) == {
        "server": "snowflake-mcp",
        "principal": "p" * 95 + "#929ae9d4e5b14f8222f9117c496bf531",
        "client": "c/1",
        "session": "s1",
        "request": "r-1",
        "tool": "execute_query",
        "traceparent": trace,
    }


@pytest.mark.parametrize(("remaining_s", "expected"), [(3_600.0, 300.0), (10.0, 9.0), (0.5, 0.5)])
@asynchronous
async def test_the_timeout_fits_the_request(remaining_s: float, expected: float) -> None:
    """The setting bounds the statement, and the request's deadline less a margin does too."""
    tools, warehouse = registry(ONE_ROW)
    await tools.call("execute_query", {"query": "SELECT 1"}, context(remaining_s=remaining_s))
    assert warehouse.jobs[0].timeout_s == expected


@asynchronous
async def test_progress_reaches_the_client() -> None:
    """What the warehouse says while it works becomes a progress notification."""
    tools, warehouse = registry(ONE_ROW)
    sent: list[dict[str, Any]] = []
    warehouse.during = lambda job: job.on_progress and job.on_progress("running", 3.2)
    request = context(progress_token="t", send=lambda data: sent.append(json.loads(data)))
    await tools.call("execute_query", {"query": "SELECT 1"}, request)
    assert [(message["method"], message["params"]) for message in sent] == [
        (
            "notifications/progress",
            {"progressToken": "t", "progress": 3.2, "message": "running, 3 s"},
        )
    ]


@asynchronous
async def test_a_failure_of_snowflake_is_an_answer() -> None:
    """The text has the message, the hint and the query id; controls in it are visible."""
    failure = ToolFailure(
        Family.SYNTAX,
        "SQL compilation error:\nunexpected '\x1b[31m'",
        "Correct the SQL.",
        details={"query_id": "01b0-9", "errno": 1003},
    )
    tools, _ = registry({"/*": failure}, backend=Backend.DEMO)
    result = await tools.call("execute_query", {"query": "SELECT"}, context())
    assert result.failure is failure
    assert shown(result).split("\n") == [
        "SQL compilation error:",
        "unexpected '\\x1b[31m'",
        "Correct the SQL.",
        "Query 01b0-9.",
        DEMO_LINE,
    ]
    assert result.meta == {
        "snowflake-mcp/backend": "demo",
        "snowflake-mcp/request-id": "r-1",
        "snowflake-mcp/query-id": "01b0-9",
    }


@pytest.mark.parametrize("problem", [CancelledError(), RuntimeError("a fault of ours")])
@asynchronous
async def test_cancellation_and_faults_go_up(problem: Exception) -> None:
    """Only failures for the model become answers here; the kernel handles the rest."""
    tools, _ = registry({"/*": problem})
    with pytest.raises(type(problem)):
        await tools.call("execute_query", {"query": "SELECT 1"}, context())


@asynchronous
async def test_every_answer_says_where_it_comes_from() -> None:
    """Query id, counts, time, connection and backend are in every answer; demo data says so."""
    for backend, last in (
        (Backend.DEMO, DEMO_LINE),
        (Backend.SNOWFLAKE, "Query 01b0-1, 12 ms, connection finance."),
    ):
        tools, _ = registry(ONE_ROW, backend=backend)
        result = await tools.call("execute_query", {"query": "SELECT 1"}, context())
        answer = body(result)
        assert {
            "row_count": 1,
            "truncated": False,
            "truncated_by": None,
            "next_step": None,
            "query_id": "01b0-1",
            "elapsed_ms": 12,
            "connection": "finance",
            "backend": backend.value,
        }.items() <= answer.items()
        assert shown(result).split("\n")[-1] == last
        assert result.meta == {
            "snowflake-mcp/backend": backend.value,
            "snowflake-mcp/request-id": "r-1",
            "snowflake-mcp/query-id": "01b0-1",
        }


def test_building_starts_nothing() -> None:
    """The registry can be built before the fork: it asks the warehouse for nothing."""
    tools, warehouse = registry()
    assert warehouse.jobs == []
    assert tools.describe(LOCAL)
