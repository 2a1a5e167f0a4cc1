"""What does an export of 1,000,000 rows take: time, memory, and how late does the reactor turn?

    python -m bench.export [--at-once 1 4]

Each file is fetched by its link and held, value by value, against what the connector reads past
the server.
"""

import argparse
import asyncio
import http.client
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit

from bench.beating import TOOL
from bench.lateness import EVERY_S, WakeUps
from bench.memory import begin
from bench.report import Table, percentile
from tests.support.processes import peak_kib
from tests.support.readback import COLUMNS, MANY, ROWS, digest_of_file, digest_of_rows
from tests.support.server import Server, end_on_sigterm, serving
from tests.support.simulator import simulating

__all__ = ["main", "measure"]

FORMATS: Final = ("csv", "jsonl", "parquet", "arrow")
_ENVIRON: Final = {
    "SNOWFLAKE_MCP_TESTING_FIXTURES": "bench.beating",
    "SNOWFLAKE_MCP_LIMITS_MAX_KEPT_ROWS": "2000000",
}
_LIMIT_S: Final = 600.0
_PIECE: Final = 1 << 20
_IDLE_S: Final = 5.0


def measure(at_once: Sequence[int]) -> Table:
    """A row for each format and number of exports, and one for the download of each."""
    made = Table(
        "Exports of 1,000,000 rows",
        f"A finished statement of {len(COLUMNS)} columns (numbers with and without a scale, "
        "floats, timestamps, dates, booleans, texts, NULLs), exported by the server as it runs, "
        f"and the file fetched by its link. How late a beat of {EVERY_S * 1e3:.0f} ms on the "
        "reactor was meanwhile; by how much the server's resident memory was above what it was "
        "before, at its highest. The last column is how late the machine woke an idle process: "
        "endpoint, server and clients share the cores. Every file was read back with another "
        "reader, and its rows are those that the connector gives past the server: the sums over "
        "hashes of all values are equal.",
        (
            *("what", "s", "rows/s", "MB", "beats", "p50 ms", "p99 ms", "max ms"),
            *("memory MiB", "wake-up p99 ms"),
        ),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with simulating(folder) as endpoint:
            expected = digest_of_rows(endpoint, MANY)
            if expected[0] != ROWS:
                raise RuntimeError(f"{expected[0]} rows instead of {ROWS}")
            environ = {
                **endpoint.environ,
                **_ENVIRON,
                "SNOWFLAKE_MCP_EXPORTS_DIRECTORY": str(folder / "spool"),
            }
            with serving(folder, "--no-demo", environ=environ) as server:
                query_id = _finished(server)
                _late(server)
                _exported(server, query_id, "parquet")
                _idle(made, server)
                for form in FORMATS:
                    result: dict[str, Any] = {}
                    for count in at_once:
                        result = asyncio.run(_exports(made, server, query_id, form, count))
                    path = folder / f"fetched.{form}"
                    _fetch(made, server, result, path, form)
                    if digest_of_file(path) != expected:
                        raise RuntimeError(f"the {form} file does not hold the rows")
    return made


def _finished(server: Server) -> str:
    submitted = server.call("submit_query", {"query": MANY}).json()["result"]
    query_id: str = submitted["query_id"]
    waited = {"query_id": query_id, "wait_s": 60}
    state = server.call("get_query_status", waited, within_s=90).json()["result"]["state"]
    if state != "success":
        raise RuntimeError(f"the statement is {state}")
    return query_id


def _exported(server: Server, query_id: str, form: str) -> dict[str, Any]:
    arguments = {"query_id": query_id, "format": form}
    answer = server.call("export_results", arguments, within_s=_LIMIT_S).json()
    if answer.get("result", {}).get("rows") != ROWS:
        raise RuntimeError(str(answer)[:1000])
    result: dict[str, Any] = answer["result"]
    return result


def _idle(made: Table, server: Server) -> None:
    before = begin(server.pid)
    _late(server)
    with WakeUps() as control:
        Event().wait(_IDLE_S)
    late, memory = _late(server), (peak_kib(server.pid) - before) / 1024
    _add(made, "nothing", _IDLE_S, 0, 0, late, memory, control.late)


async def _exports(
    made: Table, server: Server, query_id: str, form: str, count: int
) -> dict[str, Any]:
    before = begin(server.pid)
    _late(server)
    with WakeUps() as control:
        began = perf_counter()
        results = await asyncio.gather(
            *(asyncio.to_thread(_exported, server, query_id, form) for _ in range(count))
        )
        seconds = perf_counter() - began
    late = _late(server)
    label = form if count == 1 else f"{form}, {count} at once"
    _add(
        made,
        label,
        seconds,
        count * ROWS,
        results[0]["bytes"],
        late,
        (peak_kib(server.pid) - before) / 1024,
        control.late,
    )
    return results[0]


def _fetch(made: Table, server: Server, result: dict[str, Any], path: Path, form: str) -> None:
    link = urlsplit(result["link"])
    before = begin(server.pid)
    _late(server)
    with WakeUps() as control, path.open("wb") as file:
        began = perf_counter()
        connection = http.client.HTTPConnection(link.netloc, timeout=_LIMIT_S)
        connection.request("GET", f"{link.path}?{link.query}")
        answer = connection.getresponse()
        while piece := answer.read(_PIECE):
            file.write(piece)
        connection.close()
        seconds = perf_counter() - began
    late = _late(server)
    if path.stat().st_size != result["bytes"]:
        raise RuntimeError(f"{path.stat().st_size} of {result['bytes']} bytes came")
    memory = (peak_kib(server.pid) - before) / 1024
    _add(made, f"{form}, download", seconds, ROWS, result["bytes"], late, memory, control.late)


def _late(server: Server) -> list[float]:
    """How late the beats were since this was last asked."""
    late: list[float] = json.loads(server.call(TOOL).json()["text"])
    return late


def _add(
    made: Table,
    label: str,
    seconds: float,
    rows: int,
    size: int,
    late: Sequence[float],
    memory_mib: float,
    control: Sequence[float],
) -> None:
    made.add(
        label,
        seconds,
        rows / seconds,
        size / 1e6,
        len(late),
        *(percentile(late, share) * 1e3 for share in (50, 99, 100)),
        memory_mib,
        percentile(control, 99) * 1e3,
    )


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4])
    print(measure(parser.parse_args().at_once))


if __name__ == "__main__":
    main()
