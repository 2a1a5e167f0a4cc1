"""The table of bad inputs, replayed whole against a running server."""

import json
import socket
from collections.abc import Iterator
from typing import Any, Self

import pytest

from tests.support.bad_inputs import (
    frame_bytes,
    judged_http,
    judged_websocket,
    needs_session,
    request_bytes,
    rows,
)
from tests.support.messages import INITIALIZE, JSON_HEADERS
from tests.support.server import Server, serving
from tests.support.wire import Frame, HttpAnswer, http_request, parse_answer, parse_frame

pytestmark = pytest.mark.process

WAIT_S = 10.0
QUIET_S = 1.0
"""After so long without a byte a WebSocket has said what it had to say."""
DECLARED = {"B105", "B106"}
"""Rows that ask for resources of a server without any; this one has resources, and lists them."""
SLOW = {"SELECT 1": "SELECT SYSTEM$WAIT(1)"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all of it; afterwards it must not have logged a single fault."""
    environ = {"SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait"}
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, "--demo", environ=environ) as started:
        yield started
        assert started.answers()
    assert "Traceback" not in started.log_text


class Line:
    """A raw connection."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S)
        self.received = b""
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send; a server that has already refused need not read on."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True

    def more(self, within_s: float) -> bool:
        """Whether another piece came in time."""
        self._socket.settimeout(within_s)
        try:
            piece = self._socket.recv(1 << 16)
        except (TimeoutError, ConnectionResetError):
            return False
        self.received += piece
        self.closed = self.closed or not piece
        return bool(piece)

    def answer(self, method: str) -> HttpAnswer:
        """The response, or as much of an endless one as has come."""
        while b"\r\n\r\n" not in self.received and self.more(WAIT_S):
            pass
        answer, used = parse_answer(self.received, method)
        while not answer.complete and self.more(QUIET_S):
            answer, used = parse_answer(self.received, method)
        self.received = self.received[used:]
        return answer

    def frames(self) -> list[Frame]:
        """Every frame until nothing more comes."""
        while self.more(QUIET_S):
            pass
        frames = []
        while (parsed := parse_frame(self.received)) is not None:
            frames.append(parsed[0])
            self.received = self.received[parsed[1] :]
        return frames


def session_of(server: Server) -> str:
    """A new handshake-era session."""
    body = json.dumps(INITIALIZE).encode()
    host = f"127.0.0.1:{server.port}"
    with Line(server) as line:
        line.send(http_request("POST", "/mcp", body, headers=JSON_HEADERS, host=host))
        session = line.answer("POST").header("Mcp-Session-Id")
    assert session is not None
    return session


@pytest.mark.fault("F-15", "the rows of the table of bad inputs that are too large or too deep")
def test_every_http_row_against_the_process(server: Server) -> None:
    """Status and code as the table says, row after row, on one server."""
    session = session_of(server)
    wrong: dict[str, Any] = {}
    for row in rows("http"):
        with Line(server) as line:
            line.send(request_bytes(row, session if needs_session(row) else None, server.port))
            answer = line.answer(row["request"]["method"])
        came = judged_http(row, answer)
        if row["id"] in DECLARED:
            came = None if "resources" in answer.json().get("result", {}) else came
        if came is not None:
            wrong[row["id"]] = came
    assert wrong == {}


@pytest.mark.fault("F-15", "the same over WebSocket")
def test_every_websocket_row_against_the_process(server: Server) -> None:
    """Upgrade, errors and close codes as the table says; floods are told "busy"."""
    wrong: dict[str, Any] = {}
    for row in rows("ws"):
        with Line(server) as line:
            line.send(request_bytes(row, None, server.port))
            answer = line.answer("GET")
            sent = [f for f in row["request"]["frames"] if "text_template_repeat" not in f]
            line.send(b"".join(frame_bytes(frame, SLOW) for frame in sent))
            frames = line.frames() if sent else []
        errors = [f.json().get("error", {}).get("code") for f in frames if f.opcode == 1]
        closes = [f.close_code for f in frames if f.opcode == 8]
        came = judged_websocket(row, answer.status, errors, closes)
        if came is not None:
            wrong[row["id"]] = came
    assert wrong == {}
