"""What does the server add to the connector? The same queries with and without it, in turn.

    python -m bench.added_latency [--calls 100] [--turns 4]

Both sides use one embedded endpoint in a process of its own, and turns alternate within one run,
so that whatever else the machine does falls on both alike.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

from bench.report import Table, percentile
from snowflake_mcp.warehouse import queries
from tests.support.agents import HttpAgent, WebSocketAgent
from tests.support.server import Server, end_on_sigterm, serving
from tests.support.simulator import simulating

__all__ = ["main", "measure"]

QUERIES: Final = {
    "SELECT 1": "SELECT 1",
    "1,000 rows of 7 columns": "SELECT * FROM DEMO.PRODUCT.EVENTS LIMIT 1000",
}
_ROWS: Final = 1_000
_WARM_UP: Final = 10

Side = Callable[[str, int], list[float]]
"""Runs a query so many times and gives each time in seconds."""


def measure(calls: int, turns: int) -> Table:
    """A table with a row for each query and way."""
    made = Table(
        "Added latency",
        f"{calls} calls a turn, one after the other, {turns} turns of each way in alternation; "
        "the way *connector* is execute() and fetchall() in a thread of the client, *by id* "
        "submits first and waits then, as the server does. The ratio is of medians.",
        ("query and way", "calls", "p50 ms", "p99 ms", "ratio"),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        endpoint = stack.enter_context(simulating(folder))
        server = stack.enter_context(serving(folder, "--no-demo", environ=endpoint.environ))
        connection = stack.enter_context(closing(endpoint.connect()))
        sides: dict[str, Side] = {
            "connector": _connector(connection, _at_once),
            "connector by id": _connector(connection, _by_id),
            "HTTP": _http(server),
            "WebSocket": _websocket(server),
        }
        for label, query in QUERIES.items():
            taken: dict[str, list[float]] = {name: [] for name in sides}
            for side in sides.values():
                side(query, _WARM_UP)
            for _ in range(turns):
                for name, side in sides.items():
                    taken[name].extend(side(query, calls))
            base = percentile(taken["connector"], 50)
            for name, times in taken.items():
                p50, p99 = percentile(times, 50), percentile(times, 99)
                made.add(f"{label}, {name}", len(times), p50 * 1e3, p99 * 1e3, p50 / base)
    return made


def _connector(connection: Any, execute: Callable[[Any, str], Any]) -> Side:
    def run(query: str, calls: int) -> list[float]:
        async def each() -> list[float]:
            return [await asyncio.to_thread(once) for _ in range(calls)]

        def once() -> float:
            began = time.perf_counter()
            with execute(connection, query) as cursor:
                cursor.fetchall()
            return time.perf_counter() - began

        return asyncio.run(each())

    return run


def _at_once(connection: Any, query: str) -> Any:
    return connection.cursor().execute(query)


def _by_id(connection: Any, query: str) -> Any:
    cursor = queries.open_cursor(connection)
    query_id = queries.submit(cursor, query, {})
    queries.await_result(cursor, connection, query_id, lambda: True)
    return cursor


def _http(server: Server) -> Side:
    async def each(query: str, calls: int) -> list[float]:
        async with await HttpAgent.open(server.port) as agent:
            return [await _timed(agent, query, n) for n in range(calls)]

    return lambda query, calls: asyncio.run(each(query, calls))


def _websocket(server: Server) -> Side:
    async def each(query: str, calls: int) -> list[float]:
        async with await WebSocketAgent.open(server.port) as agent:
            await agent.initialize()
            return [await _timed(agent, query, n) for n in range(calls)]

    return lambda query, calls: asyncio.run(each(query, calls))


async def _timed(agent: HttpAgent | WebSocketAgent, query: str, request_id: int) -> float:
    began = time.perf_counter()
    arguments: dict[str, Any] = {"query": query, "limit": _ROWS}
    answer = await agent.call(request_id, "execute_query", arguments)
    taken = time.perf_counter() - began
    if answer["result"].get("isError"):
        raise RuntimeError(answer["result"]["content"][0]["text"])
    return taken


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--turns", type=int, default=4)
    options = parser.parse_args()
    print(measure(options.calls, options.turns))


if __name__ == "__main__":
    main()
