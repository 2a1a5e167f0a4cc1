"""Many WebSocket and HTTP clients at once with the same ids: does each get its own answers?

python -m bench.isolation [--websockets 100] [--https 100] [--rounds 10]
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.report import Table, percentile
from tests.support.agents import HttpAgent, WebSocketAgent
from tests.support.server import end_on_sigterm, serving

__all__ = ["PARALLEL", "Outcome", "main", "measure", "swarm", "table"]

PARALLEL: Final = 2
"""Requests that a WebSocket client has open at once, under ids that every client uses."""
_LIMIT_S: Final = 120.0


@dataclass(slots=True)
class Outcome:
    """What a swarm saw."""

    websockets: int
    https: int
    seconds: float = 0.0
    latencies_s: dict[str, list[float]] = field(default_factory=lambda: {"ws": [], "http": []})
    faults: list[str] = field(default_factory=list)
    """Answers that were another's, wrong, or failures."""

    @property
    def calls(self) -> int:
        """Answers that came."""
        return sum(map(len, self.latencies_s.values()))


async def swarm(port: int, *, websockets: int, https: int, rounds: int) -> Outcome:
    """Let all clients call at once, ``rounds`` times each, and check every answer.

    Every second WebSocket client speaks the handshake era, the others the stateless one.
    """
    outcome = Outcome(websockets, https)
    async with AsyncExitStack() as stack, asyncio.timeout(_LIMIT_S):
        sockets = [
            await stack.enter_async_context(await WebSocketAgent.open(port))
            for _ in range(websockets)
        ]
        connections = [
            await stack.enter_async_context(await HttpAgent.open(port)) for _ in range(https)
        ]
        for agent in sockets[1::2]:
            await agent.initialize()
        began = time.perf_counter()
        await asyncio.gather(
            *(_socket_client(agent, n, rounds, outcome) for n, agent in enumerate(sockets)),
            *(_http_client(agent, n, rounds, outcome) for n, agent in enumerate(connections)),
        )
        outcome.seconds = time.perf_counter() - began
        for n, agent in enumerate(sockets):
            outcome.faults.extend(f"ws {n}: not asked for: {one}" for one in agent.unclaimed)
    return outcome


async def _socket_client(agent: WebSocketAgent, n: int, rounds: int, outcome: Outcome) -> None:
    async def one(turn: int, slot: int) -> None:
        name = f"ws-{n}-{turn}-{slot}"
        began = time.perf_counter()
        arguments = {"query": _query(name, n)}
        answer = await agent.call(slot, "execute_query", arguments, stateless=not n % 2)
        _note(outcome, "ws", began, answer, slot, name, n)

    for turn in range(rounds):
        await asyncio.gather(*(one(turn, slot) for slot in range(PARALLEL)))


async def _http_client(agent: HttpAgent, n: int, rounds: int, outcome: Outcome) -> None:
    for turn in range(rounds):
        name = f"http-{n}-{turn}"
        began = time.perf_counter()
        answer = await agent.call(turn, "execute_query", {"query": _query(name, n)})
        _note(outcome, "http", began, answer, turn, name, n)


def _query(name: str, n: int) -> str:
    return f"SELECT '{name}' AS NAME, {n} AS N, {n} * {n} AS SQUARE"


def _note(
    outcome: Outcome,
    kind: str,
    began: float,
    answer: Mapping[str, Any],
    request_id: int,
    name: str,
    n: int,
) -> None:
    outcome.latencies_s[kind].append(time.perf_counter() - began)
    result = answer.get("result", {})
    rows = result.get("structuredContent", {}).get("rows")
    if answer.get("id") != request_id or rows != [[name, n, n * n]] or result.get("isError"):
        outcome.faults.append(f"{name}: {answer}")


def measure(websockets: int, https: int, rounds: int) -> Outcome:
    """The swarm against a server of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), "--demo") as server,
    ):
        server.call("execute_query", {"query": "SELECT 1"})
        return asyncio.run(swarm(server.port, websockets=websockets, https=https, rounds=rounds))


def table(outcome: Outcome) -> Table:
    """The outcome for people."""
    made = Table(
        "Isolation under load",
        f"{outcome.websockets} WebSocket clients with {PARALLEL} calls open each and "
        f"{outcome.https} HTTP clients at once: {outcome.calls} calls in {outcome.seconds:.1f} s, "
        f"{len(outcome.faults)} wrong or failed.",
        ("clients", "calls", "calls/s", "p50 ms", "p99 ms", "max ms"),
    )
    for kind, label in (("ws", "WebSocket"), ("http", "HTTP")):
        taken = outcome.latencies_s[kind]
        made.add(
            label,
            len(taken),
            len(taken) / outcome.seconds,
            *(percentile(taken, share) * 1e3 for share in (50, 99, 100)),
        )
    return made


def main() -> None:
    """Measure and print; fails when an answer was wrong."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--websockets", type=int, default=100)
    parser.add_argument("--https", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    outcome = measure(options.websockets, options.https, options.rounds)
    print(table(outcome))
    if outcome.faults:
        raise SystemExit("\n".join(outcome.faults[:10]))


if __name__ == "__main__":
    main()
