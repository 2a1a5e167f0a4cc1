"""What passes closed doors, and which refusals are remembered."""

from typing import Any

import pytest

from snowflake_mcp.ops.doors import Doors
from snowflake_mcp.pipeline.doors import STILL_OPEN, keep_doors
from snowflake_mcp.pipeline.refusals import Refusals
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.kernel import Perform
from snowflake_mcp.protocol.settlement import failed
from snowflake_mcp.tools.offering import EVERY_TOOL
from tests.support.kernels import Rig, with_envelope
from tests.unit.pipeline.test_observe import FACTS


def passed(doors: Doors, method: str, params: dict[str, Any]) -> bool:
    reached = []

    def inner(perform: Perform) -> Perform:
        async def answer(
            method: str, params: dict[str, Any], context: RequestContext
        ) -> MethodResult:
            reached.append(method)
            return {}

        return answer

    rig = Rig(keep_doors(doors), inner)
    rig.kernel.start(Request(1, method, params), FACTS, lambda data: None)
    return bool(reached)


@pytest.mark.parametrize("doors", [Doors(draining=True), Doors(maintenance="soon")])
def test_only_new_tool_calls_are_refused(doors: Doors) -> None:
    """What looks after running statements passes, and so does every other method."""
    for name in STILL_OPEN:
        assert passed(doors, "tools/call", with_envelope(name=name, arguments={}))
    assert passed(doors, "tools/list", with_envelope())
    assert not passed(doors, "tools/call", with_envelope(name="execute_query", arguments={}))
    assert passed(Doors(), "tools/call", with_envelope(name="execute_query", arguments={}))


def test_a_name_that_is_none_does_not_pass() -> None:
    """Nor does it break anything: it is refused like every other."""
    names: tuple[Any, ...] = ([], {}, None, 7)
    for name in names:
        assert not passed(Doors(draining=True), "tools/call", with_envelope(name=name))


def test_what_is_let_through_exists() -> None:
    """By the names that the tools have."""
    assert set(EVERY_TOOL) >= STILL_OPEN


@pytest.mark.parametrize(
    ("family", "details", "rules"),
    [
        (Family.REFUSED, {"refusals": [{"rule": "b"}, {"rule": "a"}, {"rule": "b"}]}, ["a", "b"]),
        (Family.LIMIT, {"limit": "rate"}, ["rate"]),
        (Family.BUSY, {}, []),
        (Family.SYNTAX, {}, None),
        (Family.MISSING_OBJECT, {}, None),
    ],
)
def test_refusals_are_remembered_by_rule(
    family: Family, details: dict[str, Any], rules: list[str] | None
) -> None:
    """Not their message: it may quote the statement. An agent's own mistakes are not refusals."""
    refusals = Refusals(lambda: 1_000.0)

    def inner(perform: Perform) -> Perform:
        async def answer(
            method: str, params: dict[str, Any], context: RequestContext
        ) -> MethodResult:
            return failed(ToolFailure(family, "about SECRET_TABLE", details=details))

        return answer

    rig = Rig(refusals.layer, inner)
    for _ in range(150):
        params = with_envelope(name="execute_query", arguments={})
        rig.kernel.start(Request(1, "tools/call", params), FACTS, lambda data: None)
    kept = refusals.last()
    if rules is None:
        assert kept == []
        return
    assert len(kept) == 100
    assert kept[0] == {
        "time": "1970-01-01T00:16:40+00:00",
        "request": kept[0]["request"],
        "principal": "local",
        "tool": "execute_query",
        "kind": family.value,
        "rules": rules,
    }
    assert len(refusals.last(3)) == 3
