"""How much memory does a running statement take, with a small and with a large result?

python -m bench.memory [--at-once 1 4 16]
"""

import argparse
import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from bench.inside import inside
from bench.lag import MILLION, RAISED, ROWS
from bench.report import Table
from tests.support.agents import HttpAgent
from tests.support.processes import peak_kib, resident_kib
from tests.support.server import Server, end_on_sigterm, serving
from tests.support.simulator import simulating

__all__ = ["begin", "main", "measure"]

_GRANT: Final = {"SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait"}
_WAITING: Final = "SELECT SYSTEM$WAIT(2)"
_WARM_UP: Final = 3
_LIMIT_S: Final = 600.0


def measure(at_once: Sequence[int]) -> Table:
    """A row for each kind of statement and number at once."""
    made = Table(
        "Memory of a running statement",
        "Resident memory of the server before, at its highest while the statements run, and once "
        "they are over; each case has run with the same number at once before, so that what stays "
        "with the process is in *before*. *Per statement* is the growth divided by their number. "
        "*Waiting* statements compute in the account; *10,000 rows* is what the default limits "
        "leave of 1,000,000; *counted* is the warehouse alone in a process, every one of the "
        "1,000,000 rows fetched and converted, none kept; *in one answer* is the server with "
        "limits far above the defaults, about 50 MB of JSON for each.",
        ("statements", "before MiB", "highest MiB", "after MiB", "MiB per statement"),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            simulating(folder) as endpoint,
            serving(folder, "--no-demo", environ={**endpoint.environ, **_GRANT}) as server,
        ):
            for count in at_once:
                _served(made, f"{count} waiting", server, count, {"query": _WAITING})
            for count in at_once:
                arguments = {"query": MILLION, "limit": 10_000}
                _served(made, f"{count} of 10,000 rows", server, count, arguments)
        with simulating(folder) as endpoint, inside(folder, endpoint.environ) as warehouse:
            for count in at_once:
                warehouse.run("SELECT 1", at_once=count, calls=_WARM_UP)
                warehouse.run(MILLION, at_once=count, count_only=True)
                before = begin(warehouse.pid)
                warehouse.run(MILLION, at_once=count, count_only=True)
                _add(made, f"{count} of 1,000,000 rows, counted", warehouse.pid, before, count)
        with (
            simulating(folder) as endpoint,
            serving(folder, "--no-demo", environ={**endpoint.environ, **RAISED}) as server,
        ):
            for count in at_once:
                arguments = {"query": MILLION, "limit": ROWS}
                label = f"{count} of 1,000,000 rows in one answer"
                _served(made, label, server, count, arguments)
    return made


def _served(
    made: Table, label: str, server: Server, count: int, arguments: Mapping[str, object]
) -> None:
    asyncio.run(_calls(server, count, arguments))
    before = begin(server.pid)
    asyncio.run(_calls(server, count, arguments))
    _add(made, label, server.pid, before, count)


async def _calls(server: Server, count: int, arguments: Mapping[str, object]) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(_LIMIT_S):
        agents = [
            await stack.enter_async_context(await HttpAgent.open(server.port)) for _ in range(count)
        ]
        params = {"name": "execute_query", "arguments": arguments}
        answers = await asyncio.gather(*(agent.post(1, "tools/call", params) for agent in agents))
    for answer in answers:
        if answer.status != 200 or b'"isError":true' in answer.body:
            raise RuntimeError(answer.body[:1000].decode())


def begin(pid: int) -> int:
    """Forget the highest resident memory; gives the present one in KiB."""
    # 5 is the kernel's word for it; see proc(5).
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return resident_kib(pid)


def _add(made: Table, label: str, pid: int, before: int, count: int) -> None:
    highest, after = peak_kib(pid), resident_kib(pid)
    made.add(label, *(kib / 1024 for kib in (before, highest, after, (highest - before) / count)))


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4, 16])
    print(measure(parser.parse_args().at_once))


if __name__ == "__main__":
    main()
