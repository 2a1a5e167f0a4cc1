"""Every measurement, one after the other, as one page of markdown.

    python -m bench [CASE ... | --all] [--write docs/performance.md] [--corpus CORPUS.jsonl]

Without a case those that have targets are measured, ours beside the peers; ``--only CASE ...`` says
the same as naming them; ``--all`` adds the others but other-gates, which downloads what it
compares with. A case that fails does not keep the others from being measured; the status is then
1. Soaking is a command of its own: ``python -m bench.soak``; so are the questions of analysts:
``python -m bench.tasks``.
"""

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from bench import (
    contest,
    export,
    gate,
    growth,
    health_latency,
    idle,
    isolation,
    lag,
    latency,
    memory,
    other_gates,
    processes,
    report,
    search,
    slow_client,
    start_up,
    storms,
)
from bench.report import Table
from bench.speed import loop_ms
from tests.support.server import end_on_sigterm

__all__ = ["main"]

_AT_ONCE: Final = (1, 4, 16)
_OTHER_GATES: Final = "other-gates"
_WITHIN_MIN: Final = 25
_ALL_WITHIN_MIN: Final = 60
_LATE: Final = 124
"""As timeout(1) has it."""

Case = Callable[[], Iterable[Table]]


def _isolation() -> Iterator[Table]:
    outcome = isolation.measure(websockets=100, https=100, rounds=10)
    yield isolation.table(outcome)
    if outcome.faults:
        raise SystemExit("\n".join(outcome.faults[:10]))


_WITH_TARGETS: Final[Mapping[str, Case]] = {
    "trivial": lambda: contest.measure(rounds=3, seconds=1),
    "latency": lambda: [latency.measure(calls=64, turns=4, at_once=_AT_ONCE)],
    "start": lambda: start_up.measure(starts=5),
    "idle": lambda: [idle.measure((1_000, 10_000))],
    "slow-client": lambda: [slow_client.measure(seconds=3)],
    "processes": lambda: [processes.measure(most=2, seconds=2)],
    "health": lambda: [health_latency.measure(seconds=6, rate=200)],
    "lag": lambda: [lag.measure(_AT_ONCE)],
}
_OTHERS: Final[Mapping[str, Case]] = {
    "isolation": _isolation,
    "storms": lambda: [storms.measure(calls=200)],
    "search": lambda: [search.measure()],
    "export": lambda: [export.measure(at_once=(1, 4))],
    "memory": lambda: [memory.measure(_AT_ONCE)],
    "gate": lambda: gate.measure(rounds=300),
}
_GROWTH: Final = "growth"


def main() -> None:
    """Measure and print; status 1 when an answer was wrong."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    usual = [*_WITH_TARGETS, _GROWTH]
    names = [*usual, *_OTHERS, _OTHER_GATES]
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"any of {', '.join(names)}")
    parser.add_argument("--only", nargs="+", default=[], metavar="CASE", help="the same")
    parser.add_argument("--all", action="store_true", help="every case that downloads nothing")
    parser.add_argument(
        "--within-min",
        type=int,
        help="stop after so many minutes, with what there is by then "
        f"[{_WITHIN_MIN}; with --all {_ALL_WITHIN_MIN}]",
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables into this page")
    parser.add_argument("--corpus", type=Path, help=f"the statements for {_OTHER_GATES}")
    options = parser.parse_args()
    chosen = [*options.cases, *options.only] or usual
    if options.all:
        chosen = [*usual, *_OTHERS]
    unknown = [name for name in chosen if name not in names]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(names)}")
    if _OTHER_GATES in chosen and options.corpus is None:
        parser.error(f"{_OTHER_GATES} needs --corpus")
    cases: dict[str, Case] = {
        **_WITH_TARGETS,
        # Plots go beside the page that shows them.
        _GROWTH: lambda: growth.measure(
            growth.CLIENTS, growth.ROWS, options.write and options.write.parent
        ),
        **_OTHERS,
        _OTHER_GATES: lambda: [other_gates.measure(options.corpus)],
    }
    print(f"Measured on: {report.machine()}\n", flush=True)
    _end_within(options.within_min or (_ALL_WITHIN_MIN if options.all else _WITHIN_MIN))
    failed = [name for name in chosen if not _measured(name, cases[name], options.write)]
    signal.alarm(0)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _end_within(minutes: int) -> None:
    """Let the whole run end after so long, as SIGTERM would; tables so far have been published."""

    def end(_: int, __: object) -> None:
        print(f"not done within {minutes} min: the rest is left out", file=sys.stderr)
        raise SystemExit(_LATE)

    signal.signal(signal.SIGALRM, end)
    signal.alarm(minutes * 60)


def _measured(name: str, case: Case, page: Path | None) -> bool:
    """Measure one case and publish its tables; whether it came to its end."""
    began = time.monotonic()
    before = loop_ms()
    try:
        for table in case():
            after = loop_ms()
            speed = f" A fixed loop took {before:.1f} ms before and {after:.1f} ms after."
            before = after
            print(f"{table}\n{speed.strip()}\n", flush=True)
            if page is not None:
                report.put(page, table, speed)
                report.summarize(page)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and isinstance(error.code, int):
            # A signal asks for the end.
            raise
        traceback.print_exc()
        return False
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return True


if __name__ == "__main__":
    main()
