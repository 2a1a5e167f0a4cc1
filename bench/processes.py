"""What do several processes on one port give?

    python -m bench.processes [--most 2] [--seconds 2]

As the systemd template runs them: each process gets a socket of its own with SO_REUSEPORT, opened
before it starts and passed to it; the kernel spreads connections over them.
"""

import argparse
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bench.peers.contenders import room_for
from bench.report import Table
from bench.volley import Volley, cpu_s, fire
from tests.support.processes import until
from tests.support.server import (
    clean_environ,
    end_on_sigterm,
    free_port,
    http_request,
    kill_session,
    script,
)
from tests.support.simulator import simulating

__all__ = ["main", "measure"]

_CONNECTIONS: Final = 64
_ROUNDS: Final = 3
_READY_S: Final = 30.0
_STOP_S: Final = 30.0
_FD: Final = 3
"""Where a process finds the first socket that is passed to it; sd_listen_fds(3)."""


def measure(most: int, seconds: float) -> Table:
    """A row for each number of processes, twice in turn."""
    made = Table(
        "Several processes on one port",
        f"`tools/list` over {_CONNECTIONS} connections for {seconds:g} s, {_ROUNDS} times in "
        f"turn. Nothing is pinned here: the processes and the client share {os.cpu_count()} "
        "cores, and the client takes its part of them (*client busy*), so two processes cannot "
        "give twice as much on two cores. *Shares* is the processor time of the busiest process "
        "over that of the idlest: how evenly the kernel spreads connections.",
        ("processes", "answers/s", "p50 ms", "p99 ms", "server CPU us", "client busy %", "shares"),
    )
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        endpoint = stack.enter_context(simulating(folder))
        environ = {
            **endpoint.environ,
            **room_for(),
            # What a socket that was passed is open to cannot be told from its name.
            "SNOWFLAKE_MCP_AUTH_ALLOW_ANONYMOUS": "true",
        }
        ports = {
            count: stack.enter_context(_serving(folder, environ, count))
            for count in range(1, most + 1)
        }
        for turn in range(1, _ROUNDS + 1):
            for count, (port, pids) in ports.items():
                _row(made, f"{count}, {turn}", port, pids, seconds)
    return made


def _row(made: Table, label: str, port: int, pids: list[int], seconds: float) -> None:
    before = [cpu_s([pid]) for pid in pids]
    volley = Volley(
        *(port, "http", "tools/list", {}, _CONNECTIONS, seconds, "execute_query"),
        pids=pids,
    )
    fallen = fire(volley)
    if fallen.wrong:
        raise RuntimeError(f"{fallen.wrong} wrong answers: {fallen.examples}")
    taken = [cpu_s([pid]) - earlier for pid, earlier in zip(pids, before, strict=True)]
    made.add(
        label,
        fallen.rate,
        fallen.p50_s * 1e3,
        fallen.p99_s * 1e3,
        fallen.server_cpu_s / fallen.answers * 1e6,
        fallen.client_cpu_s / fallen.seconds * 100,
        max(taken) / max(min(taken), 0.01),
    )


@contextmanager
def _serving(folder: Path, environ: dict[str, str], count: int) -> Iterator[tuple[int, list[int]]]:
    """So many processes on one port: the port, and their ids."""
    port = free_port()
    with ExitStack() as stack:
        pids = [stack.enter_context(_instance(folder, environ, port)) for _ in range(count)]
        yield port, pids


@contextmanager
def _instance(folder: Path, environ: dict[str, str], port: int) -> Iterator[int]:
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(1024)
        command = [
            *(script("twistd"), "-n", "--pidfile=", "snowflake-mcp", "--no-demo"),
            *("--port", "systemd:domain=INET:name=http"),
        ]
        # The shell says which process is meant and becomes it, as systemd does.
        shell = f'exec {_FD}<&{listening.fileno()}; LISTEN_PID=$$ exec "$@"'
        passed = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}
        with (folder / "instances.log").open("ab") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", shell, "sh", *command],
                cwd=folder,
                env=clean_environ(folder, {**environ, **passed}),
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    try:
        until(lambda: process.poll() is not None or _answers(port), _READY_S, "an instance answers")
        if process.poll() is not None:
            raise RuntimeError((folder / "instances.log").read_text()[-2000:])
        yield process.pid
        process.terminate()
        process.wait(_STOP_S)
    finally:
        kill_session(process)


def _answers(port: int) -> bool:
    try:
        return http_request(port, "GET", "/health", within_s=2.0).status == 200
    except OSError:
        return False


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--most", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    print(measure(options.most, options.seconds))


if __name__ == "__main__":
    main()
