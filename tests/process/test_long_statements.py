"""Statements that outlive their call: on every transport, across replicas, restarts and stops."""

import asyncio
import json
import selectors
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.process.test_restart import post
from tests.support.agents import HttpAgent, WebSocketAgent
from tests.support.messages import HANDSHAKE, INITIALIZE
from tests.support.processes import until
from tests.support.server import Server, clean_environ, kill_session, serving, stdio_command
from tests.support.simulator import Endpoint, simulating

pytestmark = pytest.mark.process

SETTINGS = {
    "SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait",
    "SNOWFLAKE_MCP_LIMITS_ANSWER_WITHIN_S": "0.5",
    "SNOWFLAKE_MCP_LIMITS_DRAIN_S": "0",
}
ORDERS = "SELECT order_id FROM demo.sales.orders ORDER BY 1"

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Calls a tool and gives the structured content of its result."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """What stands for a Snowflake account, outside the servers and surviving them."""
    with simulating(tmp_path_factory.mktemp("account")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def environ(account: Endpoint) -> dict[str, str]:
    """The account, little patience, slow statements allowed."""
    return {**account.environ, **SETTINGS}


@pytest.fixture(scope="module")
def server(
    environ: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One of the replicas."""
    with serving(tmp_path_factory.mktemp("server"), "--no-demo", environ=environ) as started:
        yield started


