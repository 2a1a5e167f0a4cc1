"""What outlives the server: sessions by their signed ids, tasks by their Snowflake query."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.demo import demo_warehouse
from tests.support.messages import HANDSHAKE, INITIALIZE, JSON_HEADERS, STATELESS
from tests.support.processes import until
from tests.support.server import Server, serving

pytestmark = [pytest.mark.process, pytest.mark.statements]

META = "io.modelcontextprotocol/"


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, str]]:
    """Settings of an account that lives on while servers come and go."""
    with demo_warehouse() as login:
        yield {f"SNOWFLAKE_{name.upper()}": str(value) for name, value in login.items()}


@pytest.fixture
def environ(account: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The account, one signing key, slow statements allowed, tasks early, no patience at stop."""
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    return {
        **account,
        "SNOWFLAKE_MCP_HTTP_KEY_FILE": str(key),
        "SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait",
        "SNOWFLAKE_MCP_LIMITS_TASK_AFTER_S": "0.5",
        "SNOWFLAKE_MCP_LIMITS_DRAIN_S": "0",
    }


def post(server: Server, message: dict[str, Any], headers: dict[str, str]) -> tuple[Any, Any]:
    """One message; gives the decoded answer and the session id it announced."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        sent = {
            **JSON_HEADERS,
            **headers,
        }
        connection.request("POST", "/mcp", json.dumps(message), sent)
        answer = connection.getresponse()
        return json.loads(answer.read()), answer.getheader("Mcp-Session-Id")
    finally:
        connection.close()


def stateless(server: Server, method: str, name: str, params: dict[str, Any]) -> dict[str, Any]:
    """A request of a client that declared the tasks extension."""
    meta = {
        f"{META}protocolVersion": STATELESS,
        f"{META}clientCapabilities": {"extensions": {f"{META}tasks": {}}},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {"MCP-Protocol-Version": STATELESS, "Mcp-Method": method, "Mcp-Name": name}
    answer, _ = post(server, message, headers)
    assert "result" in answer, answer
    result: dict[str, Any] = answer["result"]
    return result


def test_a_task_is_taken_up_by_the_next_server(environ: dict[str, str], tmp_path: Path) -> None:
    """The statement runs on in Snowflake while no server is there; its result is read later."""
    query = "SELECT 'done' AS A, SYSTEM$WAIT(6) AS B"
    with serving(tmp_path, environ=environ) as first:
        call = {"name": "execute_query", "arguments": {"query": query, "limit": 5}}
        task = stateless(first, "tools/call", "execute_query", call)
        assert (task["resultType"], task["status"]) == ("task", "working")
        task_id = task["taskId"]
    ended: list[dict[str, Any]] = []
    with serving(tmp_path, environ=environ) as second:
        assert stateless(second, "tasks/get", task_id, {"taskId": task_id})["status"] == "working"

        def over() -> bool:
            ended.append(stateless(second, "tasks/get", task_id, {"taskId": task_id}))
            return bool(ended[-1]["status"] != "working")

        until(over, 15.0, "the task has ended")
    assert ended[-1]["status"] == "completed", ended[-1]
    rows = ended[-1]["result"]["structuredContent"]["rows"]
    assert rows[0][0] == "done"


def test_a_cancelled_task_ends_in_snowflake(environ: dict[str, str], tmp_path: Path) -> None:
    """tasks/cancel aborts the statement; the task says so."""
    with serving(tmp_path, environ=environ) as server:
        call = {"name": "execute_query", "arguments": {"query": "SELECT SYSTEM$WAIT(60)"}}
        task_id = stateless(server, "tools/call", "execute_query", call)["taskId"]
        stateless(server, "tasks/cancel", task_id, {"taskId": task_id})

        def cancelled() -> bool:
            task = stateless(server, "tasks/get", task_id, {"taskId": task_id})
            return bool(task["status"] == "cancelled")

        until(cancelled, 5.0, "the task is cancelled")
        running = server.request("GET", "/status").json()["warehouse"]["lane"]["running"]
        assert running == 0


def test_a_session_outlives_the_server(environ: dict[str, str], tmp_path: Path) -> None:
    """A handshake-era client goes on with its id; with another key it is told to begin again."""
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with serving(tmp_path, environ=environ) as first:
        _, session = post(first, INITIALIZE, {})
    headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": HANDSHAKE}
    with serving(tmp_path, environ=environ) as second:
        answer, _ = post(second, listing, headers)
        assert len(answer["result"]["tools"]) >= 8
    with serving(tmp_path, environ={**environ, "SNOWFLAKE_MCP_HTTP_KEY_FILE": ""}) as third:
        answer, _ = post(third, listing, headers)
        assert answer["error"]["code"] == -32600
