"""What a client abandons stops: the statement is aborted in the warehouse, whatever the way."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agents import HttpAgent, WebSocketAgent
from tests.support.processes import until
from tests.support.server import Server, clean_environ, kill_session, serving, stdio_command
from tests.support.simulator import Endpoint, simulating

pytestmark = pytest.mark.process

GRANT = {"SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait"}
ABORT_S = 3.0
"""The promise is a second; asking the history takes its own time."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """What stands for a Snowflake account, outside the server and surviving it."""
    with simulating(tmp_path_factory.mktemp("account")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def server(account: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that reaches the account over the network."""
    environ = {**account.environ, **GRANT}
    with serving(tmp_path_factory.mktemp("server"), "--no-demo", environ=environ) as started:
        yield started


def test_it_is_no_demo(server: Server) -> None:
    """With SNOWFLAKE_* settings the answers are those of the account, and nothing says demo."""
    assert server.request("GET", "/health").json()["backend"] == "snowflake"
    answer = server.call("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
    assert answer.json()["result"]["rows"] == [[42]]
    assert answer.json()["result"]["backend"] == "snowflake"
    assert server.demo_pids() == []


def test_a_dropped_http_request(server: Server, account: Endpoint) -> None:
    """Closing the connection of a stateless request ends its statement."""

    async def leave() -> None:
        async with await HttpAgent.open(server.port) as agent:
            call = asyncio.create_task(agent.call(1, "execute_query", {"query": _query(41)}))
            await asyncio.to_thread(_is, account, 41, "RUNNING")
            call.cancel()

    asyncio.run(leave())
    _is(account, 41, "ABORTED")


def test_a_dropped_websocket(server: Server, account: Endpoint) -> None:
    """Every statement of a connection that breaks is ended."""

    async def leave() -> None:
        async with await WebSocketAgent.open(server.port) as agent:
            calls = [
                asyncio.create_task(
                    agent.call(n, "execute_query", {"query": _query(n)}, stateless=True)
                )
                for n in (42, 43)
            ]
            for n in (42, 43):
                await asyncio.to_thread(_is, account, n, "RUNNING")
            agent.writer.transport.abort()
            await agent.closed()
            await asyncio.gather(*calls, return_exceptions=True)

    asyncio.run(leave())
    for n in (42, 43):
        _is(account, n, "ABORTED")


def test_a_cancelled_call(server: Server, account: Endpoint) -> None:
    """notifications/cancelled ends the statement and no answer follows; the connection lives."""

    async def cancel() -> None:
        async with await WebSocketAgent.open(server.port) as agent:
            await agent.initialize()
            call = asyncio.create_task(agent.call(44, "execute_query", {"query": _query(44)}))
            await asyncio.to_thread(_is, account, 44, "RUNNING")
            cancelled = {"requestId": 44, "reason": "no longer needed"}
            agent.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled})
            await asyncio.to_thread(_is, account, 44, "ABORTED")
            answer = await agent.call(45, "execute_query", {"query": "SELECT 1 AS ONE"})
            assert answer["result"]["structuredContent"]["rows"] == [[1]]
            assert not call.done()
            call.cancel()

    asyncio.run(cancel())


def test_a_timeout(account: Endpoint, tmp_path: Path) -> None:
    """A statement beyond limits.statement_timeout_s is ended and the caller told so."""
    environ = {**account.environ, **GRANT, "SNOWFLAKE_MCP_LIMITS_STATEMENT_TIMEOUT_S": "1"}
    with serving(tmp_path, "--no-demo", environ=environ) as server:
        answer = server.call("execute_query", {"query": _query(46)}, within_s=10)
    assert answer.status == 504, answer.body
    assert answer.json()["error"]["code"] == "timeout"
    _is(account, 46, "ABORTED")


def test_a_server_that_is_stopped(account: Endpoint, tmp_path: Path) -> None:
    """SIGTERM ends in the warehouse what the drain did not see finish."""
    environ = {**account.environ, **GRANT, "SNOWFLAKE_MCP_LIMITS_DRAIN_S": "0"}
    with serving(tmp_path, "--no-demo", environ=environ) as server:

        async def stop() -> None:
            async with await WebSocketAgent.open(server.port) as agent, asyncio.timeout(20):
                call = asyncio.create_task(
                    agent.call(1, "execute_query", {"query": _query(47)}, stateless=True)
                )
                await asyncio.to_thread(_is, account, 47, "RUNNING")
                server.signal(signal.SIGTERM)
                assert (await call)["result"]["isError"] is True
                await agent.closed()

        asyncio.run(stop())
        assert server.wait(5) == -signal.SIGTERM
    _is(account, 47, "ABORTED")


def test_a_client_that_closes_standard_input(account: Endpoint, tmp_path: Path) -> None:
    """The end of stdio ends the statement and the process."""
    process = subprocess.Popen(
        stdio_command(),
        cwd=tmp_path,
        env=clean_environ(tmp_path, {**account.environ, **GRANT}),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": "execute_query", "arguments": {"query": _query(48)}, "_meta": meta}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
        _is(account, 48, "RUNNING", within_s=15)
        process.stdin.close()
        assert process.wait(10) == 0
    finally:
        assert kill_session(process) == []
    _is(account, 48, "ABORTED")


def test_the_account_has_survived_all_of_it(account: Endpoint) -> None:
    """The stand-in for the account still runs: nothing above has ended it by accident."""
    os.kill(account.pid, 0)


def _query(seconds: int) -> str:
    """A statement that would run for so long, recognised by the number."""
    return f"SELECT SYSTEM$WAIT({seconds})"


def _is(account: Endpoint, seconds: int, state: str, within_s: float = ABORT_S) -> None:
    def settled() -> bool:
        return account.states(_query(seconds)) == [state]

    until(settled, within_s, f"{_query(seconds)} is {state}")
