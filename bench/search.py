"""How long does a search take over 100,000 tables, and what does it cost the reactor and memory?

python -m bench.search [--objects 100000] [--rounds 50]
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from bench.lateness import Lateness, WakeUps
from bench.report import Table, percentile
from snowflake_mcp.config.catalog import CatalogSettings
from snowflake_mcp.config.model import Backend, ConnectionSettings
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.accounts import Seat
from snowflake_mcp.warehouse.catalog import Asker
from snowflake_mcp.warehouse.directory import Directory
from snowflake_mcp.warehouse.ranking import Question, terms_of
from snowflake_mcp.warehouse.results import Collector, Column, JsonValue, Outcome
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.threads import Threads
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish
from tests.support.processes import resident_kib

__all__ = ["main", "measure"]

P = ParamSpec("P")
T = TypeVar("T")

_WORDS: Final = (
    *("ORDER", "CUSTOMER", "SALES", "INVOICE", "LINE", "ITEM", "DAILY", "FACT", "DIM", "STAGE"),
    *("EVENT", "CLICK", "USER", "ACCOUNT", "REGION", "PRODUCT", "PRICE", "STOCK", "SHIP", "RETURN"),
)
_SHOWN: Final = (
    *("name", "database_name", "schema_name", "kind"),
    *("comment", "rows", "bytes", "created_on"),
)
_SCHEMAS: Final = 10
_IN_SCHEMA: Final = 500
_SHOW_MOST: Final = 10_000
_PATTERNS: Final = ("customer", "customer invoice", "e", "zeppelin", "custmer")
_LIMIT_S: Final = 300.0
_SWITCH_S: Final = 0.0001


class _Account:
    """Answers SHOW out of thin air, in threads, as the driver gives rows."""

    def __init__(self, reactor: Any, objects: int) -> None:
        self._databases = max(1, objects // (_SCHEMAS * _IN_SCHEMA))
        self._threads = Threads(reactor, "bench", 2)
        self._threads.start()
        self.statements = 0

    def seat(self, principal: Principal, wish: Wish = NO_WISH) -> Seat:
        """The only one."""
        return Seat("bench", None, None, ConnectionSettings("bench", Backend.SNOWFLAKE))

    def aside(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """In a thread."""
        return self._threads.run(job, *args, **kwargs)

    async def run(self, job: Job, collector: Collector[T]) -> Outcome[T]:
        """The rows of a SHOW."""
        self.statements += 1
        return await self._threads.run(self._fed, job.sql, collector)

    def _fed(self, sql: str, collector: Collector[T]) -> Outcome[T]:
        rows = list(self._rows(sql))[:_SHOW_MOST]
        collector.begin([Column(name, "VARCHAR", True) for name in _SHOWN])
        for start in range(0, len(rows), 500):
            collector.add(rows[start : start + 500])
        return Outcome("01b0", (), len(rows), None, None, 0.0, collector.finish())

    def _rows(self, sql: str) -> Iterator[list[JsonValue]]:
        words = sql.split()
        databases = [f"DB{number:03}" for number in range(self._databases)]
        if words[1] == "DATABASES":
            for name in databases:
                yield [name, None, None, None, "", None, None, "2026"]
            return
        wanted = words[4].strip('"') if words[3] == "DATABASE" else None
        for database in databases:
            if wanted not in (None, database):
                continue
            for number in range(_SCHEMAS):
                schema = f"SCHEMA_{number}"
                if words[1] == "SCHEMAS":
                    yield [schema, database, None, None, "", None, None, "2026"]
                    continue
                yield from (_table(database, schema, each) for each in range(_IN_SCHEMA))

    async def stop(self) -> None:
        """No threads are left."""
        await self._threads.stop(5.0)


def _table(database: str, schema: str, number: int) -> list[JsonValue]:
    seed = hash((database, schema, number)) & 0xFFFFFFF
    words = [_WORDS[seed // 20**place % 20] for place in range(5)]
    comment = f"The {' '.join(words).lower()} of each day, loaded hourly"
    name = f"{'_'.join(words[:3])}_{number}"
    kind = "VIEW" if seed % 5 == 0 else "TABLE"
    return [name, database, schema, kind, comment, seed, seed * 7, "2026-01-01T00:00:00+00:00"]


async def _inside(reactor: Any, objects: int, rounds: int) -> None:
    # As the server does at its start.
    sys.setswitchinterval(_SWITCH_S)
    account = _Account(reactor, objects)
    settings = CatalogSettings(max_objects=2 * objects + 10_000)
    directory = Directory(account, reactor, settings)
    asker = Asker(Principal("bench"))
    lateness = Lateness(reactor)
    await account.aside(__import__, "pyarrow.compute")
    before_kib = resident_kib(os.getpid())
    lateness.start()
    used = time.process_time()
    began = time.perf_counter()
    contents = await directory.contents(asker, _LIMIT_S)
    found: dict[str, Any] = {
        "objects": contents.objects,
        "statements": account.statements,
        "read_s": time.perf_counter() - began,
        "read_cpu_s": time.process_time() - used,
        "read_late": lateness.stop(),
        "kept_mib": sum(table.nbytes for table in contents.tables) / 2**20,
        "grown_mib": (resident_kib(os.getpid()) - before_kib) / 2**10,
        "patterns": {},
    }
    for pattern in _PATTERNS:
        times, hits = [], 0
        used = time.process_time()
        lateness.start()
        for _ in range(rounds):
            began = time.perf_counter()
            page = await directory.search(contents, Question(terms_of(pattern)))
            times.append(time.perf_counter() - began)
            hits = len(page.hits)
        late = lateness.stop()
        found["patterns"][pattern] = {
            "hits": hits,
            "times": times,
            "late": late,
            "cpu_s": (time.process_time() - used) / rounds,
        }
    found["after_mib"] = (resident_kib(os.getpid()) - before_kib) / 2**10
    await account.stop()
    print(json.dumps(found))


def measure(objects: int = 100_000, rounds: int = 50) -> Table:
    """One row for the reading, and one for each pattern."""
    command = [sys.executable, "-m", "bench.search", "--inside"]
    command += ["--objects", str(objects), "--rounds", str(rounds)]
    environ = {**os.environ, "PYTHONHASHSEED": "1"}
    with WakeUps() as control:
        child = subprocess.run(
            command, check=True, capture_output=True, timeout=_LIMIT_S, env=environ
        )
    found = json.loads(child.stdout.splitlines()[-1])
    made = Table(
        f"Search over {objects:,} tables",
        f"`search_objects` without the network: SHOW is answered in a thread of the process, in "
        f"{found['statements']} statements for {found['objects']:,} names with comments of about "
        "60 characters. *Reading* is the first search of a role, all later ones are the patterns, "
        f"{rounds} times each: a word of a seventh of the names, two words, one letter that fits "
        "all, a word that nothing has, and one with a slip. *Late* is how late the reactor turned "
        "meanwhile, which beats every 5 ms; *control* is how late the machine woke a thread of an "
        "idle process. What is kept takes "
        f"{found['kept_mib']:.1f} MiB; the process grew by {found['grown_mib']:.0f} MiB while it "
        f"read and stood at {found['after_mib']:.0f} MiB more at the end. The shared `SHOW COLUMNS "
        "LIKE` of a word, which Snowflake answers, is not in it.",
        ("what", "processor ms", "p50 ms", "p99 ms", "late p99 ms", "late max ms"),
    )
    late = found["read_late"]
    read_ms = found["read_s"] * 1e3
    made.add(
        "reading",
        found["read_cpu_s"] * 1e3,
        read_ms,
        read_ms,
        percentile(late, 99) * 1e3,
        max(late) * 1e3,
    )
    for pattern, each in found["patterns"].items():
        times, late = each["times"], each["late"]
        made.add(
            f"`{pattern}`",
            each["cpu_s"] * 1e3,
            percentile(times, 50) * 1e3,
            percentile(times, 99) * 1e3,
            percentile(late, 99) * 1e3,
            max(late) * 1e3,
        )
    late = control.late
    made.add("control", math.nan, math.nan, math.nan, percentile(late, 99) * 1e3, max(late) * 1e3)
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        react(
            lambda reactor: Deferred.fromCoroutine(
                _inside(reactor, options.objects, options.rounds)
            )
        )
    print(measure(options.objects, options.rounds))


if __name__ == "__main__":
    main()
