"""From nothing to the first answer, and how much memory that takes.

    python -m bench.start_up [--starts 5]

With demo data, towards an account, and beside the peers; the latter on one core each, in turn.
"""

import argparse
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.cores import CLIENT, SERVER, pin, pinned
from bench.peers import installing
from bench.peers.contenders import OURS, TITLES, labs, peer
from bench.report import Table, Target, percentile
from bench.trivial import TOOLS
from tests.support.processes import resident_kib, until
from tests.support.server import (
    Server,
    clean_environ,
    end_on_sigterm,
    kill_session,
    run_twistd,
    script,
    start,
)
from tests.support.simulator import Endpoint, simulating

__all__ = ["main", "measure"]

_LIMIT_S = 30.0
_LIBRARIES: Final = "import snowflake.connector, pyarrow"
_STILL: Final = {"SNOWFLAKE_AUTHENTICATOR": "externalbrowser"}
"""A login that asks somebody does not happen at start, so nothing of the connector is loaded."""


def measure(starts: int) -> Iterator[Table]:
    """Times of several starts, and memory after them."""
    yield from _with_demo(starts)
    yield _beside(starts)


def _with_demo(starts: int) -> list[Table]:
    times = Table(
        "Start",
        f"{starts} starts with demo data, counted from exec; files are in the page cache.",
        ("until", "starts", "p50 ms", "max ms"),
    )
    memory = Table(
        "Resident memory",
        "With demo data. One client at a time.",
        ("after", "server MiB", "demo warehouse MiB"),
    )
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(starts):
            began = time.perf_counter()
            run_twistd(folder, "--help")
            taken.setdefault("twistd --help has ended", []).append(time.perf_counter() - began)
            _one_start(folder, taken, memory if n == starts - 1 else None)
    for label, values in taken.items():
        times.add(label, len(values), percentile(values, 50) * 1e3, percentile(values, 100) * 1e3)
    return [times, memory]


def _one_start(folder: Path, taken: dict[str, list[float]], memory: Table | None) -> None:
    began = time.perf_counter()
    server = start(folder, "--demo")

    def reached(label: str, condition: Callable[[], object]) -> None:
        until(condition, _LIMIT_S, label)
        taken.setdefault(label, []).append(time.perf_counter() - began)

    try:
        reached("GET /health answers", server.answers)
        reached("a query is answered", lambda: _query(server, "SELECT 1") == 200)
        if memory is not None:
            _weigh(server, memory, "the first query")
            for _ in range(200):
                _query(server, "SELECT 1")
            _weigh(server, memory, "200 more queries")
            for _ in range(20):
                _query(server, "SELECT * FROM DEMO.PRODUCT.EVENTS", 10_000)
            _weigh(server, memory, "20 answers of 10,000 rows")
        server.stop()
    finally:
        kill_session(server.process)


@dataclass(slots=True)
class _Starts:
    """What the starts of one server took."""

    seconds: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)


def _beside(starts: int) -> Table:
    """Ours towards an account, with and without the connector, and the peers."""
    made = Table(
        "Start beside the peers",
        f"{starts} starts of each in turn, on one core, counted from exec to the first answer "
        "over HTTP (ours: also until it is ready, which is when the account has let it in), and "
        "the resident memory then, without children, in 1,000,000 bytes. snowflake-labs-mcp logs "
        "in to the same embedded account before it listens. *Libraries*: the interpreter with "
        "nothing but the connector and pyarrow loaded.",
        ("server", "starts", "p50 ms", "max ms", "resident MB"),
    )
    missing = installing.install((*installing.PYTHONS, installing.NODE))
    taken: dict[str, _Starts] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with simulating(folder) as endpoint:
            pin(endpoint.pid, CLIENT)
            for _ in range(starts):
                _ours_once(folder, endpoint, taken)
                for each in (*installing.PYTHONS, installing.NODE):
                    if each not in missing:
                        _peer_once(each, folder, endpoint, taken)
    for label, entry in taken.items():
        times = entry.seconds
        made.add(
            label,
            *(len(times), percentile(times, 50) * 1e3, percentile(times, 100) * 1e3),
            percentile(entry.resident_mb, 50),
        )
    made.add("libraries", starts, math.nan, math.nan, _libraries_mb())
    ready, still = taken[f"{OURS}, ready"], taken[f"{OURS}, not logged in"]
    seconds = percentile(ready.seconds, 50)
    loaded, bare = max(ready.resident_mb), max(still.resident_mb)
    made.targets += [
        Target("ready after the interpreter's start", seconds, 1.5, " s", at_most=True),
        Target("resident with connector and pyarrow loaded", loaded, 150, " MB", at_most=True),
        Target("resident before the first connection", bare, 80, " MB", at_most=True),
    ]
    return made


def _ours_once(folder: Path, endpoint: Endpoint, taken: dict[str, _Starts]) -> None:
    twistd = [*pinned(SERVER), script("twistd")]
    for label, more in (("not logged in", _STILL), ("ready", {})):
        began = time.perf_counter()
        environ = {k: v for k, v in endpoint.environ.items() if not more or "PASSWORD" not in k}
        server = start(folder, "--no-demo", environ={**environ, **more}, twistd=twistd)
        try:
            until(server.answers, _LIMIT_S, "GET /health answers")
            answered = time.perf_counter() - began
            if not more:
                _note(taken, f"{OURS}, answers", answered, resident_kib(server.pid))
                until(partial(_ready, server), _LIMIT_S, "ready")
                answered = time.perf_counter() - began
            _note(taken, f"{OURS}, {label}", answered, resident_kib(server.pid))
            server.stop()
        finally:
            kill_session(server.process)


def _ready(server: Server) -> bool:
    return server.request("GET", "/health/ready").status == 200


def _peer_once(name: str, folder: Path, endpoint: Endpoint, taken: dict[str, _Starts]) -> None:
    began = time.perf_counter()
    started: AbstractContextManager[Any]
    started = labs(folder, endpoint) if name == "labs" else peer(name, folder, TOOLS)
    with started as contender:
        seconds = time.perf_counter() - began
        _note(taken, TITLES[name], seconds, resident_kib(contender.pid))


def _note(taken: dict[str, _Starts], label: str, seconds: float, kib: int) -> None:
    entry = taken.setdefault(label, _Starts())
    entry.seconds.append(seconds)
    entry.resident_mb.append(kib * 1.024e-3)


def _libraries_mb() -> float:
    told = "; print(open('/proc/self/status').read())"
    with tempfile.TemporaryDirectory() as home:
        status = subprocess.run(
            [sys.executable, "-c", _LIBRARIES + told],
            env=clean_environ(Path(home)),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return int(status.partition("VmRSS:")[2].split()[0]) * 1.024e-3


def _query(server: Server, sql: str, limit: int = 100) -> int:
    return server.call("execute_query", {"query": sql, "limit": limit}).status


def _weigh(server: Server, memory: Table, label: str) -> None:
    (child,) = server.demo_pids()
    memory.add(label, resident_kib(server.pid) / 1024, resident_kib(child) / 1024)


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    for table in measure(options.starts):
        print(table)


if __name__ == "__main__":
    main()
