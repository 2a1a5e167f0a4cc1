"""What calls leave in the trail of their request, for the audit."""

from contextlib import suppress
from typing import Any

import pytest
from msgspec import structs

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.verdict import Objects, Refusal
from snowflake_mcp.protocol.errors import McpError
from snowflake_mcp.protocol.inputs import InputRequired
from snowflake_mcp.protocol.trail import Trail
from snowflake_mcp.warehouse.standing import Standing
from tests.unit.tools.fakes import FakeGate, Reply, asynchronous, columns, context, registry

OBJECTS = Objects(tables=("D.S.T", "V"), stages=("@ST",), functions=("COUNT",))
ROWS = {"/*judged*/": Reply(columns("A"), [["1"]]), "SELECT": Reply(columns("A"), [["1"]])}


async def _trail(name: str, arguments: dict[str, Any], **means: Any) -> Trail:
    request = context()
    tools, warehouse = registry(means.pop("replies", ROWS), **means)

    def during(job: Any) -> None:
        job.on_query("01b0-1")
        job.on_end("01b0-1", "success")

    warehouse.during = during
    await tools.call(name, arguments, request)
    return request.trail


@asynchronous
async def test_an_allowed_statement_leaves_everything() -> None:
    """Verdict, objects, the text as it is sent, its id and its end, and where it ran."""
    trail = await _trail(
        "execute_query",
        {"query": "select 1"},
        gate=FakeGate(objects=OBJECTS),
        parameters={"role": "ANALYST"},
    )
    assert (trail.verdict, trail.kind, trail.tier, trail.rules) == ("allowed", "select", "read", ())
    assert trail.statement == "/*judged*/ select 1"
    assert list(trail.objects) == ["D.S.T", "V", "@ST"]
    assert trail.query_ids == {"01b0-1": "success"}
    assert (trail.connection, trail.role) == ("finance", "ANALYST")


@asynchronous
async def test_functions_count_where_they_are_not_built_in() -> None:
    """A statement that calls an account's own functions names all it calls."""
    gate = FakeGate(objects=OBJECTS, capabilities=frozenset({"udf"}))
    assert "COUNT" in (await _trail("execute_query", {"query": "q"}, gate=gate)).objects


@pytest.mark.parametrize(("retryable", "verdict"), [(False, "refused"), (True, "unjudged")])
@pytest.mark.parametrize("tool", ["execute_query", "submit_query", "check_sql"])
@asynchronous
async def test_a_refused_statement_leaves_the_rules_and_its_own_text(
    tool: str, retryable: bool, verdict: str
) -> None:
    """Whichever tool it was brought to; nothing was sent, so there is no id."""
    gate = FakeGate((Refusal("not-a-read", "No.", "Do not.", retryable=retryable),))
    trail = await _trail(tool, {"query": "drop table t"}, gate=gate)
    assert (trail.verdict, trail.rules) == (verdict, ("not-a-read",))
    assert trail.statement == "drop table t"
    assert trail.query_ids == {}


@asynchronous
async def test_a_tools_own_statement_is_left_with_what_it_names() -> None:
    """No gate is asked: the tool made the text, the caller gave the names."""
    names = {"database": "d", "schema": "s", "view_name": "v"}
    trail = await _trail("query_view", names)
    assert trail.verdict == ""
    assert trail.statement == 'SELECT * FROM "D"."S"."V" LIMIT 11'
    assert list(trail.objects) == ["D.S.V"]


@asynchronous
async def test_a_handle_leaves_the_state_that_was_confirmed() -> None:
    """Asked for, cancelled or read: the id and how the statement stands."""
    for tool, state in (("get_query_status", "running"), ("cancel_query", "cancelled")):
        request = context()
        tools, warehouse = registry()
        warehouse.handles.stands = Standing("01b0-9", state, 1.0)  # type: ignore[arg-type]
        await tools.call(tool, {"query_id": "01b0-9"}, request)
        assert request.trail.query_ids == {"01b0-9": state}
        assert request.trail.connection == "finance"


@pytest.mark.parametrize(
    ("capabilities", "answer", "word"),
    [
        ({}, None, "impossible"),
        ({"elicitation": {}}, None, "asked"),
        ({"elicitation": {}}, {"action": "accept", "content": {"confirm": True}}, "given"),
        ({"elicitation": {}}, {"action": "decline"}, "declined"),
    ],
)
@asynchronous
async def test_the_question_to_the_user_is_left(
    capabilities: dict[str, Any], answer: object, word: str
) -> None:
    """Asked, and what came of it."""
    gate = FakeGate(kind="insert", tier=Tier.DML)
    tools, _ = registry(ROWS, gate=gate, policy=PolicySettings(tier="dml"))
    word_left = ""
    for answers in ({}, {"confirm": answer}) if answer else ({},):
        request = context(answers=answers)
        request.facts = structs.replace(request.facts, capabilities=capabilities)
        with suppress(InputRequired, McpError):
            await tools.call("execute_statement", {"query": "insert"}, request)
        word_left = request.trail.confirmation
    assert word_left == word
