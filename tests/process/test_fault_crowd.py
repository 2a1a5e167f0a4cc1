"""One caller floods the server: what it is told, and what the others notice of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.report import percentile
from tests.support.agents import WebSocketAgent
from tests.support.fault_record import Measured
from tests.support.processes import until
from tests.support.server import Server, run_command, serving
from tests.support.simulator import Endpoint, simulating

pytestmark = [pytest.mark.process, pytest.mark.statements]

CONFIG = """
[auth]
token_file = "{folder}/tokens.toml"

[policy]
capabilities = ["system_wait"]

[websocket]
max_in_flight = 1024

[principals.flood]
[principals.quiet]
"""
RATES = """
[rates]
max_statements = 8
max_waiting = 100
"""
CALLS = 1_000
STATEMENT_S = 0.2
QUERY = {"query": f"SELECT SYSTEM$WAIT({STATEMENT_S * 1000:.0f}, 'MILLISECONDS')"}
AT_LEAST = 20
"""Calls of the other one, so that its slowest tenth is more than one."""
SLACK = 1.5
"""Machines that run tests beside other work are slower than the promise."""


@dataclass
class Seen:
    """What one caller was told, and how long it took."""

    seconds: list[float] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)

    def note(self, answer: dict[str, Any], began: float) -> None:
        """One answer."""
        failure = answer["result"].get("_meta", {}).get("snowflake-mcp/failure")
        self.told["ok" if failure is None else failure["family"]] += 1
        self.seconds.append(time.perf_counter() - began)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """What stands for a Snowflake account."""
    with simulating(tmp_path_factory.mktemp("account")) as endpoint:
        yield endpoint


def token(folder: Path, principal: str) -> dict[str, str]:
    """The headers of a caller, with a token made as an operator makes one."""
    done = run_command(folder, "token", "new", "--config", "config.toml", "--principal", principal)
    assert done.returncode == 0, done.stderr
    return {"Authorization": f"Bearer {done.stdout.strip()}"}


@pytest.mark.timeout(180)
@pytest.mark.fault("F-10", "1,000 calls at once of one caller, while another calls one by one")
@pytest.mark.parametrize("rates", ["", RATES], ids=["as it comes", "with rates"])
def test_one_caller_floods(
    account: Endpoint, tmp_path: Path, measured: Measured, rates: str
) -> None:
    """Most of it is refused at once; the other waits at most twice as long as alone."""
    (tmp_path / "config.toml").write_text(CONFIG.format(folder=tmp_path) + rates)
    (tmp_path / "tokens.toml").touch(0o600)
    flood, quiet = token(tmp_path, "flood"), token(tmp_path, "quiet")
    options = ("--no-demo", "--config", "config.toml")
    with serving(tmp_path, *options, environ=account.environ) as server:
        alone, crowded, crowd = asyncio.run(_flooded(server, flood, quiet))
    case = ", with rates" if rates else ""
    # Whatever it is told, it is told so often: nothing is lost, and nobody else pays.
    assert sum(crowd.told.values()) == CALLS
    assert 0 < crowd.told["ok"] < CALLS
    # No place, or no judge: both are retryable.
    assert set(crowd.told) <= {"ok", "busy", "unavailable"}
    assert set(alone.told) == set(crowded.told) == {"ok"}
    measured(f"flood{case}: served", crowd.told["ok"], "")
    measured(f"flood{case}: refused", CALLS - crowd.told["ok"], "")
    for share in (50, 99):
        before, during = percentile(alone.seconds, share), percentile(crowded.seconds, share)
        measured(f"other{case}: p{share} alone", before)
        if share == 50:
            measured(f"other{case}: p{share} in the flood", during)
        else:
            # The tail of few calls on a machine that does other work is the machine's.
            measured(f"other{case}: p{share} in the flood", during, bound=2 * before, slack=SLACK)


async def _flooded(
    server: Server, flood: dict[str, str], quiet: dict[str, str]
) -> tuple[Seen, Seen, Seen]:
    """What the quiet one sees alone and in the flood, and what the flood sees."""
    alone, crowded, crowd = Seen(), Seen(), Seen()
    async with (
        await WebSocketAgent.open(server.port, flood) as many,
        await WebSocketAgent.open(server.port, quiet) as one,
        asyncio.timeout(150),
    ):

        async def call(agent: WebSocketAgent, number: int, seen: Seen) -> None:
            began = time.perf_counter()
            seen.note(await agent.call(number, "execute_query", QUERY, stateless=True), began)

        async def warm(agent: WebSocketAgent, number: int) -> bool:
            seen = Seen()
            await call(agent, number, seen)
            return "ok" in seen.told

        for agent in (many, one):
            for number in range(10_000, 10_040):
                if await warm(agent, number):
                    break
                await asyncio.sleep(0.25)
        for number in range(AT_LEAST):
            await call(one, number, alone)
        calls = [asyncio.create_task(call(many, number, crowd)) for number in range(CALLS)]
        # The flood is there when its calls have taken what they may have of the places.
        await asyncio.to_thread(until, lambda: _running(server, quiet) >= 8, 20, "it floods")
        number = 1_000
        while not all(each.done() for each in calls) or len(crowded.seconds) < AT_LEAST:
            number += 1
            await call(one, number, crowded)
            if all(each.done() for each in calls):
                break
        await asyncio.gather(*calls)
    assert len(crowded.seconds) >= AT_LEAST / 2
    return alone, crowded, crowd


def _running(server: Server, caller: dict[str, str]) -> int:
    status = server.request("GET", "/status", headers=caller).json()
    return int(status["warehouse"]["lane"]["running"])
