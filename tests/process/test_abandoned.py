"""What a client abandons stops: the statement is aborted in the warehouse, whatever the way."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.agents import HttpAgent, WebSocketAgent
from tests.support.fault_record import Measured
from tests.support.messages import HANDSHAKE, INITIALIZE, JSON_HEADERS
from tests.support.processes import until
from tests.support.server import Server, clean_environ, kill_session, serving, stdio_command
from tests.support.simulator import Endpoint, simulating
from tests.support.wire import http_request, parse_answer

pytestmark = [pytest.mark.process, pytest.mark.statements]

GRANT = {"SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait"}
ABORT_S = 1.0
FREE_S = 2.0
BEGIN_S = 15.0
SLACK = 3.0
"""Machines that run tests beside other work are slower than the promise."""


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


@pytest.mark.fault("F-07", "HTTP connection closed, 2026-07-28")
def test_a_dropped_http_request(server: Server, account: Endpoint, measured: Measured) -> None:
    """Closing the connection of a stateless request ends its statement."""

    async def leave() -> datetime:
        async with await HttpAgent.open(server.port) as agent:
            call = asyncio.create_task(agent.call(1, "execute_query", {"query": _query(41)}))
            await asyncio.to_thread(_is, account, 41, "RUNNING")
            call.cancel()
            return datetime.now(UTC)

    left_at = asyncio.run(leave())
    _is_aborted(server, account, 41, left_at, measured, "HTTP 2026-07-28")


@pytest.mark.fault("F-07", "HTTP connection closed, 2025-11-25")
def test_a_dropped_request_of_a_session(
    server: Server, account: Endpoint, measured: Measured
) -> None:
    """By default a handshake-era request that is dropped ends its statement as well."""
    with _post_in_session(server, 51) as line:
        _is(account, 51, "RUNNING")
        line.close()
        left_at = datetime.now(UTC)
    _is_aborted(server, account, 51, left_at, measured, "HTTP 2025-11-25")


@pytest.mark.fault("F-07", "the same with http.cancel_on_disconnect = false")
def test_a_dropped_request_that_may_go_on(account: Endpoint, tmp_path: Path) -> None:
    """Where the operator wants it a statement of the handshake era outlives its request."""
    environ = {**account.environ, **GRANT, "SNOWFLAKE_MCP_HTTP_CANCEL_ON_DISCONNECT": "false"}
    with serving(tmp_path, "--no-demo", environ=environ) as server:
        with _post_in_session(server, 4) as line:
            _is(account, 4, "RUNNING")
            line.close()
        _is(account, 4, "SUCCESS", within_s=20)


@pytest.mark.fault("F-07", "WebSocket reset with two calls running")
@pytest.mark.parametrize("stateless", [True, False], ids=["2026-07-28", "2025-11-25"])
def test_a_dropped_websocket(
    server: Server, account: Endpoint, measured: Measured, stateless: bool
) -> None:
    """Every statement of a connection that breaks is ended."""
    numbers = (42, 43) if stateless else (52, 53)

    async def leave() -> datetime:
        async with await WebSocketAgent.open(server.port) as agent:
            if not stateless:
                await agent.initialize()
            calls = [
                asyncio.create_task(
                    agent.call(n, "execute_query", {"query": _query(n)}, stateless=stateless)
                )
                for n in numbers
            ]
            for n in numbers:
                await asyncio.to_thread(_is, account, n, "RUNNING")
            agent.writer.transport.abort()
            left_at = datetime.now(UTC)
            await agent.closed()
            await asyncio.gather(*calls, return_exceptions=True)
            return left_at

    left_at = asyncio.run(leave())
    for n in numbers:
        _is_aborted(server, account, n, left_at, measured, "WebSocket")


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


@pytest.mark.fault("F-06", "SYSTEM$WAIT beyond limits.statement_timeout_s = 1")
def test_a_timeout(account: Endpoint, tmp_path: Path, measured: Measured) -> None:
    """A statement beyond limits.statement_timeout_s is ended and the caller told so."""
    environ = {**account.environ, **GRANT, "SNOWFLAKE_MCP_LIMITS_STATEMENT_TIMEOUT_S": "1"}
    with serving(tmp_path, "--no-demo", environ=environ) as server:
        # The first one waits for the gate and a login, which may take more than that second.
        until(
            lambda: server.call("execute_query", {"query": "SELECT 1"}).status == 200,
            *(20, "a query is answered"),
        )
        for _ in range(3):
            began = datetime.now(UTC)
            answer = server.call("execute_query", {"query": _query(46)}, within_s=10)
            answered = datetime.now(UTC)
            assert answer.status == 504, answer.body
            assert answer.json()["error"]["code"] == "timeout"
            assert "has ended in Snowflake" in answer.json()["error"]["message"]
            until(lambda: account.states(_query(46))[:1] == ["ABORTED"], 3, "it is aborted")
            ended = account.history(_query(46))[0][1]
            assert ended is not None
            # The server's clock starts a little after ours.
            late = (ended - began).total_seconds() - 1
            measured("abort after the limit", max(0.0, late), bound=ABORT_S, slack=SLACK)
            measured("answer after the limit", (answered - began).total_seconds() - 1)
    assert set(account.states(_query(46))) == {"ABORTED"}


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


@pytest.mark.fault("F-07", "standard input of stdio closed")
def test_a_client_that_closes_standard_input(
    account: Endpoint, tmp_path: Path, measured: Measured
) -> None:
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
        left_at = datetime.now(UTC)
        assert process.wait(10) == 0
    finally:
        assert kill_session(process) == []
    _abort_in_time(account, 48, left_at, measured, "stdio")


def test_the_account_has_survived_all_of_it(account: Endpoint) -> None:
    """The stand-in for the account still runs: nothing above has ended it by accident."""
    os.kill(account.pid, 0)


def _query(seconds: int) -> str:
    """A statement that would run for so long, recognised by the number."""
    return f"SELECT SYSTEM$WAIT({seconds})"


def _is(account: Endpoint, seconds: int, state: str, within_s: float | None = None) -> None:
    """Wait for a state: for the beginning patiently, for the end as long as is promised."""
    if within_s is None:
        within_s = BEGIN_S if state == "RUNNING" else ABORT_S * SLACK

    def settled() -> bool:
        return account.states(_query(seconds)) == [state]

    until(settled, within_s, f"{_query(seconds)} is {state}")


def _is_aborted(
    server: Server,
    account: Endpoint,
    seconds: int,
    left_at: datetime,
    measured: Measured,
    way: str,
) -> None:
    """The statement ends in the account, and its thread and session come back."""
    _abort_in_time(account, seconds, left_at, measured, way)

    def free() -> bool:
        warehouse = server.request("GET", "/status").json()["warehouse"]
        return (warehouse["threads"]["busy"], warehouse["pool"]["leased"]) == (0, 0)

    until(free, FREE_S * SLACK, "the thread is free")
    measured("thread free (upper bound)", (datetime.now(UTC) - left_at).total_seconds())


def _abort_in_time(
    account: Endpoint, seconds: int, left_at: datetime, measured: Measured, way: str
) -> None:
    _is(account, seconds, "ABORTED")
    ((_, ended_at),) = account.history(_query(seconds))
    assert ended_at is not None
    taken = max(0.0, (ended_at - left_at).total_seconds())
    measured(f"abort, {way}", taken, bound=ABORT_S, slack=SLACK)


def _post_in_session(server: Server, seconds: int) -> socket.socket:
    """A handshake-era call over HTTP whose answer has not come yet."""
    opened = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    opened.sendall(_http(INITIALIZE, server.port))
    session = parse_answer(opened.recv(65_536), "POST")[0].header("Mcp-Session-Id")
    opened.close()
    assert session is not None
    call = {"name": "execute_query", "arguments": {"query": _query(seconds)}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    line = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": HANDSHAKE}
    line.sendall(_http(message, server.port, headers))
    return line


def _http(message: object, port: int, headers: dict[str, str] | None = None) -> bytes:
    body = json.dumps(message).encode()
    return http_request(
        "POST", "/mcp", body, headers=JSON_HEADERS | (headers or {}), host=f"127.0.0.1:{port}"
    )
