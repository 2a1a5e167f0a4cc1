"""What does the server add to the connector? The same queries with and without it, in turn.

    python -m bench.latency [--calls 64] [--turns 4] [--at-once 1 4 16]

All ways use one embedded endpoint in a process of its own, and turns alternate within one run,
so that whatever else the machine does falls on all alike. What is measured, the bare connector or
the server, has one core; the endpoint and the clients have the other.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.by_id import by_id
from bench.cores import CLIENT, SERVER, pin
from bench.inside import Inside, inside
from bench.peers import installing
from bench.peers.contenders import TITLES, floor, labs, ours
from bench.report import Table, Target, percentile
from bench.volley import Volley, fire
from tests.support.server import end_on_sigterm
from tests.support.simulator import simulating

__all__ = ["QUERIES", "main", "measure"]

QUERIES: Final = {
    "SELECT 1": "SELECT 1",
    "1,000 rows": "SELECT * FROM DEMO.PRODUCT.EVENTS LIMIT 1000",
}
_LABS: Final = "labs"
_LABS_MARKS: Final = {
    QUERIES["SELECT 1"]: r"[{\"1\":1}]",
    QUERIES["1,000 rows"]: r"{\"EVENT_ID\":",
}
_MARKS: Final = {QUERIES["SELECT 1"]: '"rows":[[1]]', QUERIES["1,000 rows"]: '"row_count":1000'}
"""What an answer has to have in it."""
_ROWS: Final = 1_000
_WARM_UP: Final = 8
_BASE: Final = "connector"

_BY_ID: Final = "by id"
_FLOOR: Final = "statements"
_ADDED_MS: Final = {_BASE: 3.0, _BY_ID: 1.5}
_THROUGHPUT: Final = 95.0

Way = Callable[[str, int, int], tuple[list[float], float]]
"""Runs a query so many times in each of so many rows of calls; each time, and all, in seconds."""


@dataclass(slots=True)
class _Turns:
    """What the turns of one way with one query and one number at once took."""

    times: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def add(self, times: list[float], seconds: float) -> None:
        self.times += times
        self.medians.append(percentile(times, 50))
        self.rates.append(len(times) / seconds)


def measure(calls: int, turns: int, at_once: Sequence[int]) -> Table:
    """A row for each query, number of calls at once, and way."""
    made = Table(
        "Throughput and added latency",
        f"{calls} calls a turn, {turns} turns of each way in alternation; *at once* is the number "
        "of sessions that call one after the other. *connector*: execute() and fetchall() in plain "
        "threads, a connection each; *by id*: the same, but submitting first and waiting then, as "
        "the server does; *warehouse*: the server's warehouse without transports, tools and "
        "protocol, rendering the same rows; *HTTP* and *WebSocket*: the server, asked by one "
        "client process; *floor: by id over llhttp*: the least that any server on Twisted does: a "
        "bare protocol on llhttp that sends a statement *by id* in a thread (`deferToThreadPool`) "
        "and gives its rows as JSON, without protocol, checks, limits or log; "
        "*snowflake-labs-mcp*: the same by that server, which sends each statement "
        "with execute() on its one connection. Each of them has one core, the embedded warehouse "
        "and the client have the other. Ratios are to *connector* with as many at once: of "
        "medians, and of calls per second. *Spread* is the range of the turns' medians in percent "
        "of the median.",
        (
            *("query, at once, way", "calls", "p50 ms", "p99 ms", "spread %"),
            *("latency ratio", "calls/s", "throughput ratio"),
        ),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # The bare connector runs in threads of this process, which begin where it is.
        os.sched_setaffinity(0, {SERVER})
        endpoint = stack.enter_context(simulating(folder))
        pin(endpoint.pid, CLIENT)
        _, server = stack.enter_context(ours(folder, endpoint.environ))
        alone = stack.enter_context(inside(folder, endpoint.environ))
        connections = [
            stack.enter_context(closing(endpoint.connect())) for _ in range(max(at_once))
        ]
        ways: dict[str, Way] = {
            _BASE: _connector(connections, _at_once),
            _BY_ID: _connector(connections, by_id),
            "warehouse": _warehouse(alone),
            "HTTP": _clients(server.port, "http", _OURS),
            "WebSocket": _clients(server.port, "websocket", _OURS),
        }
        least = stack.enter_context(floor(_FLOOR, folder, str(endpoint.port), str(max(at_once))))
        ways[TITLES[_FLOOR]] = _clients(least.port, "http", _OURS)
        if not installing.install([_LABS]):
            theirs = stack.enter_context(labs(folder, endpoint))
            ways[TITLES[_LABS]] = _clients(theirs.port, "session", _THEIRS)
        for label, query in QUERIES.items():
            for count in at_once:
                _alternate(made, f"{label}, {count}", ways, (query, count), calls, turns)
    return made


def _alternate(
    made: Table, label: str, ways: dict[str, Way], work: tuple[str, int], calls: int, turns: int
) -> None:
    query, count = work
    taken = {name: _Turns() for name in ways}
    for way in ways.values():
        way(query, _WARM_UP, count)
    for _ in range(turns):
        for name, way in ways.items():
            taken[name].add(*way(query, max(1, calls // count), count))
    base = taken[_BASE]
    for name, turn in taken.items():
        median, rate = percentile(turn.times, 50), percentile(turn.rates, 50)
        made.add(
            f"{label}, {name}",
            len(turn.times),
            median * 1e3,
            percentile(turn.times, 99) * 1e3,
            (max(turn.medians) - min(turn.medians)) / median * 100,
            median / percentile(base.times, 50),
            rate,
            rate / percentile(base.rates, 50),
        )
    by_id_rate = percentile(taken[_BY_ID].rates, 50)
    least = percentile(taken[TITLES[_FLOOR]].rates, 50) / by_id_rate * 100
    note = f"*{TITLES[_FLOOR]}*: {least:.1f} %"
    for name in ("HTTP", "WebSocket"):
        for other, bound in _ADDED_MS.items():
            if count == 1:
                added = percentile(taken[name].times, 50) - percentile(taken[other].times, 50)
                text = f"{label} at once, {name}: added to *{other}* at p50"
                made.targets.append(Target(text, added * 1e3, bound, " ms", at_most=True))
        share = percentile(taken[name].rates, 50) / by_id_rate * 100
        text = f"{label} at once, {name}: throughput of *{_BY_ID}*"
        made.targets.append(Target(text, share, _THROUGHPUT, " %", note=note))


def _connector(connections: Sequence[Any], execute: Callable[[Any, str], Any]) -> Way:
    def run(query: str, calls: int, count: int) -> tuple[list[float], float]:
        taken: list[list[float]] = [[] for _ in range(count)]

        def session(place: int) -> None:
            for _ in range(calls):
                began = time.perf_counter()
                with execute(connections[place], query) as cursor:
                    cursor.fetchall()
                taken[place].append(time.perf_counter() - began)

        threads = [threading.Thread(target=session, args=(place,)) for place in range(count)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
        times = [each for place in taken for each in place]
        if len(times) != calls * count:
            raise RuntimeError("a statement failed in its thread")
        return times, seconds

    return run


def _at_once(connection: Any, query: str) -> Any:
    return connection.cursor().execute(query)


def _warehouse(alone: Inside) -> Way:
    def run(query: str, calls: int, count: int) -> tuple[list[float], float]:
        taken = alone.run(query, calls=calls, at_once=count, max_rows=_ROWS)
        return taken.times, taken.seconds

    return run


@dataclass(frozen=True, slots=True)
class _Tool:
    """How a server is asked for the rows of a query."""

    name: str
    argument: str
    more: Mapping[str, Any]
    marks: Mapping[str, str]


_OURS: Final = _Tool("execute_query", "query", {"limit": _ROWS}, _MARKS)
_THEIRS: Final = _Tool("run_snowflake_query", "statement", {}, _LABS_MARKS)


def _clients(port: int, kind: str, tool: _Tool) -> Way:
    def run(query: str, calls: int, count: int) -> tuple[list[float], float]:
        volley = Volley(
            port=port,
            kind=kind,
            method="tools/call",
            params={"name": tool.name, "arguments": {tool.argument: query, **tool.more}},
            connections=count,
            seconds=0,
            expect=tool.marks[query],
            exact=False,
            each=calls,
        )
        fallen = fire(volley, CLIENT)
        if fallen.wrong:
            raise RuntimeError(f"{fallen.wrong} wrong answers: {fallen.examples}")
        return list(fallen.times), fallen.seconds

    return run


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=64)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4, 16])
    options = parser.parse_args()
    print(measure(options.calls, options.turns, options.at_once))


if __name__ == "__main__":
    main()
