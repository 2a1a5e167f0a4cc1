"""How many trivial requests does one core answer? We, the peers, and the floors below, in turn.

    python -m bench.contest [--rounds 3] [--seconds 1] [--only hop]

The server under measurement has one core, everything else the other. All servers are up at once;
who is not asked does nothing. Each round asks each of them, one after the other, so that whatever
else the machine does falls on all alike; ratios are of figures of one round.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from bench.cores import CLIENT, pin
from bench.peers import installing
from bench.peers.contenders import (
    NO_LINES,
    OURS,
    TITLES,
    Contender,
    Rest,
    floor,
    listed,
    ours,
    peer,
    quiet,
)
from bench.report import Table, Target, percentile
from bench.rounds import Entry, Event
from tests.support.messages import HANDSHAKE, STATELESS
from tests.support.server import end_on_sigterm
from tests.support.simulator import simulating

__all__ = ["main", "measure"]

_COUNTS: Final = (1, 32, 256)
_PEERS: Final = ("sdk", "fastmcp", installing.NODE)
_COLUMNS: Final = (
    *("request, connections, server", "answers/s", "least", "most", "p50 ms", "p99 ms"),
    *("server CPU us", "client busy %", "answer bytes", "wrong"),
    *("ours is x times", "least", "most", "by CPU"),
)
_HOW: Final = (
    "One request open on each connection, the next as soon as the answer is there; {rounds} rounds "
    "of {seconds:g} s in turn: medians, and the least and most of a round. Server on one core, "
    "client on the other. *CPU us*: processor time of the server per answer. Every answer was "
    "compared byte for byte; *wrong* counts those that differ. *Ours is x times*: our answers a "
    "second over those of this server in the same round; *by CPU*: the same by processor time, "
    "which other work on the machine disturbs less. "
)


def _call(tool: str) -> dict[str, Any]:
    return {"name": tool, "arguments": {"text": "hello"}}


def measure(rounds: int, seconds: float, only: Sequence[str] = ()) -> Iterator[Table]:
    """The tables of trivial requests over HTTP, with a hop to a thread, and over WebSocket.

    ``only``: those of ``http``, ``hop`` and ``websocket``; none: all three.

    Raises:
        SystemExit: an answer of ours was wrong.
    """
    wanted = only or ("http", "hop", "websocket")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rest = Rest(stack)
        endpoint = stack.enter_context(simulating(folder))
        pin(endpoint.pid, CLIENT)
        we, server = stack.enter_context(ours(folder, endpoint.environ))
        tools = listed(server)
        peers: list[Contender] = []
        still: Contender | None = None
        if "http" in wanted or "hop" in wanted:
            still = rest.enter(NO_LINES, quiet(folder, endpoint.environ))
            missing = installing.install(_PEERS)
            rest.problems.update(missing)
            for name in _PEERS:
                if name not in missing:
                    made = rest.enter(name, peer(name, folder, tools))
                    peers += [made] if made else []
        how = _HOW.format(rounds=rounds, seconds=seconds)
        how += f"Peers: {installing.versions()}. "
        if rest.problems:
            left = "; ".join(f"{TITLES[name]}: {why}" for name, why in rest.problems.items())
            how += f"Left out: {left}. "
        if "http" in wanted:
            extra: list[tuple[Contender | None, str]] = [
                (rest.enter(name, floor(name, folder)), "plain") for name in ("twisted", "llhttp")
            ]
            extra.append((still, ""))
            entries = [Entry(each, kind) for each, kind in extra if each]
            yield _http([we, *peers], entries, how, rounds, seconds)
        if "hop" in wanted:
            yield _hop([we, *peers, *([still] if still else [])], how, rounds, seconds)
        if "websocket" in wanted:
            echo = rest.enter("echo", floor("echo", folder))
            yield _websocket(we, echo, how, rounds, seconds)


def _http(
    servers: Sequence[Contender],
    extra: Sequence[Entry],
    how: str,
    rounds: int,
    seconds: float,
) -> Table:
    made = Table(
        "Trivial requests over HTTP",
        f"{how}`tools/list` gives the tools of this product, {len(servers)} servers list the same; "
        "`tools/call` calls a tool that gives a short text back (in the Go server a statement of "
        "sqlite, the least it can do). The floors answer a fixed text to whatever comes. *No log "
        "lines* is ours with `log.requests = false`: no peer writes a line for a request, we write "
        "one.",
        _COLUMNS,
    )
    for version, kind in ((STATELESS, "http"), (HANDSHAKE, "session")):
        for method in ("tools/call", "tools/list"):
            for count in _COUNTS:
                entries = [Entry(each, kind) for each in servers]
                if method == "tools/call":
                    entries += [Entry(each.contender, each.kind or kind) for each in extra]
                params = _call("echo") if method == "tools/call" else {}
                expect = "hello" if method == "tools/call" else "execute_query"
                event = Event(
                    f"{method} {version}, {count}", method, params, count, expect, entries
                )
                _hold(event, made, rounds, seconds)
                if method == "tools/call":
                    bounds = {"sdk": 6.0, "fastmcp": 14.0, installing.NODE: 1.3}
                    for title in (OURS, NO_LINES):
                        _against(made, event, bounds, title)
    return made


def _hop(servers: Sequence[Contender], how: str, rounds: int, seconds: float) -> Table:
    made = Table(
        "A trivial call by way of a thread",
        f"{how}The tool goes to a worker thread and back, as everything that blocks has to; in the "
        "Go server it is the same statement of sqlite, because there nothing has to. *No log "
        "lines*: as above, and as the peers run.",
        _COLUMNS,
    )
    for count in (1, 32):
        entries = [Entry(each, "http") for each in servers]
        label = f"tools/call {STATELESS}, {count}"
        event = Event(label, "tools/call", _call("hop"), count, "hello", entries)
        _hold(event, made, rounds, seconds)
        for title in (OURS, NO_LINES):
            _against(made, event, {installing.NODE: 1.0}, title)
    return made


def _websocket(
    we: Contender, echo: Contender | None, how: str, rounds: int, seconds: float
) -> Table:
    made = Table(
        "Trivial requests over WebSocket",
        f"{how}Revision {HANDSHAKE}. No peer serves MCP over WebSocket; the floor sends the same "
        "frame back.",
        _COLUMNS,
    )
    for method in ("tools/call", "tools/list"):
        for count in _COUNTS:
            entries = [Entry(we, "websocket")]
            is_call = method == "tools/call"
            if is_call and echo is not None:
                entries.append(Entry(echo, "echo"))
            params = _call("echo") if is_call else {}
            expect = "hello" if is_call else "execute_query"
            event = Event(f"{method}, {count}", method, params, count, expect, entries)
            _hold(event, made, rounds, seconds)
            if is_call:
                text = f"{event.label} connections: share of {TITLES['echo']}"
                figure = event.ratio(OURS, TITLES["echo"]) * 100
                made.targets.append(Target(text, figure, 60.0, " %"))
    return made


def _hold(event: Event, made: Table, rounds: int, seconds: float) -> None:
    """Run the rounds, and add a row for each server."""
    event.hold(rounds, seconds)
    for title, fallen in event.fallen.items():
        wrong = event.wrong(title)
        if wrong and title == OURS:
            raise SystemExit(f"{wrong} wrong answers: {fallen[0].examples}")
        rates = [each.rate for each in fallen]
        ratios = event.ratios(OURS, title)
        made.add(
            f"{event.label}, {title}",
            *(percentile(rates, 50), min(rates), max(rates)),
            percentile([each.p50_s for each in fallen], 50) * 1e3,
            percentile([each.p99_s for each in fallen], 50) * 1e3,
            event.cpu_us(title),
            percentile([each.client_cpu_s / each.seconds for each in fallen], 50) * 100,
            fallen[0].answer_bytes,
            wrong,
            *(percentile(ratios, 50), min(ratios), max(ratios)),
            event.cpu_us(title) / event.cpu_us(OURS),
        )


def _against(made: Table, event: Event, bounds: Mapping[str, float], title: str = OURS) -> None:
    if title not in event.fallen:
        return
    how, least = title.removeprefix(OURS), TITLES["llhttp"]
    for name, bound in bounds.items():
        text = f"{event.label} connections{how}: times {TITLES[name]}"
        note = ""
        if least in event.fallen:
            note = f"*{least}*: {event.ratio(least, TITLES[name]):.2f}"
        made.targets.append(Target(text, event.ratio(title, TITLES[name]), bound, note=note))


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--only", nargs="+", default=[], choices=["http", "hop", "websocket"])
    options = parser.parse_args()
    for table in measure(options.rounds, options.seconds, options.only):
        print(table, flush=True)


if __name__ == "__main__":
    main()
