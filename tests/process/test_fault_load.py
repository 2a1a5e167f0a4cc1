"""Faults of load and of ends: places taken, cancels that meet the end, a server that is killed."""

import asyncio
import itertools
import os
import random
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agents import HttpAgent, WebSocketAgent
from tests.support.fault_record import Measured
from tests.support.processes import alive, until
from tests.support.server import (
    Server,
    clean_environ,
    free_port,
    kill_session,
    script,
    serving,
)
from tests.support.simulator import Endpoint, simulating

pytestmark = [pytest.mark.process, pytest.mark.statements]

GRANT = {"SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait"}
AT_ONCE = 8
QUICK_S = 0.050
SLACK = 4.0
"""Machines that run tests beside other work are slower than the promise."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """What stands for a Snowflake account."""
    with simulating(tmp_path_factory.mktemp("account")) as endpoint:
        yield endpoint


@pytest.mark.timeout(240)
@pytest.mark.fault("F-08", "notifications/cancelled around the moment of the answer")
@pytest.mark.parametrize("races", [150, pytest.param(1_000, marks=pytest.mark.full)])
def test_a_cancel_that_meets_the_end(
    account: Endpoint, tmp_path: Path, measured: Measured, races: int
) -> None:
    """Each call is answered once or not at all, and nothing is left of any."""
    # What is cancelled holds its place on the connection until its thread is back.
    environ = {**account.environ, "SNOWFLAKE_MCP_WEBSOCKET_MAX_IN_FLIGHT": "1024"}
    with serving(tmp_path, "--no-demo", environ=environ) as server:
        _warm(server)
        answered, late = asyncio.run(_race(server, races))
        assert late == []
        until(lambda: _running(server) == (0, 0, 0), 5, "places, threads and sessions are free")
        totals = server.request("GET", "/status").json()["totals"]
        assert server.request("GET", "/status").json()["requests_running"] == 0
    ended = totals["statements_ok"] + totals.get("statements_cancelled", 0)
    assert totals["statements"] == ended
    # Both outcomes must have come up, or the cancels came nowhere near the end.
    assert 0 < answered < races
    measured(f"answered in spite of the cancel, of {races:,}", answered, "")
    measured("left over or answered twice", 0, "")
    assert "Traceback" not in server.log_text


@pytest.mark.fault("F-09", "pool.max_statements = 2 and no queue, with 2 statements running")
def test_more_statements_than_places(account: Endpoint, tmp_path: Path, measured: Measured) -> None:
    """The third is told so at once, and what needs no place is as quick as ever."""
    environ = {
        **account.environ,
        **GRANT,
        "SNOWFLAKE_MCP_POOL_MAX_STATEMENTS": "2",
        "SNOWFLAKE_MCP_POOL_MAX_WAITING": "0",
    }
    with serving(tmp_path, "--no-demo", environ=environ) as server:
        _warm(server)
        asyncio.run(_crowded(server, measured))
        until(lambda: _running(server) == (0, 0, 0), 5, "places, threads and sessions are free")


@pytest.mark.fault("F-20", "kill -9 while a statement runs, started with a pid file")
def test_a_killed_server_starts_again(account: Endpoint, tmp_path: Path) -> None:
    """Same pid file, same port, no cleaning: the next one serves."""
    port, pid_file = free_port(), tmp_path / "server.pid"

    def begin() -> Server:
        with (tmp_path / "log").open("ab") as out:
            options = ["-n", "--pidfile", str(pid_file), "snowflake-mcp", "--no-demo"]
            process = subprocess.Popen(
                [script("twistd"), *options, "--port", str(port)],
                cwd=tmp_path,
                env=clean_environ(tmp_path, {**account.environ, **GRANT}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Server(process, port, tmp_path / "log").wait_ready()

    first = begin()
    try:
        query = "SELECT SYSTEM$WAIT(61)"

        async def leave() -> None:
            async with await HttpAgent.open(port) as agent:
                call = asyncio.create_task(agent.call(1, "execute_query", {"query": query}))
                await asyncio.to_thread(
                    until, lambda: account.states(query) == ["RUNNING"], 10, "it runs"
                )
                first.signal(signal.SIGKILL)
                await asyncio.gather(call, return_exceptions=True)

        asyncio.run(leave())
        assert first.wait(5) == -signal.SIGKILL
        assert int(pid_file.read_text()) == first.pid
    finally:
        assert kill_session(first.process) == []
    second = begin()
    try:
        _warm(second)
        answer = second.call("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
        assert answer.json()["result"]["rows"] == [[42]]
        assert int(pid_file.read_text()) == second.pid
        assert second.stop() == -signal.SIGTERM
        assert not pid_file.exists()
    finally:
        assert kill_session(second.process) == []
    assert not alive(first.pid)
    os.kill(account.pid, 0)


async def _race(server: Server, races: int) -> tuple[int, list[object]]:
    """Calls that are cancelled when they are about due: how many were answered, what came late."""
    chance = random.Random(20)
    numbers = itertools.count(1)
    answered: set[int] = set()

    async with await WebSocketAgent.open(server.port) as agent, asyncio.timeout(200):
        await agent.initialize()
        due_s = 0.01

        async def one_after_another() -> None:
            nonlocal due_s
            while (number := next(numbers)) <= races:
                call = asyncio.create_task(
                    agent.call(number, "execute_query", {"query": "SELECT 1"})
                )
                await asyncio.wait([call], timeout=due_s * chance.uniform(0.5, 1.5))
                params = {"requestId": number}
                cancel = {"method": "notifications/cancelled", "params": params}
                agent.send({"jsonrpc": "2.0", **cancel})
                # An answer that was on its way comes before that of a later request.
                await agent.request(f"after {number}", "ping")
                if call.done():
                    assert call.result()["result"]["structuredContent"]["rows"] == [[1]]
                    answered.add(number)
                # So that the next cancels come nearer to the end, which moves with the load.
                due_s = max(0.001, due_s * (0.97 if call.done() else 1.03))
                call.cancel()

        await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
        # A second answer, or one after the fact, would come before this one.
        await agent.request("last", "ping")
        waiting = set(agent._waiting)
        late = [n for n in range(1, races + 1) if n not in answered and n not in waiting]
        return len(answered), [*late, *agent.unclaimed]


async def _crowded(server: Server, measured: Measured) -> None:
    async with (
        await WebSocketAgent.open(server.port) as busy,
        await HttpAgent.open(server.port) as agent,
        asyncio.timeout(30),
    ):
        # A place is free again when its thread is done, a little after the answer.
        await asyncio.to_thread(until, lambda: _running(server)[0] == 0, 10, "the places are free")
        query = {"query": "SELECT SYSTEM$WAIT(30)"}
        calls = [
            asyncio.create_task(busy.call(n, "execute_query", query, stateless=True))
            for n in (1, 2)
        ]
        await asyncio.to_thread(until, lambda: _running(server)[0] == 2, 10, "two statements run")
        for number in range(30):
            began = time.perf_counter()
            told = await agent.call(number, "execute_query", {"query": "SELECT 1"})
            measured("busy", (time.perf_counter() - began) * 1000, "ms")
            failure = told["result"]["_meta"]["snowflake-mcp/failure"]
            assert (failure["family"], failure["retryable"]) == ("busy", True)
        spent: list[float] = []
        for number in range(30):
            began = time.perf_counter()
            answer = await agent.exchange("GET", "/health")
            taken = time.perf_counter() - began
            assert answer.status == 200
            measured("/health", taken * 1000, "ms")
            spent.append(taken)
            began = time.perf_counter()
            listed = await agent.request(number, "tools/list")
            taken = time.perf_counter() - began
            assert listed["result"]["tools"]
            measured("tools/list", taken * 1000, "ms")
            spent.append(taken)
        # The middle, because a single one may have met another process of a busy machine.
        assert statistics.median(spent) < QUICK_S * SLACK
        assert not any(call.done() for call in calls)
        for call in calls:
            call.cancel()


def _warm(server: Server) -> None:
    """Wait for the gate's processes and the first session."""

    def answered() -> bool:
        return server.call("execute_query", {"query": "SELECT 1"}).status == 200

    until(answered, 20, "a query is answered")


def _running(server: Server) -> tuple[int, int, int]:
    warehouse = server.request("GET", "/status").json()["warehouse"]
    return (
        int(warehouse["lane"]["running"]),
        int(warehouse["threads"]["busy"]),
        int(warehouse["pool"]["leased"]),
    )
