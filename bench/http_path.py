"""What one trivial call over HTTP costs the server: by parser, and with and without its log lines.

    python -m bench.http_path [--clients 32] [--seconds 1.5] [--rounds 3] [--profile FILE]

The server under measurement has one core, the load client the other; servers take turns within one
run. Processor time of the server's process is what to compare: other work on the machine changes
it far less than it changes calls a second. ``--profile`` needs py-spy on the path.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from bench.cores import CLIENT, pin
from bench.peers.contenders import TITLES, Contender, floor, ours
from bench.report import Table
from bench.rounds import Entry, Event
from bench.trivial import TOOL
from tests.support.messages import HANDSHAKE, STATELESS
from tests.support.server import end_on_sigterm
from tests.support.simulator import simulating

__all__ = ["main", "measure"]

_CALL: Final[dict[str, Any]] = {"name": TOOL, "arguments": {"text": "hello"}}
_Asked = tuple[str, str, str, dict[str, Any], str]
"""Method, revision, kind of wire, params, and what the answer has to have in it."""
_REQUESTS: Final[tuple[_Asked, ...]] = (
    ("tools/call", STATELESS, "http", _CALL, "hello"),
    ("tools/call", HANDSHAKE, "session", _CALL, "hello"),
    ("tools/list", STATELESS, "http", {}, "execute_query"),
)
_SPY: Final = ("py-spy", "record", "--rate", "500", "--format", "raw")


def measure(
    clients: int, seconds: float, rounds: int, parsers: Sequence[str], profile: Path | None = None
) -> Table:
    """All servers in turn, or, with a ``profile``, a tools/call of the first one alone.

    Args:
        clients: connections.
        seconds: of each turn.
        rounds: turns of each server.
        parsers: values of ``http.parser``; ``:quiet`` after one leaves its log lines out.
        profile: where py-spy writes the stacks.

    Raises:
        SystemExit: an answer was wrong.
    """
    made = Table(
        "The HTTP path",
        f"{clients} connections with one request open on each, {rounds} turns of {seconds:g} s; "
        "medians. Server on one core, client on the other. *no lines*: `log.requests = false`; the "
        "others write a line of JSON for each call.",
        ("request", "calls/s", "server us a call", "times bare twisted.web"),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        endpoint = stack.enter_context(simulating(folder))
        pin(endpoint.pid, CLIENT)
        floors = [stack.enter_context(floor(name, folder)) for name in ("twisted", "llhttp")]
        servers = [_ours(stack, folder, endpoint.environ, parser) for parser in parsers]
        asked = _REQUESTS
        if profile is not None:
            servers, asked = servers[:1], _REQUESTS[:1]
            stack.enter_context(_spied(servers[0].pid, seconds * rounds, profile))
        for method, version, kind, params, expect in asked:
            entries = [Entry(each, kind) for each in servers]
            if profile is None:
                entries += [Entry(each, "plain") for each in floors]
            event = Event(f"{method} {version}", method, params, clients, expect, entries)
            event.hold(rounds, seconds)
            for title in event.fallen:
                if event.wrong(title):
                    raise SystemExit(f"{title}: {event.fallen[title][0].examples}")
                times = event.ratio(title, TITLES["twisted"])
                made.add(f"{event.label}, {title}", event.rate(title), event.cpu_us(title), times)
    return made


def _ours(stack: ExitStack, folder: Path, environ: dict[str, str], parser: str) -> Contender:
    name, _, quiet = parser.partition(":")
    settings = {
        "SNOWFLAKE_MCP_HTTP_PARSER": name,
        "SNOWFLAKE_MCP_LOG_REQUESTS": "false" if quiet else "true",
    }
    home = folder / parser.replace(":", "-")
    home.mkdir()
    found, _ = stack.enter_context(ours(home, {**environ, **settings}))
    title = f"{name}, no lines" if quiet else name
    return Contender(title, found.port, found.pid, found.environ)


def _spied(pid: int, seconds: float, out: Path) -> "subprocess.Popen[bytes]":
    """The recorder, which ends by itself; leaving its block waits for that."""
    whole = [*_SPY, "--pid", str(pid), "--duration", str(int(seconds)), "--output", str(out)]
    return subprocess.Popen(whole)


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--parsers", default="llhttp,llhttp:quiet,twisted", help=":quiet is without log.requests"
    )
    parser.add_argument("--profile", type=Path, help="write py-spy's stacks of the first parser")
    options = parser.parse_args()
    parsers = options.parsers.split(",")
    print(measure(options.clients, options.seconds, options.rounds, parsers, options.profile))


if __name__ == "__main__":
    main()