def content(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The structured content of a successful tools/call."""
    result = answer["result"]
    assert not result.get("isError"), result
    structured: dict[str, Any] = result["structuredContent"]
    return structured


def by_rest(server: Server) -> Ask:
    """POST /mcp/tools/call."""

    def ask(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = server.call(name, arguments)
        assert answer.status == 200, answer.body
        result: dict[str, Any] = answer.json()["result"]
        return result

    return ask


def by_http(server: Server) -> Ask:
    """Stateless requests, each on a connection of its own."""

    def ask(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        async def once() -> dict[str, Any]:
            async with await HttpAgent.open(server.port) as agent:
                return content(await agent.call(1, name, arguments))

        return asyncio.run(once())

    return ask


def by_session(server: Server) -> Ask:
    """The handshake era over HTTP."""
    _, session = post(server, {"id": 0, **INITIALIZE}, {})

    def ask(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        params = {"name": name, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": HANDSHAKE}
        return content(post(server, message, headers)[0])

    return ask


def by_websocket(server: Server, *, stateless: bool) -> Ask:
    """A connection for each call: what was handed over belongs to no connection."""

    def ask(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        async def once() -> dict[str, Any]:
            async with await WebSocketAgent.open(server.port) as agent:
                if not stateless:
                    await agent.initialize()
                return content(await agent.call(1, name, arguments, stateless=stateless))

        return asyncio.run(once())

    return ask


WAYS: dict[str, Callable[[Server], Ask]] = {
    "REST": by_rest,
    "HTTP, stateless": by_http,
    "HTTP, session": by_session,
    "WebSocket, stateless": lambda server: by_websocket(server, stateless=True),
    "WebSocket, session": lambda server: by_websocket(server, stateless=False),
}


def lives(ask: Ask, wait: str) -> None:
    """A whole life: the handle after a while, the state, the rows, the pages, the end."""
    running = ask("execute_query", {"query": f"SELECT 41 + 1 AS N, SYSTEM$WAIT({wait}) AS W"})
    assert (running["state"], running["truncated_by"], running["rows"]) == ("running", "time", [])
    handle = {"query_id": running["query_id"]}
    assert ask("get_query_status", handle)["state"] == "running"
    state = "running"
    for _ in range(20):
        state = ask("get_query_status", {**handle, "wait_s": 1})["state"]
        if state != "running":
            break
    assert state == "success"
    assert ask("fetch_results", handle)["rows"][0][0] == 42
    submitted = {"query_id": ask("submit_query", {"query": ORDERS})["query_id"]}
    page = ask("fetch_results", {**submitted, "offset": 59_990})
    while page["state"] != "success":
        page = ask("fetch_results", {**submitted, "offset": 59_990})
    assert [row[0] for row in page["rows"]] == list(range(59_991, 60_001))
    assert (page["total_rows"], page["next_offset"]) == (60_000, None)
    endless = {"query_id": ask("submit_query", {"query": "SELECT SYSTEM$WAIT(60)"})["query_id"]}
    assert ask("cancel_query", endless)["state"] == "cancelled"


@pytest.mark.parametrize("way", WAYS)
def test_over_the_network(way: str, server: Server) -> None:
    """Every transport and era: the same calls, the same answers."""
    lives(WAYS[way](server), f"1.{list(WAYS).index(way)}")


def test_over_stdio(environ: Mapping[str, str], tmp_path: Path) -> None:
    """A client on the standard streams as well."""
    process = subprocess.Popen(
        stdio_command(),
        cwd=tmp_path,
        env=clean_environ(tmp_path, environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }

    def ask(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        params = {"name": name, "arguments": arguments, "_meta": meta}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            assert selector.select(20.0), "no answer"
        return content(json.loads(process.stdout.readline()))

    try:
        lives(ask, "1.6")
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0
    finally:
        left = kill_session(process)
        assert process.stdout is not None
        process.stdout.close()
        assert left == []


def test_replicas_and_restarts(
    server: Server, environ: Mapping[str, str], account: Endpoint, tmp_path: Path
) -> None:
    """What one server began another one asks about, reads and ends; so does the next one."""
    here = by_rest(server)
    with serving(tmp_path, "--no-demo", environ=environ) as replica:
        there = by_rest(replica)
        submitted = {"query_id": there("submit_query", {"query": ORDERS})["query_id"]}
        assert there("get_query_status", {**submitted, "wait_s": 9})["state"] == "success"
        assert here("get_query_status", submitted)["state"] == "success"
        endless = {
            "query_id": there("submit_query", {"query": "SELECT SYSTEM$WAIT(61)"})["query_id"]
        }
        assert here("get_query_status", endless)["state"] == "running"
        assert here("cancel_query", endless)["state"] == "cancelled"
        until(lambda: account.states("SYSTEM$WAIT(61)") == ["ABORTED"], 5, "it is aborted")
        assert there("get_query_status", {**endless, "wait_s": 5})["state"] == "cancelled"
        stopped = {
            "query_id": there("submit_query", {"query": "SELECT SYSTEM$WAIT(62)"})["query_id"]
        }
    until(lambda: account.states("SYSTEM$WAIT(62)") == ["ABORTED"], 5, "the stop has aborted it")
    with serving(tmp_path, "--no-demo", environ=environ) as successor:
        ask = by_rest(successor)
        page = ask("fetch_results", {**submitted, "offset": 30_000, "limit": 2})
        assert page["rows"] == [[30_001], [30_002]]
        assert ask("get_query_status", stopped)["state"] == "cancelled"


def test_a_killed_server_leaves_it_to_the_next(
    environ: Mapping[str, str], account: Endpoint, tmp_path: Path
) -> None:
    """SIGKILL: Snowflake ends a statement without its session by itself, some minutes later.

    Until then its id still serves, also to end it sooner.
    """
    with serving(tmp_path, "--no-demo", environ=environ) as killed:
        sent = by_rest(killed)("submit_query", {"query": "SELECT SYSTEM$WAIT(63)"})
        killed.signal(signal.SIGKILL)
        killed.wait(5)
    assert account.states("SYSTEM$WAIT(63)") == ["RUNNING"]
    with serving(tmp_path, "--no-demo", environ=environ) as successor:
        handle = {"query_id": sent["query_id"]}
        assert by_rest(successor)("cancel_query", handle)["state"] == "cancelled"


def test_not_the_statements_of_others(server: Server, account: Endpoint) -> None:
    """The same user's statements from elsewhere, without our tag, are nobody's here."""
    connection = account.connect()
    try:
        query_id = connection.cursor().execute("SELECT 'salary'").sfqid
    finally:
        connection.close()
    told = [
        server.call("fetch_results", {"query_id": each}).json()["error"]
        for each in (query_id, "01b00000-0000-0000-0000-000000000000")
    ]
    assert told[0]["message"] == told[1]["message"]
    for tool in ("get_query_status", "cancel_query"):
        assert server.call(tool, {"query_id": query_id}).status == 422
