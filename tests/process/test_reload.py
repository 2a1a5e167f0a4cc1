"""SIGHUP to the real process while clients are at work: settings change, nobody is disturbed."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.agents import HttpAgent, WebSocketAgent
from tests.support.processes import until
from tests.support.server import Server, serving
from tests.support.simulator import Endpoint, simulating

pytestmark = [pytest.mark.process, pytest.mark.statements]

RELOADS = 6
AGENTS = 3


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An account that outlives the server."""
    with simulating(tmp_path_factory.mktemp("account")) as endpoint:
        yield endpoint


def settings(number: int) -> str:
    """Another configuration for each reload: bounds, places, hosts, and the callers' own role."""
    return (
        f"[limits]\nmax_rows = {50 + number}\n[pool]\nmax_statements = {4 + number}\n"
        f"[http]\nallowed_hosts = ['h{number}.test']\n"
        f"[policy]\ncapabilities = ['system_wait']\n[principals.local]\nrole = 'R{number}'\n"
    )


def reloaded(server: Server, times: int) -> None:
    """Wait until so many reloads have been applied."""
    until(lambda: server.log_text.count("reload: applied: ") == times, 10, "the reload is applied")


def test_a_reload_under_load_disturbs_nobody(account: Endpoint, tmp_path: Path) -> None:
    """Every call on every connection is answered, a long one too, and the last settings count."""
    config = tmp_path / "c.toml"
    config.write_text(settings(0))
    environ = account.environ
    with serving(tmp_path, "--no-demo", "--config", str(config), environ=environ) as server:

        async def at_work(agent: HttpAgent | WebSocketAgent, over: asyncio.Event) -> int:
            number = 0
            while not over.is_set():
                number += 1
                arguments = {"query": f"SELECT {number} AS N"}
                if isinstance(agent, HttpAgent):
                    answer = await agent.call(number, "execute_query", arguments)
                else:
                    answer = await agent.call(number, "execute_query", arguments, stateless=True)
                assert answer["id"] == number
                assert answer["result"]["structuredContent"]["rows"] == [[number]], answer
            return number

        async def scene() -> None:
            over = asyncio.Event()
            async with asyncio.timeout(50), asyncio.TaskGroup() as group:
                agents: list[Any] = []
                for _ in range(AGENTS):
                    agents.append(await HttpAgent.open(server.port))
                    agents.append(await WebSocketAgent.open(server.port))
                patient = await HttpAgent.open(server.port)
                wait = {"query": "SELECT SYSTEM$WAIT(4) AS W"}
                long = group.create_task(patient.call("long", "execute_query", wait))
                working = [group.create_task(at_work(agent, over)) for agent in agents]
                for number in range(1, RELOADS + 1):
                    config.write_text(settings(number))
                    server.signal(signal.SIGHUP)
                    await asyncio.to_thread(reloaded, server, number)
                answer = await long
                assert answer["result"]["structuredContent"]["row_count"] == 1, answer
                over.set()
                assert min([await task for task in working]) > 1
                for agent in (*agents, patient):
                    await agent.close()

        asyncio.run(scene())
        most = 50 + RELOADS
        role = server.call("execute_query", {"query": "SELECT CURRENT_ROLE() AS R"}).json()
        assert f"R{RELOADS}" in str(role), role
        asked = server.call("execute_query", {"query": "SELECT 1", "limit": most + 1})
        assert f"expected at most {most}" in asked.body.decode()
        assert server.request("GET", "/status").json()["warehouse"]["lane"]["max_running"] == 10
    assert "Traceback" not in server.log_text
