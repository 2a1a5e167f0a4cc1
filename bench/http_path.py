"""What one trivial call over HTTP costs the server: processor time and calls a second.

    python -m bench.http_path [--clients 32] [--seconds 3] [--rounds 3] [--profile FILE]

Server and clients have a core each where the machine has two. The servers take turns within one
run (A B C A B C). Processor time of the server's process is what to compare: other work on the
machine changes it far less than it changes calls a second.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY

from bench.closed_loop import drive, post
from bench.report import Table, percentile
from bench.trivial import TOOL
from tests.support.messages import HANDSHAKE, INITIALIZE, JSON_HEADERS, STATELESS
from tests.support.processes import until
from tests.support.server import (
    PYTHON,
    Server,
    end_on_sigterm,
    free_port,
    http_request,
    kill_session,
    script,
    serving,
)

__all__ = ["main", "measure"]

_ARGUMENTS: Final = {"name": TOOL, "arguments": {"text": "hello"}}
_LOGGER: Final = "--logger=snowflake_mcp.ops.logs.stdout_json"
"""As the systemd units have it."""
_SPY: Final = ("-r", "500", "-f", "raw")
_META: Final = {
    PROTOCOL_VERSION_META_KEY: STATELESS,
    CLIENT_INFO_META_KEY: {"name": "bench", "version": "1"},
    CLIENT_CAPABILITIES_META_KEY: {},
}


def modern(port: int, method: str, params: Mapping[str, Any]) -> bytes:
    """A request of 2026-07-28."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": _META}}
    headers = {**JSON_HEADERS, "MCP-Protocol-Version": STATELESS, "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    return post(port, json.dumps(message).encode(), headers)


def handshake(port: int, number: int, session: str, method: str, params: Any) -> bytes:
    """A request of 2025-11-25; within a session ids differ."""
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    headers = {**JSON_HEADERS, "MCP-Protocol-Version": HANDSHAKE, "Mcp-Session-Id": session}
    return post(port, json.dumps(message).encode(), headers)


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, its own and the system's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pin(pid: int, core: int) -> None:
    """Keep a process and its threads on one core, if there are two."""
    if (os.cpu_count() or 1) > 1:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {core})


@contextmanager
def floor(kind: str) -> Iterator[tuple[int, int]]:
    """A bare server: its port and process id."""
    port = free_port()
    process = subprocess.Popen(
        [PYTHON, "-m", "bench.floors", kind, str(port)], start_new_session=True
    )

    def answers() -> bool:
        try:
            return http_request(port, "POST", "/mcp", {}, within_s=2.0).status == 200
        except OSError:
            return False

    try:
        until(answers, 20.0, "the floor answers")
        yield port, process.pid
    finally:
        kill_session(process)


def _initialize(server: Server) -> str:
    reply = server.request("POST", "/mcp", INITIALIZE, headers=JSON_HEADERS)
    return reply.headers["mcp-session-id"]


def measure(
    clients: int, seconds: float, rounds: int, parsers: tuple[str, ...], profile: Path | None
) -> Table:
    """All servers in turn, so many rounds."""
    table = Table(
        "The HTTP path",
        f"{clients} clients in a closed loop, {rounds} turns of {seconds:g} s each; the median "
        "of the turns. Server and clients have a core each.",
        ("request", "calls/s", "server us a call", "times bare twisted.web"),
    )
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        loads: dict[str, tuple[int, int, list[bytes]]] = {}
        for kind in ("twisted", "llhttp"):
            port, pid = stack.enter_context(floor(kind))
            requests = [modern(port, "tools/call", _ARGUMENTS)]
            loads[f"bare {'twisted.web' if kind == 'twisted' else kind}"] = port, pid, requests
        environ = {"SNOWFLAKE_MCP_TESTING_FIXTURES": "bench.trivial"}
        root = str(Path(__file__).parents[1])
        environ["PYTHONPATH"] = root
        for parser in parsers:
            name, _, quiet = parser.partition(":")
            if name != "default":
                environ["SNOWFLAKE_MCP_HTTP_PARSER"] = name
            environ["SNOWFLAKE_MCP_LOG_REQUESTS"] = "false" if quiet else "true"
            folder = Path(place)
            server = stack.enter_context(
                serving(folder, "--demo", environ=environ, twistd=(script("twistd"), _LOGGER))
            )
            calls = [modern(server.port, "tools/call", _ARGUMENTS)]
            session = _initialize(server)
            old = [handshake(server.port, 1, session, "tools/call", _ARGUMENTS)]
            listing = [modern(server.port, "tools/list", {})]
            loads[f"tools/call 2026-07-28, {parser}"] = server.port, server.pid, calls
            loads[f"tools/call 2025-11-25, {parser}"] = server.port, server.pid, old
            loads[f"tools/list 2026-07-28, {parser}"] = server.port, server.pid, listing
        os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
        for _, pid, _ in loads.values():
            pin(pid, 0)
        if profile is not None:
            _profiled(loads, clients, seconds, profile)
            return table
        for port, _, requests in loads.values():
            # By then the driver is loaded and the collector has frozen what stays.
            drive(port, requests, 1, 1.0)
        rates: dict[str, list[float]] = {label: [] for label in loads}
        costs: dict[str, list[float]] = {label: [] for label in loads}
        for _ in range(rounds):
            for label, (port, pid, requests) in loads.items():
                # Within a session an id is taken while its request runs.
                many = 1 if "2025" in label else clients
                before = cpu_s(pid)
                load = drive(port, requests, many, seconds)
                costs[label].append((cpu_s(pid) - before) / load.requests * 1e6)
                rates[label].append(load.requests / load.seconds)
        base = percentile(rates["bare twisted.web"], 50)
        for label in loads:
            rate = percentile(rates[label], 50)
            table.add(label, round(rate), percentile(costs[label], 50), rate / base)
    return table


def _profiled(
    loads: Mapping[str, tuple[int, int, list[bytes]]], clients: int, seconds: float, out: Path
) -> None:
    label = next(label for label in loads if label.startswith("tools/call 2026"))
    port, pid, requests = loads[label]
    recorder = subprocess.Popen(
        ["py-spy", "record", "-p", str(pid), "-d", str(int(seconds)), *_SPY, "-o", str(out)],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    drive(port, requests, clients, seconds + 2)
    recorder.wait()


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--parsers", default="llhttp,llhttp:quiet,twisted", help=":quiet is without log.requests"
    )
    parser.add_argument("--profile", type=Path, help="write py-spy's stacks of the first parser")
    options = parser.parse_args()
    parsers = tuple(options.parsers.split(","))
    print(measure(options.clients, options.seconds, options.rounds, parsers, options.profile))


if __name__ == "__main__":
    main()
