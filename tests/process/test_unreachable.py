"""A Snowflake account that cannot be reached: the server lives, and says so where it is asked."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.agents import WebSocketAgent
from tests.support.server import Server, free_port, serving

pytestmark = [pytest.mark.process, pytest.mark.statements]

ANSWER_S = 20.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose account is a closed port."""
    environ = {
        "SNOWFLAKE_ACCOUNT": "acme",
        "SNOWFLAKE_USER": "tester",
        "SNOWFLAKE_PASSWORD": "hunter2-hunter2",
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_PORT": str(free_port()),
        "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_MCP_POOL_LOGIN_TIMEOUT_S": "3",
    }
    with serving(tmp_path_factory.mktemp("server"), environ=environ) as started:
        yield started
    assert "hunter2" not in started.log_text
    assert "Traceback" not in started.log_text


@pytest.mark.fault("F-01", "a closed port")
def test_it_is_alive_but_not_ready(server: Server) -> None:
    """/health is 200, /health/ready is 503 and names the check that fails."""
    assert server.request("GET", "/health").status == 200
    ready = server.request("GET", "/health/ready", within_s=ANSWER_S)
    assert ready.status == 503
    failed = [check["name"] for check in ready.json()["checks"] if not check["ok"]]
    assert failed == ["snowflake"]


@pytest.mark.fault("F-01", "a closed port")
def test_a_tool_says_that_the_account_is_unavailable(server: Server) -> None:
    """Over MCP it is a tool error that the model can read; nothing secret is in it."""

    async def call() -> dict[str, Any]:
        async with await WebSocketAgent.open(server.port) as agent, asyncio.timeout(ANSWER_S):
            return await agent.call(1, "list_databases", {}, stateless=True)

    result = asyncio.run(call())["result"]
    assert result["isError"] is True
    failure = result["_meta"]["snowflake-mcp/failure"]
    assert (failure["family"], failure["retryable"]) == ("unavailable", True)
    assert "hunter2" not in str(result)


def test_rest_says_503(server: Server) -> None:
    """Over REST it is a status that load balancers and scripts understand."""
    answer = server.call("execute_query", {"query": "SELECT 1"}, within_s=ANSWER_S)
    assert answer.status == 503
    assert answer.json()["error"]["code"] == "unavailable"


def test_tools_are_listed_all_the_same(server: Server) -> None:
    """What needs no account is not held up by it."""
    assert server.request("GET", "/mcp/tools", within_s=2).status == 200
