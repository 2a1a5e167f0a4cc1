"""Masked values: every tool that gives rows hides them, says so, and leaves it in the trail."""

from typing import Any

import pytest

from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, PolicySettings
from snowflake_mcp.policy.columns import columns_like
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.verdict import Objects
from snowflake_mcp.tools.masks import NO_MASKS, STYLES, Masks, masks_of
from snowflake_mcp.tools.offering import problems
from snowflake_mcp.tools.registry import Registry
from snowflake_mcp.warehouse.results import JsonValue
from snowflake_mcp.warehouse.standing import Standing
from tests.unit.tools.fakes import (
    FakeGate,
    Reply,
    asynchronous,
    body,
    columns,
    conforming,
    context,
    registry,
    shown,
)

SECRET = "ann@example.com"
ROWS: list[list[JsonValue]] = [["1", SECRET, None], ["2", "bob@example.com", "x"]]
REPLY = Reply(columns("ID", "Work_Email", "NOTE"), ROWS)
MASKED = PolicySettings(mask_columns=("*email*",), confirm_writes=False, tier="dml")
NAMES = {"database": "d", "schema": "s", "view_name": "v"}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("query_view", NAMES),
    ("execute_query", {"query": "q"}),
    ("fetch_results", {"query_id": "01b0-1"}),
    ("execute_statement", {"query": "q"}),
]


def tools_over(reply: Reply, policy: PolicySettings, tool: str) -> Registry:
    gate = FakeGate(tier=Tier.DML if tool == "execute_statement" else Tier.READ)
    tools, warehouse = registry({"": reply}, gate=gate, policy=policy)
    warehouse.handles.stands = Standing("01b0-1", "success", 1.0)
    return tools


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
@asynchronous
async def test_no_tool_shows_a_masked_value(tool: str, arguments: dict[str, Any]) -> None:
    """Neither in the structured content nor in the text; both say which columns."""
    tools = tools_over(REPLY, MASKED, tool)
    request = context()
    result = await tools.call(tool, arguments, request)
    answer = conforming(tools, tool, result)
    assert answer["rows"] == [["1", "***", None], ["2", "***", "x"]]
    assert answer["masked"] == ["Work_Email"]
    assert SECRET not in shown(result)
    assert "Values of Work_Email are masked by this server." in shown(result)
    assert request.trail.masked == ("Work_Email",)


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
@asynchronous
async def test_a_single_row_is_masked_in_its_record_too(
    tool: str, arguments: dict[str, Any]
) -> None:
    """One row is shown as labelled lines; those hide it as well."""
    tools = tools_over(Reply(REPLY.columns, ROWS[:1]), MASKED, tool)
    result = await tools.call(tool, arguments, context())
    assert "Work_Email: ***" in shown(result)
    assert SECRET not in shown(result)


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
@asynchronous
async def test_without_masks_everything_is_shown(tool: str, arguments: dict[str, Any]) -> None:
    """And the answer says that nothing is masked."""
    open_policy = PolicySettings(confirm_writes=False, tier="dml")
    tools = tools_over(REPLY, open_policy, tool)
    request = context()
    answer = conforming(tools, tool, await tools.call(tool, arguments, request))
    assert answer["rows"] == ROWS
    assert answer["masked"] == []
    assert request.trail.masked == ()


@asynchronous
async def test_a_call_that_waits_no_longer_masks_nothing() -> None:
    """It has no rows yet; the member is there all the same."""
    tools, warehouse = registry(policy=MASKED)
    warehouse.handles.stands = Standing("01b0-1", "running", 1.0)
    result = await tools.call("fetch_results", {"query_id": "01b0-1"}, context())
    assert conforming(tools, "fetch_results", result)["masked"] == []


@asynchronous
async def test_check_sql_tells() -> None:
    """Which of the columns that a statement names would come masked."""
    gate = FakeGate(objects=Objects(columns=("ID", "WORK_EMAIL", '"e-mail"', '"Email 2"')))
    tools, _ = registry(gate=gate, policy=MASKED)
    result = await tools.call("check_sql", {"query": "q"}, context())
    assert body(result)["masked"] == ["WORK_EMAIL", '"Email 2"']
    assert 'masked in answers: WORK_EMAIL, "Email 2"' in shown(result)


def test_the_styles() -> None:
    """Stars and nothing hide whether there is a value; a hash is equal for equal values."""
    row: list[JsonValue] = ["x", None, "x", 1.5, {"b": 1, "a": [None]}, {"a": [None], "b": 1}, True]
    places = range(len(row))

    def masked(style: str, key: bytes = b"k") -> Any:
        return Masks(columns_like(("*",)), style, key).mask(row, places)

    assert masked("stars") == ["***"] * len(row)
    assert masked("null") == [None] * len(row)
    hashed = masked("hash")
    assert hashed[1] is None
    assert hashed[0] == hashed[2]
    assert hashed[4] == hashed[5]
    assert len({hashed[0], hashed[3], hashed[4], hashed[6]}) == 4
    assert all(len(value) == 24 for value in hashed if value is not None)
    assert masked("hash", b"other")[0] != hashed[0]
    assert set(STYLES) == {"stars", "null", "hash"}


def test_a_row_is_not_changed_in_place() -> None:
    """Whoever else holds it still has what Snowflake said."""
    row: list[JsonValue] = [SECRET]
    assert Masks(columns_like(("*",))).mask(row, [0]) == ["***"]
    assert row == [SECRET]
    assert NO_MASKS.places(["EMAIL"]) == ()


def test_the_key_is_not_shown() -> None:
    """Not where a fault is logged with what it was about."""
    assert "secret" not in repr(masks_of(MASKED, b"secret"))


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (
            PolicySettings(mask_style="blur"),
            "policy.mask_style: 'blur' is none of stars, null, hash",
        ),
        (PolicySettings(mask_columns=("HR.EMP.SSN",)), "policy: 'HR.EMP.SSN' names more than a"),
    ],
)
def test_wrong_settings_are_named_at_the_start(policy: PolicySettings, problem: str) -> None:
    """With the section that they stand in."""
    (found,) = problems(Config(ConnectionSettings("c", Backend.DEMO), policy=policy))
    assert found.startswith(problem)
