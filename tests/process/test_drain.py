"""SIGTERM while statements run: some may finish, the rest are stopped and told so."""

import asyncio
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.agents import Closed, HttpAgent, WebSocketAgent
from tests.support.fault_record import Measured
from tests.support.processes import alive, until
from tests.support.server import Server, serving

pytestmark = [pytest.mark.process, pytest.mark.statements]

GOING_AWAY = 1001
ENVIRON = {"SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait"}


@pytest.mark.fault("F-18", "SIGTERM with a call on each transport, limits.drain_s = 1")
@pytest.mark.parametrize("stream_after_s", ["15", "0.2"], ids=["json", "event stream"])
def test_what_does_not_finish_is_stopped_and_told(
    tmp_path: Path, stream_after_s: str, measured: Measured
) -> None:
    """After the drain running calls are answered, WebSockets closed with 1001, children gone.

    An HTTP answer that has become an event stream by then ends with the same message.
    """
    environ = {
        **ENVIRON,
        "SNOWFLAKE_MCP_LIMITS_DRAIN_S": "1",
        "SNOWFLAKE_MCP_HTTP_STREAM_AFTER_S": stream_after_s,
    }
    with serving(tmp_path, "--demo", environ=environ) as server:
        (child,) = _warm(server)

        answers, closed, seconds = asyncio.run(_terminate_while_running(server, "30"))

        for answer in answers:
            result = answer["result"]
            assert result["isError"] is True, answer
            assert "stop" in result["content"][0]["text"].lower()
            failure = result["_meta"]["snowflake-mcp/failure"]
            assert (failure["family"], failure["retryable"]) == ("unavailable", True)
        assert closed.code == GOING_AWAY
        assert server.wait(5) == -signal.SIGTERM
        assert not alive(child)
        assert 1 <= seconds < 6
        measured("all answered, drain of 1 s included", seconds)
    assert "Traceback" not in server.log_text


@pytest.mark.fault("F-18", "SIGTERM with calls that end within the drain")
def test_what_finishes_in_time_is_answered_as_ever(tmp_path: Path) -> None:
    """A statement that ends within the drain gives its rows, and the server waits no longer."""
    environ = {**ENVIRON, "SNOWFLAKE_MCP_LIMITS_DRAIN_S": "20"}
    with serving(tmp_path, "--demo", environ=environ) as server:
        _warm(server)

        answers, closed, seconds = asyncio.run(_terminate_while_running(server, "2"))

        for answer in answers:
            assert "isError" not in answer["result"] or not answer["result"]["isError"], answer
            assert len(answer["result"]["structuredContent"]["rows"]) == 1
        assert closed.code == GOING_AWAY
        assert server.wait(5) == -signal.SIGTERM
        assert seconds < 6
    assert "Traceback" not in server.log_text


@pytest.mark.fault("F-18", "new calls during the drain")
def test_while_it_drains_nothing_new_begins(tmp_path: Path) -> None:
    """The port closes at once, and a client that is still connected hears that it stops."""
    environ = {**ENVIRON, "SNOWFLAKE_MCP_LIMITS_DRAIN_S": "2"}
    with serving(tmp_path, "--demo", environ=environ) as server:
        _warm(server)

        async def call_late() -> dict[str, Any]:
            async with await WebSocketAgent.open(server.port) as agent, asyncio.timeout(20):
                running = asyncio.create_task(_wait_call(agent, "30"))
                await asyncio.to_thread(_running, server, 1)
                server.signal(signal.SIGTERM)
                await asyncio.to_thread(until, lambda: _refused(server), 2, "the port is closed")
                assert server.process.poll() is None
                late = await agent.call(2, "list_databases", {}, stateless=True)
                assert not running.done()
                await running
                await agent.closed()
            return late

        late = asyncio.run(call_late())
        assert late["result"]["isError"] is True
        assert "stopping" in late["result"]["content"][0]["text"]
        server.wait(5)


async def _terminate_while_running(
    server: Server, wait_s: str
) -> tuple[list[dict[str, Any]], Closed, float]:
    """SIGTERM once a call runs over each transport; the answers, the close, the time it took."""
    query = {"query": f"SELECT SYSTEM$WAIT({wait_s})"}
    async with (
        await HttpAgent.open(server.port) as http,
        await WebSocketAgent.open(server.port) as old,
        await WebSocketAgent.open(server.port) as new,
        asyncio.timeout(25),
    ):
        await old.initialize()
        calls = asyncio.gather(
            http.call(1, "execute_query", query),
            old.call(1, "execute_query", query),
            _wait_call(new, wait_s),
        )
        await asyncio.to_thread(_running, server, 3)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        answers = await calls
        seconds = time.monotonic() - began
        closed = await old.closed()
        assert (await new.closed()).code == closed.code
    return list(answers), closed, seconds


async def _wait_call(agent: WebSocketAgent, wait_s: str) -> dict[str, Any]:
    query = {"query": f"SELECT SYSTEM$WAIT({wait_s})"}
    return await agent.call(1, "execute_query", query, stateless=True)


def _warm(server: Server) -> list[int]:
    """A first answer, so that logging in is no part of what is measured; the demo's process."""
    assert server.call("execute_query", {"query": "SELECT 1"}).status == 200
    return server.demo_pids()


def _running(server: Server, count: int) -> None:
    def statements() -> int:
        status = server.request("GET", "/status").json()
        return int(status["warehouse"]["lane"]["running"])

    until(lambda: statements() == count, 10, f"{count} statements run")


def _refused(server: Server) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", server.port)) != 0
