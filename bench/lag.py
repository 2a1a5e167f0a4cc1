"""How late does the reactor turn while results of 1,000,000 rows are read?

    python -m bench.lag [--at-once 1 4 16]

Twice: the warehouse by itself, whose collector counts the rows and keeps none, and the whole
server with its limits raised so that the rows become answers of about 50 MB.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from bench.beating import TOOL
from bench.inside import Inside, inside
from bench.lateness import EVERY_S, WakeUps
from bench.report import Table, percentile
from tests.support.agents import HttpAgent
from tests.support.server import Server, end_on_sigterm, serving
from tests.support.simulator import simulating

__all__ = ["MILLION", "RAISED", "main", "measure"]

MILLION: Final = (
    "SELECT EVENT_ID, OCCURRED_AT, EVENT_TYPE FROM DEMO.PRODUCT.EVENTS "
    "CROSS JOIN (SELECT 1 AS N UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4)"
)
"""1,000,000 rows of a number, a timestamp and a text; 27.5 MB as Arrow."""
ROWS: Final = 1_000_000
RAISED: Final = {
    "SNOWFLAKE_MCP_LIMITS_MAX_ROWS": str(ROWS),
    "SNOWFLAKE_MCP_LIMITS_MAX_RESULT_BYTES": str(64 << 20),
}
"""Settings that let the whole of it into one answer."""
_IDLE_S: Final = 5
_POLLS_PER_S: Final = 50
_LIMIT_S: Final = 600.0


def measure(at_once: Sequence[int]) -> Table:
    """A row for each number of results, alone and in the server."""
    made = Table(
        "Reactor lag while results of 1,000,000 rows are read",
        f"How late a beat of {EVERY_S * 1e3:.0f} ms on the reactor was. *warehouse*: the "
        "warehouse alone in a process, every row fetched and converted, then only counted. "
        "*server*: the whole server, every row in a JSON answer of about 50 MB; GET /health "
        f"{_POLLS_PER_S} times a second from a process of its own, from sending to the answer. "
        "The last column is how late the machine woke an idle process: endpoint, server and "
        "clients share the cores.",
        (
            *("while", "s", "rows/s", "beats", "p50 ms", "p99 ms", "max ms"),
            *("/health p99 ms", "wake-up p99 ms"),
        ),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with simulating(folder) as endpoint, inside(folder, endpoint.environ) as warehouse:
            _alone(made, warehouse, at_once)
        environ = {**RAISED, "SNOWFLAKE_MCP_TESTING_FIXTURES": "bench.beating"}
        with (
            simulating(folder) as endpoint,
            serving(folder, "--no-demo", environ={**endpoint.environ, **environ}) as server,
        ):
            server.call("execute_query", {"query": "SELECT 1"})
            for count in (0, *at_once):
                asyncio.run(_served(made, server, count))
    return made


def _alone(made: Table, warehouse: Inside, at_once: Sequence[int]) -> None:
    warehouse.run("SELECT 1")
    for count in (0, *at_once):
        with WakeUps() as control:
            if count:
                taken = warehouse.run(MILLION, at_once=count, count_only=True)
            else:
                taken = warehouse.run(f"SELECT SYSTEM$WAIT({_IDLE_S})", count_only=True)
        if count and taken.rows != ROWS * count:
            raise RuntimeError(f"{taken.rows} rows instead of {ROWS * count}")
        _add(made, f"warehouse, {_load(count)}", count, taken.seconds, taken.late, [], control.late)


async def _served(made: Table, server: Server, count: int) -> None:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack, asyncio.timeout(_LIMIT_S):
        readers = [
            await stack.enter_async_context(await HttpAgent.open(server.port)) for _ in range(count)
        ]
        await asyncio.to_thread(_late, server)
        poller = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.poller"),
            *(str(server.port), str(_LIMIT_S if count else _IDLE_S), str(_POLLS_PER_S)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        began = loop.time()
        if count:
            await asyncio.gather(*(_read(agent) for agent in readers))
            seconds, late = loop.time() - began, await asyncio.to_thread(_late, server)
            poller.terminate()
            output, _ = await poller.communicate()
        else:
            output, _ = await poller.communicate()
            seconds, late = loop.time() - began, await asyncio.to_thread(_late, server)
    polled = json.loads(output)
    label = f"server, {_load(count)}"
    _add(made, label, count, seconds, late, polled["answers"], polled["wakeups"])


async def _read(agent: HttpAgent) -> None:
    params = {"name": "execute_query", "arguments": {"query": MILLION, "limit": ROWS}}
    # Not parsed: that would take the processor from what is measured.
    answer = await agent.post(1, "tools/call", params)
    if answer.status != 200 or b'"isError":true' in answer.body:
        raise RuntimeError(answer.body[:1000].decode())


def _late(server: Server) -> list[float]:
    """How late the beats were since this was last asked."""
    late: list[float] = json.loads(server.call(TOOL).json()["text"])
    return late


def _load(count: int) -> str:
    return f"{count} result{'s' if count > 1 else ''} at once" if count else "idle"


def _add(
    made: Table,
    label: str,
    count: int,
    seconds: float,
    late: Sequence[float],
    health: Sequence[float],
    control: Sequence[float],
) -> None:
    made.add(
        label,
        seconds,
        count * ROWS / seconds,
        len(late),
        *(percentile(late, share) * 1e3 for share in (50, 99, 100)),
        percentile(health, 99) * 1e3,
        percentile(control, 99) * 1e3,
    )


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4, 16])
    print(measure(parser.parse_args().at_once))


if __name__ == "__main__":
    main()
