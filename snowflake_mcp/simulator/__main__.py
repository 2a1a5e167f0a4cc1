"""``python -m snowflake_mcp.simulator``: the embedded endpoint as a process of its own."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread
from time import monotonic, perf_counter
from typing import Any, Final

import msgspec
from twisted.internet.error import CannotListenError
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.threadpool import ThreadPool
from twisted.web.server import Site

from snowflake_mcp.simulator.available import PASSWORD_VARIABLE, demo_problem
from snowflake_mcp.simulator.bench import Bench
from snowflake_mcp.simulator.credentials import BadLogins, Logins, read_logins
from snowflake_mcp.simulator.folders import BadFolder, find_files, load_files
from snowflake_mcp.simulator.frontdesk import FrontDesk
from snowflake_mcp.simulator.ids import QueryIds
from snowflake_mcp.simulator.instance import Instance
from snowflake_mcp.simulator.misbehaviour import FaultyWire
from snowflake_mcp.simulator.results import ResultStore
from snowflake_mcp.simulator.statements import Docket
from snowflake_mcp.simulator.tokens import MASTER_TOKEN_S, SESSION_TOKEN_S, Tokens
from snowflake_mcp.simulator.wire import Wire

__all__ = ["main", "parser"]

_THREADS: Final = 24
_STORED_RESULTS: Final = 200
_STORED_BYTES: Final = 128 << 20
_FILED_BYTES: Final = 256 << 20
_GREETING: Final = "Snowflake-compatible endpoint at http://{host}:{port}; Ctrl-C ends it.\n"
"""For a person at a terminal; programs read the line on standard output."""

_MAX_PORT: Final = 65_535
_MAX_TOKEN_S: Final = 7 * 86_400


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until standard input ends or a signal arrives; gives the exit status.

    1 with a line on standard error for each reason: something is not installed, data that
    cannot be loaded, an address that is in use.
    """
    started = perf_counter()
    options = parser().parse_args(arguments)
    problem = demo_problem()
    if problem is not None:
        sys.stderr.write(problem + "\n")
        return 1
    sys.setswitchinterval(0.001)
    if not options.stay:
        Thread(target=_exit_with_parent, daemon=True).start()
    try:
        logins = read_logins(options.logins, _wall) if options.logins is not None else None
    except BadLogins as bad:
        sys.stderr.write(f"{bad}\n")
        return 1
    instance = Instance()
    try:
        if options.data is not None:
            load_files(instance.connect(None, None), find_files(options.data))
    except BadFolder as bad:
        sys.stderr.write(f"{bad}\n")
        return 1
    if options.sample:
        instance.fill(options.today or datetime.now(UTC).date())
    instance.lock()
    return _serve(instance, options, started, logins)


def parser() -> argparse.ArgumentParser:
    """The options; docs/simulator.md has a row for each."""
    parser = argparse.ArgumentParser(
        prog="python -m snowflake_mcp.simulator",
        description="A Snowflake-compatible endpoint over DuckDB, for demos and tests.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=0, help="0 takes any free port")
    tables = parser.add_mutually_exclusive_group()
    tables.add_argument("--sample", action="store_true", help="create the sample data")
    tables.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="make tables of the files DIR/[DATABASE/[SCHEMA/]]table.csv, .parquet, .jsonl, ...",
    )
    parser.add_argument(
        "--today",
        type=date.fromisoformat,
        help="the last day of the sample data (YYYY-MM-DD; default: today)",
    )
    parser.add_argument(
        "--child",
        action="store_true",
        help="leave SIGINT and SIGTERM to the parent, which closes standard input",
    )
    parser.add_argument(
        "--logins",
        type=Path,
        metavar="FILE",
        help="let in only the users of this TOML file, each with what it says; for tests",
    )
    parser.add_argument("--stay", action="store_true", help="do not stop when standard input ends")
    parser.add_argument("--faults", action="store_true", help="misbehave on demand; for tests")
    parser.add_argument(
        "--token-s",
        type=_seconds,
        default=SESSION_TOKEN_S,
        metavar="SECONDS",
        help="how long a session token is good",
    )
    parser.add_argument(
        "--master-token-s",
        type=_seconds,
        default=MASTER_TOKEN_S,
        metavar="SECONDS",
        help="how long a master token is good",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"a number from 0 to {_MAX_PORT}")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_TOKEN_S:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {_MAX_TOKEN_S}")
    return int(text)


def _exit_with_parent() -> None:
    """End the process when standard input ends: the parent is gone, or wants us gone.

    A thread, because standard input may be a file, which the reactor cannot watch; and at
    once, because everything is in memory and a running statement must not hold the exit.
    """
    while os.read(0, 4096):
        pass
    os._exit(0)


def _wall() -> float:
    return datetime.now(UTC).timestamp()


def _serve(
    instance: Instance, options: argparse.Namespace, started: float, logins: Logins | None
) -> int:
    # Importing the reactor installs it; only a program may do that.
    from twisted.internet import reactor as installed

    reactor: Any = installed
    globalLogBeginner.beginLoggingTo(
        [
            FilteringLogObserver(
                textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(LogLevel.warn)]
            )
        ],
        redirectStandardIO=False,
    )
    pool = ThreadPool(0, _THREADS, "statements")
    store = ResultStore(_STORED_RESULTS, _STORED_BYTES, _FILED_BYTES, monotonic)
    docket = Docket(store, _wall)
    bench = Bench(reactor, pool, docket, QueryIds(_wall), monotonic)
    desk = FrontDesk(
        bench,
        instance.connect,
        os.environ.pop(PASSWORD_VARIABLE, None),
        Tokens(monotonic, options.token_s, options.master_token_s),
    )
    desk.logins = logins
    wire = FaultyWire(desk, bench, _wall) if options.faults else Wire(desk)
    site = Site(wire, timeout=None)
    site.displayTracebacks = False
    try:
        port = reactor.listenTCP(options.port, site, interface=options.host)
    except CannotListenError as error:
        reason = getattr(error.socketError, "strerror", None) or error.socketError
        sys.stderr.write(f"cannot listen on {options.host}:{options.port}: {reason}\n")
        return 1
    pool.start()

    def ready() -> None:
        line = {
            "host": options.host,
            "port": port.getHost().port,
            "ready_ms": round((perf_counter() - started) * 1000),
        }
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()
        if sys.stderr.isatty():
            sys.stderr.write(_GREETING.format_map(line))

    reactor.callWhenRunning(ready)
    for name in (signal.SIGTERM, signal.SIGINT):
        # A terminal's Ctrl-C and a supervisor's stop reach the whole process group. A server
        # that drains still needs its warehouse then; it ends the child itself.
        signal.signal(name, signal.SIG_IGN if options.child else lambda *_: os._exit(0))
    reactor.run(installSignalHandlers=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
