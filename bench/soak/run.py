"""One soak: a server and an endpoint, clients and trouble between them, and the verdict."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.soak.client import Client, Plan
from bench.soak.clients import KINDS
from bench.soak.ledger import Ledger
from bench.soak.trouble import Trouble
from bench.soak.watch import Rest, Watch, at_rest
from tests.support.agents import WebSocketAgent
from tests.support.processes import until
from tests.support.server import Server, serving
from tests.support.simulator import simulating

__all__ = ["WARM_UP", "Outcome", "soak"]

WARM_UP: Final = 0.3
"""The share of a soak in which memory may still find its level."""
_WIDTH: Final = 24
"""Statements at once; the endpoint runs no more."""
_SETTINGS: Final = {
    "SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait",
    "SNOWFLAKE_MCP_POOL_MAX_STATEMENTS": str(_WIDTH),
    # Idle sessions are to be gone soon after the end, so that what is left over shows.
    "SNOWFLAKE_MCP_POOL_IDLE_SESSION_S": "5",
    "SNOWFLAKE_MCP_HTTP_IDLE_TIMEOUT_S": "60",
    "SNOWFLAKE_MCP_LIMITS_STATEMENT_TIMEOUT_S": "60",
}
_SETTLE_S: Final = 60.0
_GROWTH_SHARE: Final = 0.15
_GROWTH_MIB: Final = 20.0
_FAULT_EVERY_S: Final = 1.5
_BAD_LINES: Final = ("Traceback", "Unhandled", "#critical", "#error] a request")
_MAY_STAY: Final = {"Snowflake sessions idle": 1}
"""One may be kept warm for the next call."""
_AS_BEFORE: Final = ("threads", "descriptors")
"""Kept once they are there; whatever is in neither of these must be none at rest."""


@dataclass(slots=True)
class Outcome:
    """What a soak has shown."""

    minutes: float
    clients: int
    seed: int
    ledger: Ledger
    trouble: Trouble
    watch: Watch
    before: Rest
    after: Rest
    left_running: int
    """Statements that the endpoint still runs."""
    left_sessions: int
    """Sessions that the endpoint still has."""
    stop_s: float = 0.0
    """From SIGTERM to the end of the process."""
    seconds: float = 0.0
    log_faults: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Everything that must not be, in words."""
        found = list(self.ledger.faults)
        over = too_much(self.after, self.before)
        found += [
            f"left over: {self.after.held[what]} {what}, {over[what]} expected" for what in over
        ]
        if over:
            found.append(f"more than before: {dict(self.after.detail - self.before.detail)}")
        if self.left_running:
            found.append(f"left over: {self.left_running} statements running at the endpoint")
        # A session whose master token has expired cannot be ended any more.
        forgotten = self.trouble.fired["submission: master token expired"]
        if self.left_sessions > forgotten + self.after.held["Snowflake sessions idle"]:
            found.append(f"left over: {self.left_sessions} sessions at the endpoint")
        growth = self.watch.growth(WARM_UP)
        if growth > _GROWTH_MIB + _GROWTH_SHARE * self.after.rss_mib:
            found.append(f"memory grew by {growth:.1f} MiB after the warm-up")
        return found + self.log_faults


def soak(minutes: float, clients: int, seed: int, pause_s: float) -> Outcome:
    """Run it; blocks for ``minutes`` and a while."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with simulating(folder, "--faults") as endpoint:
            environ = {**endpoint.environ, **_SETTINGS}
            trouble = Trouble(endpoint.port, seed, _FAULT_EVERY_S)
            with serving(folder, "--no-demo", environ=environ) as server:
                asyncio.run(_warm_up(server))
                before = _settled(server, trouble)
                ledger, watch = Ledger(), Watch(server.pid)
                plan = Plan(server.port, ledger, pause_s)
                began = time.perf_counter()
                crashed = asyncio.run(_live(plan, watch, trouble, clients, seed, minutes))
                seconds = time.perf_counter() - began
                after = _settled(server, trouble, before)
                now = trouble.now()
                outcome = Outcome(
                    *(minutes, clients, seed, ledger, trouble, watch, before, after),
                    left_running=len(now["running"]),
                    left_sessions=len(now["sessions"]),
                    seconds=seconds,
                )
                ledger.faults.extend(f"a client broke: {error!r}" for error in crashed)
                began = time.perf_counter()
                server.stop()
                outcome.stop_s = time.perf_counter() - began
                outcome.log_faults = [
                    f"log: {line[:300]}"
                    for line in server.log_text.splitlines()
                    if any(bad in line for bad in _BAD_LINES)
                ][:20]
    return outcome


def too_much(rest: Rest, before: Rest) -> dict[str, int]:
    """What there is too much of at rest, and how much there may be."""
    allowed = {
        what: before.held[what] if what in _AS_BEFORE else _MAY_STAY.get(what, 0)
        for what in rest.held
    }
    return {what: most for what, most in allowed.items() if rest.held[what] > most}


async def _warm_up(server: Server) -> None:
    """Make the server start every thread that it will ever have."""

    async def wait(n: int) -> None:
        async with await WebSocketAgent.open(server.port) as agent:
            arguments = {"query": f"SELECT SYSTEM$WAIT({1 + n % 3})"}
            call = asyncio.ensure_future(agent.call(1, "execute_query", arguments, stateless=True))
            if n % 4:
                await call
            else:
                await asyncio.wait({call}, timeout=1.5)
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)

    for _ in range(2):
        await asyncio.gather(*(wait(n) for n in range(2 * _WIDTH)))


def _settled(server: Server, trouble: Trouble, before: Rest | None = None) -> Rest:
    """What is held once all is quiet and down to ``before``, or after a while in any case."""
    rest = at_rest(server)

    def quiet() -> bool:
        nonlocal rest
        rest = at_rest(server)
        # The driver keeps threads and sockets of its own for some seconds.
        return not (too_much(rest, before or rest) or trouble.now()["running"])

    # What is left over is told in the verdict.
    with suppress(AssertionError):
        until(_seldom(quiet), _SETTLE_S, "the server is at rest")
    return rest


def _seldom(condition: Callable[[], bool]) -> Callable[[], bool]:
    """The condition, looked at once in half a second: looking costs the server something, too."""
    last = 0.0

    def looked() -> bool:
        nonlocal last
        now = time.perf_counter()
        if now - last < 0.5:
            return False
        last = now
        return condition()

    return looked


async def _live(
    plan: Plan, watch: Watch, trouble: Trouble, clients: int, seed: int, minutes: float
) -> list[BaseException]:
    over = asyncio.Event()
    chosen: list[Client] = [KINDS[n % len(KINDS)](plan, n, seed) for n in range(clients)]
    looking = asyncio.ensure_future(watch.look(over))
    troubling = asyncio.ensure_future(trouble.make(over))
    living = [asyncio.ensure_future(client.live(over)) for client in chosen]
    done, _ = await asyncio.wait(
        {looking, troubling}, timeout=minutes * 60, return_when=asyncio.FIRST_EXCEPTION
    )
    over.set()
    ended = await asyncio.gather(*living, looking, troubling, return_exceptions=True)
    for each in done:
        each.result()
    return [each for each in ended if isinstance(each, BaseException)]
