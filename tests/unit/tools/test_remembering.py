"""The tool that lists a caller's statements: what is told of whose, and where it is asked."""

import json
from typing import Any

import pytest

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.handles import Past
from snowflake_mcp.warehouse.standing import Standing
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
from tests.unit.tools.test_demo import REACTOR, Endpoint, ask, demo, endpoint

__all__ = ["endpoint"]

NAMES = (
    "QUERY_ID",
    "STATUS",
    "START_TIME",
    "ELAPSED",
    "QUERY_TAG",
    "ROWS_PRODUCED",
    "SQL",
    "ERROR",
)
MINE = json.dumps({"server": "snowflake-mcp", "principal": "local", "tool": "query_view"})
THEIRS = json.dumps({"server": "snowflake-mcp", "principal": "eve", "tool": "execute_query"})


def past(rows: list[list[Any]], **policy: Any) -> Any:
    """Tools over a history of these rows."""
    return registry(
        {"SELECT QUERY_ID": Reply(columns(*NAMES), rows)}, policy=PolicySettings(**policy)
    )


def row(query_id: str, tag: str, status: str = "SUCCESS") -> list[Any]:
    """One of the history; Snowflake gives the text of every one."""
    return [query_id, status, "2026-11-21T10:00:00Z", 12, tag, 3, "SELECT 1", None]


@asynchronous
async def test_what_this_process_knows_is_told_without_asking_snowflake() -> None:
    """Newest first as the ledger gives it; no warehouse can wake."""
    tools, warehouse = registry({})
    failure = ToolFailure(Family.SYNTAX, "bad")
    warehouse.handles.past = [
        Past(Standing("q2", "failed", 0.5, failure), 86_400.0, "execute_query", "SELEC"),
        Past(Standing("q1", "running", None), 80_000.0, "", ""),
    ]
    result = await tools.call("my_queries", {"hours": 3}, context())
    answer = conforming(tools, "my_queries", result)
    assert warehouse.jobs == []
    assert warehouse.handles.asked[0][2] == -3 * 3_600
    assert answer["queries"] == [
        {
            "query_id": "q2",
            "state": "failed",
            "started": "1970-01-02T00:00:00+00:00",
            "elapsed_ms": 500,
            "tool": "execute_query",
            "sql": "SELEC",
            "error": "bad",
        },
        {"query_id": "q1", "state": "running", "started": "1970-01-01T22:13:20+00:00"},
    ]
    assert (answer["query_id"], answer["truncated"]) == ("", False)
    text = shown(result)
    assert text.startswith("2 statements of yours that this server process remembers of the last 3")
    assert "Query ," not in text
    one = await tools.call("my_queries", {"limit": 1}, context())
    assert body(one)["truncated_by"] == "rows"
    assert len(body(one)["queries"]) == 1


@asynchronous
async def test_the_history_is_cut_to_the_callers_own() -> None:
    """Snowflake is asked for the caller's tag, and every row's tag is read again."""
    tools, warehouse = past([row("q1", MINE), row("q2", THEIRS), row("q3", "no tag", "FAIL")])
    result = await tools.call("my_queries", {"scope": "history", "hours": 168}, context())
    answer = conforming(tools, "my_queries", result)
    (sql,) = warehouse.sql
    assert "INFORMATION_SCHEMA.QUERY_HISTORY_BY_USER(" in sql
    assert "DATEADD('hour', -168," in sql
    assert ":server::VARCHAR = 'snowflake-mcp'" in sql
    assert sql.partition(" WHERE ")[2].startswith("COALESCE(TRY_PARSE_JSON(QUERY_TAG)")
    assert answer["queries"] == [
        {
            "query_id": "q1",
            "state": "success",
            "started": "2026-11-21T10:00:00Z",
            "elapsed_ms": 12,
            "tool": "query_view",
            "rows": 3,
            "sql": "SELECT 1",
        }
    ]


@asynchronous
async def test_of_others_the_capability_shows_no_text() -> None:
    """Whose, what, when and how it ended; the SQL only of the caller's own."""
    rows = [row("q1", MINE), row("q2", THEIRS, "RUNNING"), row("q3", "no tag", "FAILED_X")]
    tools, _ = past(rows, capabilities=("query_history",))
    result = await tools.call("my_queries", {"scope": "everybody"}, context())
    told = {item["query_id"]: item for item in conforming(tools, "my_queries", result)["queries"]}
    assert told["q1"]["sql"] == "SELECT 1"
    assert (told["q2"]["principal"], told["q2"]["state"]) == ("eve", "running")
    assert "sql" not in told["q2"]
    assert told["q3"].keys() == {"query_id", "state", "started", "elapsed_ms", "rows"}
    assert told["q3"]["state"] == "failed"


@asynchronous
async def test_without_the_capability_nobody_elses_are_told() -> None:
    """Nothing is sent for it."""
    tools, warehouse = past([row("q2", THEIRS)])
    result = await tools.call("my_queries", {"scope": "everybody"}, context())
    assert result.failure is not None
    assert result.failure.family is Family.REFUSED
    assert "policy.capabilities" in shown(result)
    assert warehouse.jobs == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"scope": "x"}, "scope: expected one of everybody, history, recent, got the string 'x'."),
        ({"hours": 169}, "hours: expected an integer <= 168, got 169."),
    ],
)
@asynchronous
async def test_wrong_arguments_are_explained(arguments: dict[str, Any], said: str) -> None:
    """With what would pass."""
    tools, _ = registry({})
    assert said in shown(await tools.call("my_queries", arguments, context()))


@asynchronous
async def test_the_demo_remembers_a_statement(endpoint: Endpoint) -> None:
    """The process and the history tell the same of it."""
    async with demo(endpoint) as tools:
        query = "SELECT 42 AS remembered"
        ran = await ask(tools, "execute_query", query=query)
        request = context(clock=REACTOR, deadline=REACTOR.seconds() + 30.0)
        (recent,) = body(await tools.call("my_queries", {"hours": 1}, request))["queries"]
        history = await ask(tools, "my_queries", scope="history", hours=1, limit=3)
    found = {item["query_id"]: item for item in history["queries"]}[ran["query_id"]]
    for each in (found, recent):
        assert each["query_id"] == ran["query_id"]
        assert (each["sql"], each["tool"], each["state"]) == (query, "execute_query", "success")
