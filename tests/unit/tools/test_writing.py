"""execute_statement: offered by tier, confirmed by the user, sent once."""

from typing import Any

import pytest
from msgspec import structs

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.verdict import Objects
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import Family, McpError, ToolFailure
from snowflake_mcp.protocol.inputs import InputRequired
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.tools.registry import Registry
from tests.unit.policy.support import DirectGate
from tests.unit.tools.fakes import (
    FakeGate,
    FakeWarehouse,
    Reply,
    asynchronous,
    columns,
    conforming,
    context,
    registry,
    shown,
)

DML = PolicySettings(tier="dml")
FREELY = PolicySettings(tier="dml", confirm_writes=False)
INSERT = {"query": "INSERT INTO t VALUES (1)", "database": "demo", "schema": "sales"}
COUNT = Reply(columns("number of rows inserted"), [["1"]])
YES: dict[str, Any] = {"confirm": {"action": "accept", "content": {"confirm": True}}}


def writing(policy: PolicySettings = DML) -> tuple[Registry, FakeWarehouse, FakeGate]:
    gate = FakeGate(kind="insert", tier=Tier.DML, objects=Objects(tables=("T",)))
    tools, warehouse = registry({"/*": COUNT}, gate=gate, policy=policy)
    return tools, warehouse, gate


def asking(**answers: Any) -> RequestContext:
    """A request whose client can ask its user."""
    made = context(answers=answers)
    made.facts = structs.replace(made.facts, capabilities={"elicitation": {}})
    return made


def annotations(tools: Registry) -> dict[str, Any]:
    return {tool["name"]: tool["annotations"] for tool in tools.describe(LOCAL)}


@pytest.mark.parametrize("tier", [tier.word for tier in Tier])
def test_it_is_offered_where_writes_are_open(tier: str) -> None:
    """D-10: every other tool reads only at every tier, and this one says that it does not."""
    found = annotations(registry(policy=PolicySettings(tier=tier))[0])
    writes = found.pop("execute_statement", None)
    assert (writes is None) == (tier == "read")
    # It ends a statement of its caller, and touches no data.
    assert found.pop("cancel_query") == {**found["check_sql"], "readOnlyHint": False}
    assert all(each["readOnlyHint"] and not each["destructiveHint"] for each in found.values())
    if writes is not None:
        assert (writes["readOnlyHint"], writes["destructiveHint"]) == (False, True)
        assert writes["idempotentHint"] is False


@asynchronous
async def test_a_write_is_sent_once() -> None:
    """Judged at the server's tier, sent as judged, marked so that it is never repeated."""
    tools, warehouse, gate = writing(FREELY)
    result = await tools.call("execute_statement", INSERT, context())
    answer = conforming(tools, "execute_statement", result)
    assert (answer["kind"], answer["tier"], answer["rows"]) == ("insert", "dml", [["1"]])
    assert shown(result).startswith("Done: insert.\n")
    (job,) = warehouse.jobs
    assert (job.sql, job.once) == ("/*judged*/ INSERT INTO t VALUES (1)", True)
    assert (job.database, job.schema) == ("DEMO", "SALES")
    assert gate.situations[0].tier is Tier.DML
    assert (gate.situations[0].database, gate.situations[0].schema) == ("DEMO", "SALES")


@asynchronous
async def test_the_user_is_asked_first() -> None:
    """Stateless era: the question goes out, nothing is sent; with the yes it is sent."""
    tools, warehouse, _ = writing()
    with pytest.raises(InputRequired) as asked:
        await tools.call("execute_statement", INSERT, asking())
    message = asked.value.questions["confirm"].params["message"]
    assert "insert on Snowflake connection finance" in message
    assert "Objects: T." in message
    assert "INSERT INTO t VALUES (1)" in message
    assert warehouse.jobs == []
    result = await tools.call("execute_statement", INSERT, asking(**YES))
    assert result.failure is None
    assert len(warehouse.jobs) == 1


@asynchronous
async def test_a_yes_is_good_for_one_statement() -> None:
    """The same answer again, or one to another statement, makes the server ask anew."""
    tools, warehouse, _ = writing()
    with pytest.raises(InputRequired):
        await tools.call("execute_statement", INSERT, asking())
    other = {**INSERT, "query": "INSERT INTO t VALUES (2)"}
    with pytest.raises(InputRequired):
        await tools.call("execute_statement", other, asking(**YES))
    await tools.call("execute_statement", INSERT, asking(**YES))
    with pytest.raises(InputRequired):
        await tools.call("execute_statement", INSERT, asking(**YES))
    assert len(warehouse.jobs) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "decline"},
        {"action": "cancel"},
        {"action": "accept"},
        {"action": "accept", "content": {"confirm": False}},
        {"action": "accept", "content": {"confirm": "yes"}},
        "yes",
    ],
)
@asynchronous
async def test_anything_but_a_yes_is_a_no(answer: Any) -> None:
    """Nothing is sent unless the user confirmed exactly that."""
    tools, warehouse, _ = writing()
    with pytest.raises(InputRequired):
        await tools.call("execute_statement", INSERT, asking())
    result = await tools.call("execute_statement", INSERT, asking(confirm=answer))
    assert result.failure is not None
    assert result.failure.family is Family.REFUSED
    assert warehouse.jobs == []


@asynchronous
async def test_a_client_that_cannot_ask_cannot_write() -> None:
    """Handshake era: the failure names the setting; stateless era: -32021 (T-18)."""
    tools, warehouse, _ = writing()
    old = context()
    old.facts = structs.replace(old.facts, version="2025-11-25")
    result = await tools.call("execute_statement", INSERT, old)
    assert "policy.confirm_writes" in shown(result)
    with pytest.raises(McpError) as refused:
        await tools.call("execute_statement", INSERT, context())
    assert refused.value.code == -32021
    assert warehouse.jobs == []


@asynchronous
async def test_reads_belong_to_the_other_tool() -> None:
    """execute_statement sends no read, execute_query no write, whatever the tier."""
    tools, warehouse = registry(gate=DirectGate(), policy=FREELY)
    result = await tools.call("execute_statement", {"query": "SELECT 1"}, context())
    assert "execute_query" in shown(result)
    result = await tools.call("execute_query", {"query": INSERT["query"]}, context())
    assert "execute_statement" in shown(result)
    result = await tools.call("check_sql", {"query": INSERT["query"]}, context())
    assert shown(result).startswith("Allowed as insert. Nothing was run; execute_statement runs")
    result = await tools.call("execute_statement", {"query": "DROP TABLE t"}, context())
    assert "policy.tier = ddl" in shown(result)
    assert warehouse.jobs == []


@pytest.mark.parametrize("family", [Family.UNAVAILABLE, Family.TIMEOUT, Family.SYNTAX])
@asynchronous
async def test_nobody_is_told_to_repeat_a_write(family: Family) -> None:
    """Where its effect is not known the answer says so, and is not marked as retryable."""
    tools, warehouse, _ = writing(FREELY)
    uncertain = family is not Family.SYNTAX
    warehouse.replies = {"/*": ToolFailure(family, "gone", "Call again.", retryable=uncertain)}
    result = await tools.call("execute_statement", INSERT, context())
    assert result.failure is not None
    assert result.failure.retryable is False
    assert ("not known whether" in result.failure.hint) is uncertain
