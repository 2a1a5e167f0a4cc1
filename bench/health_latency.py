"""How late is the reactor, and ``/health``, while slow statements run and large results are read?

python -m bench.health_latency [--seconds 6] [--rate 200]
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from bench.beating import TOOL
from bench.lateness import EVERY_S
from bench.report import Table, Target, percentile
from tests.support.agents import HttpAgent
from tests.support.server import Server, end_on_sigterm, serving

__all__ = ["main", "measure"]

SLOW: Final = 16
LARGE: Final = 8
MANY: Final = 32
_PROMISED_MS: Final = 20.0
_SETTINGS: Final = {
    "SNOWFLAKE_MCP_TESTING_FIXTURES": "bench.beating",
    "SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait",
    "SNOWFLAKE_MCP_LIMITS_DRAIN_S": "0",
    "SNOWFLAKE_MCP_LIMITS_MAX_ROWS": "200000",
    "SNOWFLAKE_MCP_LIMITS_MAX_RESULT_BYTES": str(16 << 20),
}
_LIMIT_S: Final = 120.0

Load = Callable[[Server], Awaitable[None]]


def measure(seconds: float, rate: float) -> Table:
    """A table with one row for each load."""
    made = Table(
        "Delay of /health under load",
        f"GET /health {rate:.0f} times a second for {seconds:.0f} s from a process of its own. "
        "Each delay counts from when the request was due, so one stall shows in all that it held "
        "up; *answer* counts from when it was sent. *Wake-up* is how late the machine woke that "
        "process: server, demo warehouse, clients and poller share the cores. *Lag* is how late a "
        f"beat of {EVERY_S * 1e3:.0f} ms on the reactor was.",
        (
            *("while", "requests", "p50 ms", "p99 ms", "max ms", "answer p99 ms"),
            *("wake-up p99 ms", "lag p99 ms", "lag max ms"),
        ),
    )
    loads: list[tuple[str, Load]] = [
        ("idle", _idle),
        (f"{SLOW} slow statements run", _slow_statements),
        (f"{LARGE} clients read 10,000 rows each", _reading(LARGE, 10_000)),
        (f"{LARGE} clients read 100,000 rows (10 MiB) each", _reading(LARGE, 100_000)),
        (f"{MANY} clients read 10,000 rows each", _reading(MANY, 10_000)),
        (f"{MANY} clients read 100,000 rows (10 MiB) each", _reading(MANY, 100_000)),
        ("idle again", _idle),
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), "--demo", environ=_SETTINGS) as server,
    ):
        server.call("execute_query", {"query": "SELECT 1"})
        for label, load in loads:
            polled = asyncio.run(_under(server, load, seconds, rate))
            delays, late = polled["delays"], polled["late"]
            made.add(
                label,
                len(delays),
                *(percentile(delays, share) * 1e3 for share in (50, 99, 100)),
                percentile(polled["answers"], 99) * 1e3,
                percentile(polled["wakeups"], 99) * 1e3,
                *(percentile(late, share) * 1e3 for share in (99, 100)),
            )
            for what, values in (("/health", delays), ("reactor lag", late)):
                figure = percentile(values, 99) * 1e3
                text = f"{label}: p99 of {what}"
                made.targets.append(Target(text, figure, _PROMISED_MS, " ms", at_most=True))
    return made


async def _under(server: Server, load: Load, seconds: float, rate: float) -> dict[str, list[float]]:
    running = asyncio.ensure_future(load(server))
    try:
        async with asyncio.timeout(_LIMIT_S):
            await asyncio.sleep(1.0)
            await asyncio.to_thread(_late, server)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.poller"),
                *(str(server.port), str(seconds), str(rate)),
                stdout=asyncio.subprocess.PIPE,
            )
            output, _ = await process.communicate()
            late = await asyncio.to_thread(_late, server)
        if running.done():
            await running
        return {**json.loads(output), "late": late}
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _late(server: Server) -> list[float]:
    """How late each beat was since this was last asked, in seconds."""
    late: list[float] = json.loads(server.call(TOOL, within_s=_LIMIT_S).json()["text"])
    return late


async def _idle(_: Server) -> None:
    await asyncio.sleep(_LIMIT_S)


async def _slow_statements(server: Server) -> None:
    await _clients(server, SLOW, {"query": f"SELECT SYSTEM$WAIT({_LIMIT_S:.0f})"})


def _reading(count: int, rows: int) -> Load:
    return lambda server: _clients(server, count, {"query": _events(rows), "limit": rows})


def _events(rows: int) -> str:
    return f"SELECT * FROM DEMO.PRODUCT.EVENTS LIMIT {rows}"


async def _clients(server: Server, count: int, arguments: dict[str, object]) -> None:
    """``count`` clients that ask again as soon as they have their answer, until cancelled."""
    async with AsyncExitStack() as stack:
        agents = [
            await stack.enter_async_context(await HttpAgent.open(server.port)) for _ in range(count)
        ]
        await asyncio.gather(*(_again(agent, arguments) for agent in agents))


async def _again(agent: HttpAgent, arguments: dict[str, object]) -> None:
    params = {"name": "execute_query", "arguments": arguments}
    while True:
        # Not parsed: that would take the processor from what is measured.
        answer = await agent.post(1, "tools/call", params)
        if answer.status != 200 or b'"isError":true' in answer.body:
            raise RuntimeError(answer.body[:1000].decode())


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rate", type=float, default=200)
    options = parser.parse_args()
    print(measure(options.seconds, options.rate))


if __name__ == "__main__":
    main()
