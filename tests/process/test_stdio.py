"""``snowflake-mcp stdio``: one client on the standard streams, and nothing but protocol there."""

import json
import os
import random
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.processes import alive, command, descendants
from tests.support.server import clean_environ, kill_session, stdio_command

pytestmark = pytest.mark.process

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Peer:
    """A client of raw lines."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._errors = (folder / "stderr.log").open("w+b")
        self.process = subprocess.Popen(
            [*stdio_command(), *options],
            cwd=folder,
            env=clean_environ(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        left = kill_session(self.process)
        for stream in (self.process.stdin, self.process.stdout, self._errors):
            assert stream is not None
            stream.close()
        assert left == []

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        self._errors.seek(0)
        return self._errors.read().decode()

    def send(self, line: bytes) -> None:
        """Write a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def receive(self, within_s: float = 15.0) -> dict[str, Any]:
        """The next line, which must be JSON-RPC."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + within_s
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(deadline - time.monotonic()):
                    raise AssertionError(f"no line within {within_s} s\n{self.log}")
                read = os.read(self.process.stdout.fileno(), 65_536)
                assert read, f"standard output has ended\n{self.log}"
                self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return dict(message)

    def request(self, request_id: int, method: str, **params: Any) -> dict[str, Any]:
        """A stateless request and its answer."""
        sent = {"jsonrpc": "2.0", "id": request_id, "method": method}
        self.send(json.dumps({**sent, "params": {**params, "_meta": META}}).encode())
        answer = self.receive()
        assert answer["id"] == request_id
        return answer

    def query(self, request_id: int, sql: str) -> list[Any]:
        """The rows of a query."""
        arguments = {"query": sql}
        answer = self.request(request_id, "tools/call", name="execute_query", arguments=arguments)
        return list(answer["result"]["structuredContent"]["rows"])

    def end(self, within_s: float = 8.0) -> int:
        """Close standard input; the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(within_s)

    def rest(self) -> bytes:
        """What is left on standard output after the end."""
        assert self.process.stdout is not None
        return self._unread + self.process.stdout.read()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    """A server on standard streams with demo data."""
    with Peer(tmp_path, "--demo") as started:
        yield started


def test_both_eras_and_a_clean_end(peer: Peer) -> None:
    """Each era is served; the end of standard input ends the process and its child at once."""
    opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
    opening["clientInfo"] = {"name": "peer", "version": "1"}
    peer.send(
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening}).encode()
    )
    assert peer.receive()["result"]["protocolVersion"] == "2025-11-25"
    peer.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    peer.send(b'{"jsonrpc":"2.0","id":2,"method":"tools/list"}')
    assert len(peer.receive()["result"]["tools"]) >= 8
    assert peer.query(3, "SELECT 41 + 1 AS ANSWER") == [[42]]
    children = descendants(peer.process.pid)
    assert any("snowflake_mcp.simulator" in command(pid) for pid in children)

    assert peer.end() == 0

    assert peer.rest() == b""
    assert not any(map(alive, children))
    assert "tools/call" in peer.log
    assert "Traceback" not in peer.log


def test_rubbish_ends_nothing(peer: Peer) -> None:
    """Lines that are no message are answered or skipped, and the next one is served."""
    noise = random.Random(20)
    lines = [
        b"hello",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b"[" * 5_000,
        b'{"a":' * 5_000,
        b"x" * (2 << 20),
        *(noise.randbytes(200).replace(b"\n", b"\r") for _ in range(20)),
    ]
    for line in lines:
        peer.send(line)
        assert peer.receive()["error"]["code"] < 0
    peer.send(b"")
    peer.send(b"   \r")
    assert peer.query(1, "SELECT 41 + 1 AS ANSWER") == [[42]]
    assert peer.end() == 0
    assert "Traceback" not in peer.log


def test_sigterm_ends_it(peer: Peer) -> None:
    """A client that sends SIGTERM instead of closing is heard as well."""
    assert peer.query(1, "SELECT 1") == [[1]]
    children = descendants(peer.process.pid)
    peer.process.send_signal(signal.SIGTERM)
    assert peer.process.wait(8) in (0, -signal.SIGTERM)
    assert not any(map(alive, children))
    assert peer.rest() == b""


def test_a_client_that_stops_reading_and_leaves(peer: Peer) -> None:
    """Output that nobody takes does not hold the end."""
    call = {"name": "execute_query", "arguments": {"query": _many_rows(), "limit": 10_000}}
    for n in range(8):
        message = {"jsonrpc": "2.0", "id": n, "method": "tools/call"}
        peer.send(json.dumps({**message, "params": {**call, "_meta": META}}).encode())
    peer.receive()
    assert peer.process.stdout is not None
    peer.process.stdout.close()
    assert peer.end() == 0
    assert "Traceback" not in peer.log


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["stdio", "--nonsense"], "nonsense"),
        (["stdio", "--no-demo"], "SNOWFLAKE_ACCOUNT"),
        ([], ""),
    ],
)
def test_a_start_that_cannot_work(tmp_path: Path, options: list[str], part: str) -> None:
    """Status 1, a message on standard error, and nothing on standard output."""
    ended = subprocess.run(
        [stdio_command()[0], *options],
        cwd=tmp_path,
        env=clean_environ(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("snowflake-mcp: ")
    assert part in ended.stderr
    assert "Traceback" not in ended.stderr


def _many_rows() -> str:
    text = "'some text that makes a row longer'"
    return f"SELECT SEQ4() AS N, {text} AS T FROM TABLE(GENERATOR(ROWCOUNT => 10000))"
