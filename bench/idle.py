"""How much memory and processor time does a WebSocket take that nobody uses?

python -m bench.idle [--counts 1000 10000]
"""

import argparse
import resource
import socket
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from bench.cores import CLIENT, pin
from bench.peers.contenders import Contender, ours, room_for
from bench.report import Table, Target
from bench.volley import Volley, cpu_s, fire
from bench.wires import opened
from tests.support.processes import resident_kib
from tests.support.server import Server, end_on_sigterm
from tests.support.simulator import simulating

__all__ = ["main", "measure", "reachable"]

_REST_S: Final = 5.0
_SPARE_FILES: Final = 200
_QUIET: Final = {"SNOWFLAKE_MCP_WEBSOCKET_PING_INTERVAL_S": "600"}
"""The clients here do not answer pings, and opening many of them takes its time."""
_CALL: Final = {"name": "echo", "arguments": {"text": "hello"}}


def reachable(counts: Sequence[int]) -> list[int]:
    """Those numbers of connections for which this machine lets a process have descriptors."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return [count for count in counts if most < 0 or count + _SPARE_FILES <= most]


def measure(counts: Sequence[int]) -> Table:
    """A row for each number of WebSockets, opened on top of those before."""
    made = Table(
        "Idle WebSockets",
        "WebSockets that have said `initialize` and nothing since; the server on one core. "
        "*kB each*: what the resident memory of the server has grown by since none was open, in "
        f"1,000 bytes. *CPU %*: of one core, over {_REST_S:g} s of rest. The last column is a "
        "trivial call over a connection of its own meanwhile.",
        (
            *("open", "server MiB", "kB each", "opened a second", "CPU %"),
            "call p50 ms",
        ),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        endpoint = stack.enter_context(simulating(folder))
        pin(endpoint.pid, CLIENT)
        we, server = stack.enter_context(
            ours(
                folder,
                {**endpoint.environ, **_QUIET, **room_for(websockets=max(counts) + _SPARE_FILES)},
            )
        )
        # What the first clients set up for all those after them is not theirs.
        _call_ms(we)
        _row(made, we, server, 0, 0, 0.0)
        before = resident_kib(we.pid)
        clients: list[socket.socket] = []
        for count in reachable(counts):
            began = time.perf_counter()
            fresh = count - len(clients)
            for _ in range(fresh):
                made_socket = opened(_plan(we, "websocket"))
                clients.append(stack.enter_context(closing(made_socket)))
            seconds = time.perf_counter() - began
            each = _row(made, we, server, count, before, fresh / seconds)
            text = f"{count:,} idle WebSockets: memory of each"
            made.targets.append(Target(text, each, 15.0, " kB", at_most=True))
        if left := [count for count in counts if count not in reachable(counts)]:
            made.text += f" Left out, for want of descriptors: {left}."
    return made


def _plan(we: Contender, kind: str) -> Volley:
    return Volley(
        port=we.port,
        kind=kind,
        method="tools/call",
        params=_CALL,
        connections=1,
        seconds=0.5,
        expect="hello",
    )


def _call_ms(we: Contender) -> float:
    return fire(_plan(we, "websocket"), CLIENT).p50_s * 1e3


def _row(
    made: Table, we: Contender, server: Server, count: int, before_kib: int, rate: float
) -> float:
    counted = cpu_s([we.pid])
    time.sleep(_REST_S)  # noqa: TID251 - rest is what is measured
    busy = (cpu_s([we.pid]) - counted) / _REST_S * 100
    now = resident_kib(we.pid)
    each = (now - before_kib) * 1.024 / count if count else 0.0
    listed = server.request("GET", "/status").json()
    open_now = listed["connections"]["websocket"]["connections"]
    if open_now != count:
        raise RuntimeError(f"{open_now} WebSockets are open instead of {count}")
    made.add(f"{count:,}", now / 1024, each, rate, busy, _call_ms(we))
    return each


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000])
    print(measure(parser.parse_args().counts))


if __name__ == "__main__":
    main()
