"""From nothing to the first answer, and how much memory that takes.

python -m bench.start_up [--starts 5]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.report import Table, percentile
from tests.support.processes import resident_kib, until
from tests.support.server import Server, end_on_sigterm, kill_session, run_twistd, start

__all__ = ["main", "measure"]

_LIMIT_S = 30.0


def measure(starts: int) -> list[Table]:
    """Times of several starts, and memory after the last."""
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
