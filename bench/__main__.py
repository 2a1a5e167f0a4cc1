"""Every measurement, one after the other, as one page of markdown.

    python -m bench [CASE ...] [--write docs/performance.md] [--corpus CORPUS.jsonl]

Without a case all are measured but other-gates, which downloads what it compares with. Soaking
is a command of its own: ``python -m bench.soak``.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from bench import (
    gate,
    health_latency,
    isolation,
    lag,
    latency,
    memory,
    other_gates,
    report,
    start_up,
    storms,
)
from bench.report import Table
from bench.tasks import run as tasks
from tests.support.server import end_on_sigterm

__all__ = ["main"]

_AT_ONCE: Final = (1, 4, 16)
_OTHER_GATES: Final = "other-gates"

Case = Callable[[], Iterable[Table]]


def _isolation() -> Iterator[Table]:
    outcome = isolation.measure(websockets=100, https=100, rounds=10)
    yield isolation.table(outcome)
    if outcome.faults:
        raise SystemExit("\n".join(outcome.faults[:10]))


_CASES: Final[Mapping[str, Case]] = {
    "health": lambda: [health_latency.measure(seconds=6, rate=200)],
    "isolation": _isolation,
    "latency": lambda: [latency.measure(calls=64, turns=4, at_once=_AT_ONCE)],
    "lag": lambda: [lag.measure(_AT_ONCE)],
    "storms": lambda: [storms.measure(calls=200)],
    "memory": lambda: [memory.measure(_AT_ONCE)],
    "start": lambda: start_up.measure(starts=5),
    "gate": lambda: gate.measure(rounds=300),
    "tasks": tasks.measure,
}


def main() -> None:
    """Measure and print; status 1 when an answer was wrong."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = [*_CASES, _OTHER_GATES]
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"any of {', '.join(names)}")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables into this page")
    parser.add_argument("--corpus", type=Path, help=f"the statements for {_OTHER_GATES}")
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in names]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(names)}")
    if _OTHER_GATES in options.cases and options.corpus is None:
        parser.error(f"{_OTHER_GATES} needs --corpus")
    cases: dict[str, Case] = {
        **_CASES,
        _OTHER_GATES: lambda: [other_gates.measure(options.corpus)],
    }
    print(f"Measured on: {report.machine()}\n", flush=True)
    for name in options.cases or _CASES:
        for table in cases[name]():
            print(table, flush=True)
            if options.write is not None:
                report.put(options.write, table)


if __name__ == "__main__":
    main()
