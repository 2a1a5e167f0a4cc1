"""The real server as a child process, for the tests and benches that need sockets and signals."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.support.processes import alive, command, descendants, session_members, until

__all__ = [
    "PYTHON",
    "Server",
    "clean_environ",
    "end_on_sigterm",
    "free_port",
    "kill_session",
    "run_twistd",
    "script",
    "serving",
    "start",
    "stdio_command",
]

PYTHON = sys.executable
_READY_S = 30.0
_STOP_S = 30.0
_ENDED_BY_SIGTERM = (0, 143, -signal.SIGTERM)
"""twistd ends by sending itself the signal again once everything is stopped."""


def script(name: str) -> str:
    """A console script of the interpreter that runs the tests."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def stdio_command() -> list[str]:
    """How a client starts the server on its own standard input and output."""
    return [script("snowflake-mcp"), "stdio"]


def clean_environ(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without any Snowflake setting of the person who runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SNOWFLAKE_", "PYTEST_"))}
    return {**kept, "HOME": str(home), **(extra or {})}


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_twistd(
    folder: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    within_s: float = 30.0,
) -> subprocess.CompletedProcess[str]:
    """Run twistd to its end."""
    return _run(script("twistd"), folder, arguments, environ, within_s)


def run_command(
    folder: Path, *arguments: str, within_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run ``snowflake-mcp`` to its end."""
    return _run(script("snowflake-mcp"), folder, arguments, None, within_s)


def _run(
    program: str,
    folder: Path,
    arguments: Sequence[str],
    environ: Mapping[str, str] | None,
    within_s: float,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=clean_environ(folder, environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Server:
    """A started server process; ``process`` leads a session of its own."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def url(self) -> str:
        """Its MCP endpoint over HTTP."""
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def ws_url(self) -> str:
        """Its MCP endpoint over WebSocket."""
        return f"ws://127.0.0.1:{self.port}/mcp"

    @property
    def log_text(self) -> str:
        """What it has logged and printed."""
        return self.log.read_text(errors="replace")

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        within_s: float = 30.0,
    ) -> Reply:
        """One HTTP request on a connection of its own; ``body`` is sent as JSON."""
        return http_request(self.port, method, path, body, headers=headers, within_s=within_s)

    def call(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, within_s: float = 30.0
    ) -> Reply:
        """Call a tool over REST."""
        body = {"name": name, "arguments": dict(arguments or {})}
        return self.request("POST", "/mcp/tools/call", body, within_s=within_s)

    def answers(self) -> bool:
        """Whether ``GET /health`` is answered now."""
        try:
            return self.request("GET", "/health", within_s=2.0).status == 200
        except OSError:
            return False

    def demo_pids(self) -> list[int]:
        """The embedded demo warehouse's process, as long as it lives under the server."""
        return [pid for pid in descendants(self.pid) if "snowflake_mcp.simulator" in command(pid)]

    def wait_ready(self, within_s: float = _READY_S) -> Self:
        """Wait until it serves; fail with its log when it ends instead."""

        def settled() -> bool:
            return self.process.poll() is not None or self.answers()

        try:
            until(settled, within_s, "GET /health answered 200")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_text}") from None
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}:\n{self.log_text}")
        return self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server alone."""
        self.process.send_signal(number)

    def wait(self, within_s: float) -> int:
        """Its exit status; fail with its log when it does not end in time."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {within_s} s:\n{self.log_text}") from None

    def stop(self, within_s: float = _STOP_S) -> int:
        """SIGTERM, and its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(within_s)


def http_request(
    port: int,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    within_s: float = 30.0,
) -> Reply:
    """One HTTP request to loopback on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=within_s)
    try:
        sent = dict(headers or {})
        if body is None:
            connection.request(method, path, headers=sent)
        else:
            sent["Content-Type"] = "application/json"
            connection.request(method, path, json.dumps(body), sent)
        answer = connection.getresponse()
        received = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, received, answer.read())
    finally:
        connection.close()


def start(
    folder: Path,
    *options: str,
    environ: Mapping[str, str] | None = None,
    port: int | None = None,
    twistd: Sequence[str] | None = None,
) -> Server:
    """Start ``twistd -n snowflake-mcp`` on a free port; the caller stops it."""
    chosen = port or free_port()
    log = folder / f"server-{chosen}.log"
    runner = twistd or [script("twistd")]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*runner, "-n", "--pidfile=", "snowflake-mcp", "--port", str(chosen), *options],
            cwd=folder,
            env=clean_environ(folder, environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Server(process, chosen, log)


def end_on_sigterm() -> None:
    """For scripts: let SIGTERM unwind the stack, so that what was started is stopped as well."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)


@contextmanager
def serving(
    folder: Path,
    *options: str,
    environ: Mapping[str, str] | None = None,
    port: int | None = None,
    twistd: Sequence[str] | None = None,
) -> Iterator[Server]:
    """A server that is ready; it and all it started are gone afterwards, or the test fails."""
    server = start(folder, *options, environ=environ, port=port, twistd=twistd)
    try:
        server.wait_ready()
        yield server
        if server.process.poll() is None:
            status = server.stop()
            assert status in _ENDED_BY_SIGTERM, f"status {status}:\n{server.log_text}"
    finally:
        left = kill_session(server.process)
    assert left == [], f"left behind: {left}\n{server.log_text}"


def kill_session(process: "subprocess.Popen[bytes]", grace_s: float = 5.0) -> list[list[str]]:
    """End what is left of a process started in its own session; gives what did not go itself."""
    if process.poll() is None:
        process.kill()
        process.wait(_STOP_S)
    try:
        until(lambda: not session_members(process.pid), grace_s, "the session is empty")
    except AssertionError:
        left = session_members(process.pid)
        lines = [command(pid) for pid in left]
        for pid in left:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        return lines
    return []
