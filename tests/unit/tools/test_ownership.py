"""Two callers on one Snowflake user: statements, their results and their ids are each one's own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    PolicySettings,
    PrincipalSettings,
)
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.registry import Registry, build_registry
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.demo import demo
from tests.unit.policy.support import DirectGate
from tests.unit.tools.fakes import body, context, shown
from tests.unit.warehouse.conftest import build
from tests.unit.warehouse.waiting import async_test, clock

__all__ = ["build", "demo"]

GRANTED: Final = PolicySettings(capabilities=("result_scan", "query_history"))
TEAM: Final = PrincipalSettings("team", policy=GRANTED)
ANN, EVE = Principal("team/ann", "team"), Principal("team/eve", "team")
CONFIG: Final = Config(ConnectionSettings("home", Backend.SNOWFLAKE), principals={"team": TEAM})


def serve(
    build: Callable[..., Warehouse], demo: dict[str, object], config: Config = CONFIG
) -> Registry:
    """The tools of a process of its own."""
    profiles = Profiles(config)
    return build_registry(build(demo, profiles), DirectGate(), config, profiles=profiles)


async def ask(tools: Registry, principal: Principal, name: str, **arguments: Any) -> ToolResult:
    request = context(clock=clock, deadline=clock.seconds() + 30.0)
    request.facts = Facts("http", principal, "2026-07-28", client="probe/1")
    return await tools.call(name, arguments, request)


@async_test
async def test_ids_and_results_are_their_owners(
    demo: dict[str, object], build: Callable[..., Warehouse]
) -> None:
    """Every tool that takes an id, and SQL that reads a result, knows one's own only."""
    tools = serve(build, demo)
    submitted = await ask(tools, ANN, "submit_query", query="SELECT 'mine' AS a")
    query_id = body(submitted)["query_id"]
    scan = f"SELECT * FROM TABLE(RESULT_SCAN('{query_id}'))"
    asked = (
        ("get_query_status", {"query_id": query_id, "wait_s": 5}),
        ("fetch_results", {"query_id": query_id}),
        ("execute_query", {"query": scan}),
        ("submit_query", {"query": scan}),
        ("execute_query", {"query": f"DESCRIBE RESULT '{query_id}'"}),
    )
    for name, arguments in asked:
        refused = await ask(tools, EVE, name, **arguments)
        assert refused.failure is not None
        assert refused.failure.message == "No statement of yours has this query id."
        assert "mine" not in shown(refused)
    cancelled = await ask(tools, EVE, "cancel_query", query_id=query_id)
    assert cancelled.failure is not None
    # The demo warehouse does not know DESCRIBE RESULT.
    for name, arguments in asked[:-1]:
        answered = await ask(tools, ANN, name, **arguments)
        assert answered.failure is None, shown(answered)
    rows = body(await ask(tools, ANN, "fetch_results", query_id=query_id))["rows"]
    assert rows == [["mine"]]


@async_test
async def test_another_process_tells_nobody_more(
    demo: dict[str, object], build: Callable[..., Warehouse]
) -> None:
    """What this process did not send is looked up by its tag, which names its owner."""
    first = serve(build, demo)
    submitted = await ask(first, ANN, "submit_query", query="SELECT 'mine' AS a")
    query_id = body(submitted)["query_id"]
    await ask(first, ANN, "get_query_status", query_id=query_id, wait_s=5)
    second = serve(build, demo)
    for name in ("get_query_status", "fetch_results", "cancel_query"):
        refused = await ask(second, EVE, name, query_id=query_id)
        assert refused.failure is not None
        assert refused.failure.message == "No statement of yours has this query id."
    rows = body(await ask(second, ANN, "fetch_results", query_id=query_id))["rows"]
    assert rows == [["mine"]]


@async_test
async def test_sessions_keep_nothing_for_another(
    demo: dict[str, object], build: Callable[..., Warehouse]
) -> None:
    """What a session holds, such as its last result, is of one caller."""
    tools = serve(build, demo)
    await ask(tools, ANN, "execute_query", query="SELECT 'mine' AS a")
    last = "SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))"
    answered = await ask(tools, EVE, "execute_query", query=last)
    assert "mine" not in shown(answered)


@pytest.mark.parametrize("granted", [False, True])
@async_test
async def test_the_history_shows_everybody_and_has_to_be_granted(
    demo: dict[str, object], build: Callable[..., Warehouse], granted: bool
) -> None:
    """By capability of the caller's own table; then it is that of the whole Snowflake user."""
    table = TEAM if granted else replace(TEAM, policy=PolicySettings())
    tools = serve(build, demo, replace(CONFIG, principals={"team": table}))
    await ask(tools, ANN, "execute_query", query="SELECT 'a secret of Ann'")
    history = (
        "SELECT QUERY_TEXT FROM TABLE(DEMO.INFORMATION_SCHEMA.QUERY_HISTORY_BY_USER()) "
        "WHERE CONTAINS(QUERY_TEXT, 'a secret of ' || 'Ann')"
    )
    answered = await ask(tools, EVE, "execute_query", query=history)
    if granted:
        assert "SELECT 'a secret of Ann'" in shown(answered)
    else:
        assert answered.failure is not None
        assert "query-history" in shown(answered)
        assert "principals.team.policy.capabilities" in shown(answered)
