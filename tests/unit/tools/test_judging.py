"""check_sql: the gate's verdict as an answer, without a statement."""

import pytest

from snowflake_mcp.config.model import Backend
from snowflake_mcp.policy.verdict import Objects, Refusal
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.tools.wording import DEMO_LINE
from tests.unit.policy.support import DirectGate
from tests.unit.tools.fakes import FakeGate, asynchronous, conforming, context, registry, shown

_NONE: dict[str, list[str]] = {
    "databases": [],
    "schemas": [],
    "tables": [],
    "stages": [],
    "functions": [],
    "columns": [],
}


@asynchronous
async def test_an_allowed_statement() -> None:
    """The answer says so, with what it needs and mentions, and nothing is run."""
    gate = FakeGate(
        capabilities=frozenset({"udf", "ai"}),
        objects=Objects(
            ("DB",), ("DB.S",), ("DB.S.T",), ("@st",), ("MY.F", "COUNT"), ('"ev\x1bil"',)
        ),
    )
    tools, warehouse = registry(gate=gate)
    result = await tools.call("check_sql", {"query": "SELECT 1"}, context())
    assert gate.seen == ["SELECT 1"]
    assert warehouse.jobs == []
    assert conforming(tools, "check_sql", result) == {
        "allowed": True,
        "kind": "select",
        "tier": "read",
        "capabilities": ["ai", "udf"],
        "refusals": [],
        "objects": {
            "databases": ["DB"],
            "schemas": ["DB.S"],
            "tables": ["DB.S.T"],
            "stages": ["@st"],
            "functions": ["MY.F", "COUNT"],
            "columns": ['"ev\x1bil"'],
        },
        "masked": [],
        "connection": "finance",
        "backend": "snowflake",
    }
    assert shown(result).split("\n") == [
        "Allowed as select. Nothing was run; execute_query runs it.",
        "Needs the capabilities: ai, udf.",
        "Tables: DB.S.T",
        "Stages: @st",
        "Functions: MY.F, COUNT",
    ]
    assert result.failure is None


@asynchronous
async def test_a_refused_statement_is_an_answer_too() -> None:
    """Not an error: the question was whether, and the answer is no, with every reason."""
    refusals = (
        Refusal("not-a-read", "DELETE is no read.", "Use SELECT.", "DELETE", 2, 5),
        Refusal("too-long", "The text is too long.", "Shorten it."),
    )
    tools, _ = registry(gate=FakeGate(refusals), backend=Backend.DEMO)
    result = await tools.call("check_sql", {"query": "DELETE"}, context())
    assert result.failure is None
    answer = conforming(tools, "check_sql", result)
    assert answer["allowed"] is False
    assert answer["objects"] == _NONE
    assert answer["refusals"][0] == {
        "rule": "not-a-read",
        "token": "DELETE",
        "line": 2,
        "column": 5,
        "message": "DELETE is no read.",
        "remedy": "Use SELECT.",
    }
    assert shown(result).split("\n") == [
        "Refused. Nothing was run.",
        "- not-a-read (DELETE at line 2:5): DELETE is no read. Use SELECT.",
        "- too-long: The text is too long. Shorten it.",
        DEMO_LINE,
    ]


@pytest.mark.parametrize("tool", ["check_sql", "execute_query"])
@asynchronous
async def test_no_verdict_is_a_failure_to_retry(tool: str) -> None:
    """When nothing could be judged, neither yes nor no is said, and nothing is run."""
    gate = FakeGate((Refusal("gate-unavailable", "It was late.", "Call again.", retryable=True),))
    tools, warehouse = registry(gate=gate)
    result = await tools.call(tool, {"query": "SELECT 1"}, context())
    assert result.failure is not None
    assert (result.failure.family, result.failure.retryable) == (Family.UNAVAILABLE, True)
    assert "It was late." in shown(result)
    assert "Call again." in shown(result)
    assert warehouse.jobs == []


@asynchronous
async def test_many_names_are_summed_up_in_the_text() -> None:
    """The structured content has them all."""
    names = tuple(f"T{n}" for n in range(30))
    tools, _ = registry(gate=FakeGate(objects=Objects(tables=names)))
    result = await tools.call("check_sql", {"query": "q"}, context())
    assert len(conforming(tools, "check_sql", result)["objects"]["tables"]) == 30
    assert shown(result).split("\n")[1].endswith("T18, T19 and 10 more")


@asynchronous
async def test_with_the_real_gate() -> None:
    """What the documentation shows."""
    tools, _ = registry(gate=DirectGate())
    result = await tools.call("check_sql", {"query": "SELECT my_f(a) FROM t"}, context())
    answer = conforming(tools, "check_sql", result)
    assert (answer["allowed"], answer["capabilities"]) == (False, ["udf"])
    assert answer["objects"]["functions"] == ["MY_F"]
