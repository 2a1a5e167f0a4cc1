"""How do time and memory grow with clients and with rows? As tables, and as plots in docs/.

python -m bench.growth [--clients 1 10 100 1000 10000] [--rows 10 ... 10000000] [--into docs]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench.cores import CLIENT, SERVER, pin
from bench.idle import reachable
from bench.inside import inside
from bench.peers.contenders import Contender, ours, room_for
from bench.plots import Axes, Line, draw
from bench.report import Table, percentile
from bench.volley import Volley, fire
from tests.support.messages import STATELESS
from tests.support.processes import peak_kib, resident_kib
from tests.support.server import Server, end_on_sigterm
from tests.support.simulator import simulating

__all__ = ["CLIENTS", "ROWS", "main", "measure"]

CLIENTS: Final = (1, 10, 100, 1_000, 10_000)
ROWS: Final = (10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_SECONDS: Final = 2.0
_REPEATS: Final = 3
_ONCE_ROWS: Final = 1_000_000
"""From here on once is enough, and long."""
_MOST_IN_ANSWER: Final = 1_000_000
"""As far as the setting goes."""
_EVENTS: Final = 250_000
"""Rows of the table that they are made of."""
_SETTINGS: Final = {
    "SNOWFLAKE_MCP_LIMITS_MAX_ROWS": str(_MOST_IN_ANSWER),
    "SNOWFLAKE_MCP_LIMITS_MAX_RESULT_BYTES": str(64 << 20),
    # Ten thousand connections are opened one after the other.
    "SNOWFLAKE_MCP_HTTP_IDLE_TIMEOUT_S": "300",
    "SNOWFLAKE_MCP_WEBSOCKET_PING_INTERVAL_S": "600",
}
_SPARE: Final = 100
_KINDS: Final = {"HTTP": "http", "WebSocket": "websocket"}


def measure(clients: Sequence[int], rows: Sequence[int], into: Path | None) -> Iterator[Table]:
    """Both tables; with ``into`` the plots are drawn there as well."""
    yield _with_clients(reachable(clients), into)
    yield _with_rows(rows, into)


def _with_clients(counts: Sequence[int], into: Path | None) -> Table:
    made = Table(
        "Growth with clients",
        f"So many connections with one trivial call open on each, for {_SECONDS:g} s or one turn "
        "of all, on one core. With more clients than one core answers at once, each waits for its "
        f"turn: the delay grows with their number and the work does not. {_image('clients', into)}",
        ("clients", "answers/s", "p50 ms", "p99 ms", "server CPU us", "server MiB"),
    )
    lines: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        endpoint = stack.enter_context(simulating(folder))
        pin(endpoint.pid, CLIENT)
        # Memory that a crowd has left behind is not the next one's: a server for each kind.
        for label, kind in _KINDS.items():
            most = max(counts) + _SPARE
            room = room_for(http=most) if kind == "http" else room_for(websockets=most)
            environ = {**endpoint.environ, **_SETTINGS, **room}
            we, _ = stack.enter_context(ours(folder, environ))
            line = lines.setdefault(label, {})
            for count in counts:
                for column, figure in _crowd(we, kind, count, made, label).items():
                    line.setdefault(column, []).append(figure)
    if into is not None:
        panels = {
            "answers a second": "rate",
            "delay, ms (p50, dashed p99)": "p50",
            "resident, MiB": "mib",
        }
        axes = []
        for title, column in panels.items():
            drawn = [Line(label, counts, line[column]) for label, line in lines.items()]
            if column == "p50":
                drawn += [Line("", counts, line["p99"], dashed=True) for line in lines.values()]
            axes.append(Axes(title, "clients", drawn, log_y=column == "p50"))
        draw(into / "growth-clients.png", axes)
    return made


def _crowd(we: Contender, kind: str, count: int, made: Table, label: str) -> dict[str, float]:
    params = {"name": "echo", "arguments": {"text": "hello"}}
    volley = Volley(we.port, kind, "tools/call", params, count, _SECONDS, "hello", pids=[we.pid])
    # The highest of the run: the clients have gone when it is over.
    Path(f"/proc/{we.pid}/clear_refs").write_text("5")
    fallen = fire(volley, CLIENT)
    if fallen.wrong:
        raise RuntimeError(f"{fallen.wrong} wrong answers: {fallen.examples}")
    figures = {
        "rate": fallen.rate,
        "p50": fallen.p50_s * 1e3,
        "p99": fallen.p99_s * 1e3,
        "cpu": fallen.server_cpu_s / fallen.answers * 1e6,
        "mib": peak_kib(we.pid) / 1024,
    }
    made.add(f"{label}, {count:,}", *figures.values())
    return figures


def _with_rows(counts: Sequence[int], into: Path | None) -> Table:
    made = Table(
        "Growth with rows",
        "Results of so many rows of one number, one at once. *counted*: the "
        "warehouse alone reads and converts all of them and keeps none. *in an answer*: the "
        "server, its limits raised, gives all of them in one JSON answer. Memory is the highest "
        "while it runs, less what was there before; the process is on one core. Answers end at "
        f"{_MOST_IN_ANSWER:,} rows, as far as the setting goes; more belongs into exports and "
        f"pages. {_image('rows', into)}",
        ("rows", "s", "rows/s", "more MiB", "answer MB"),
    )
    lines: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        endpoint = stack.enter_context(simulating(folder))
        pin(endpoint.pid, CLIENT)
        alone = stack.enter_context(inside(folder, endpoint.environ))
        pin(alone.pid, SERVER)
        alone.run("SELECT 1")

        def counted(count: int) -> int:
            taken = alone.run(_query(count), max_rows=count, count_only=True)
            if taken.rows != count:
                raise RuntimeError(f"{taken.rows} rows instead of {count}")
            return 0

        line = lines["counted"] = {}
        for count in counts:
            _take(made, line, ("counted", count), alone.pid, counted)
        we, server = stack.enter_context(ours(folder, {**endpoint.environ, **_SETTINGS}))
        line = lines["in an answer"] = {}
        for count in (each for each in counts if each <= _MOST_IN_ANSWER):
            _take(
                made,
                line,
                ("in an answer", count),
                we.pid,
                lambda count: _answer_bytes(server, count),
            )
    if into is not None:
        axes = [
            Axes(
                title,
                "rows",
                [Line(label, line["rows"], line[column]) for label, line in lines.items()],
                log_y=True,
            )
            for title, column in {"seconds": "s", "more memory, MiB": "mib"}.items()
        ]
        draw(into / "growth-rows.png", axes)
    return made


def _take(
    made: Table,
    line: dict[str, list[float]],
    what: tuple[str, int],
    pid: int,
    run: Callable[[int], int],
) -> None:
    label, count = what
    times, grown, size = [], [], 0
    for _ in range(1 if count >= _ONCE_ROWS else _REPEATS):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        before = resident_kib(pid)
        began = time.perf_counter()
        size = run(count)
        times.append(time.perf_counter() - began)
        grown.append((peak_kib(pid) - before) / 1024)
    seconds, mib = percentile(times, 50), percentile(grown, 50)
    made.add(f"{count:,} {label}", seconds, count / seconds, mib, size / 1e6)
    # On a logarithmic scale there is no place for nothing.
    for column, figure in {"rows": count, "s": seconds, "mib": max(mib, 0.01)}.items():
        line.setdefault(column, []).append(figure)


def _query(count: int) -> str:
    base = "SELECT EVENT_ID FROM DEMO.PRODUCT.EVENTS"
    times = -(-count // _EVENTS)
    if times > 1:
        numbers = " UNION ALL ".join(f"SELECT {n} AS N" for n in range(times))
        base += f" CROSS JOIN ({numbers})"
    return f"{base} LIMIT {count}"


def _answer_bytes(server: Server, count: int) -> int:
    meta = {
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    }
    arguments = {"query": _query(count), "limit": count}
    params = {"name": "execute_query", "arguments": arguments, "_meta": meta}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": STATELESS,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "execute_query",
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = server.request("POST", "/mcp", body, headers=headers, within_s=300.0)
    if f'"row_count":{count},'.encode() not in answer.body:
        raise RuntimeError(json.dumps(answer.body[-500:].decode(errors="replace")))
    return len(answer.body)


def _image(name: str, into: Path | None) -> str:
    return "" if into is None else f"\n\n![Growth with {name}](growth-{name}.png)"


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, nargs="*", default=CLIENTS)
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS)
    parser.add_argument("--into", type=Path, help="draw the plots into this folder")
    options = parser.parse_args()
    for table in measure(options.clients, options.rows, options.into):
        print(table, flush=True)


if __name__ == "__main__":
    main()
