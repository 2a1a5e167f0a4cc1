"""Nearly right requests, frames and messages by the thousand: none is owed two answers, or a fault.

``--fuzz-s`` is how long all three go on together, ``--fuzz-seed`` where chance begins; a failure
tells the seed and leaves what was sent last in the folder of the test.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.agents import Closed, HttpAgent, WebSocketAgent
from tests.support.fuzzing import Fuzz, encoded, messages
from tests.support.messages import HANDSHAKE, STATELESS
from tests.support.processes import resident_kib, until
from tests.support.server import Server, serving

pytestmark = [pytest.mark.process, pytest.mark.timeout(3_600)]

AT_ONCE: Final = 6
ANSWER_S: Final = 15.0
"""Statements are given 2 s; the rest is for machines that do other work as well."""
GROWTH_MIB: Final = 96
FINE: Final = frozenset(
    {200, 202, 204, 101, 400, 401, 403, 404, 405, 406, 408, 409, 411, 413, 414, 415, 417, 421, 422}
    | {426, 429, 431, 503, 504, 505}
)
"""Documented; 500 and 501 are not, and neither is anything below 101 but ``100 Continue``."""
HOST: Final = "127.0.0.1"
ENVIRON: Final = {
    "SNOWFLAKE_MCP_LIMITS_STATEMENT_TIMEOUT_S": "2",
    "SNOWFLAKE_MCP_HTTP_IDLE_TIMEOUT_S": "2",
    "SNOWFLAKE_MCP_HTTP_KEEPALIVE_S": "1",
}


class Sent:
    """What was sent last, for whoever looks into a failure."""

    def __init__(self, fuzz: Fuzz, folder: Path) -> None:
        self._fuzz = fuzz
        self._path = folder / "sent-last"
        self._last: deque[bytes] = deque(maxlen=50)
        self.count = 0

    def note(self, data: bytes) -> None:
        """Keep one."""
        self.count += 1
        self._last.append(data)

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Leave it all in a file when something fails."""
        try:
            yield
        except BaseException as error:
            self._path.write_text("\n".join(map(repr, self._last)))
            error.add_note(f"--fuzz-seed gave {self._fuzz.seed}; sent last: {self._path}")
            raise


@pytest.fixture(scope="module", params=["llhttp", "twisted"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One server for all of it on each parser, which must come through whole."""
    environ = {**ENVIRON, "SNOWFLAKE_MCP_HTTP_PARSER": request.param}
    with serving(tmp_path_factory.mktemp("server"), "--demo", environ=environ) as started:
        for _ in range(20):
            started.call("execute_query", {"query": "SELECT 1"})
        yield started
    assert "Traceback" not in started.log_text
    assert "Unhandled" not in started.log_text


@contextlib.contextmanager
def unharmed(server: Server) -> Iterator[None]:
    """Afterwards it serves as ever, nothing runs on, and it is not much larger."""
    before = resident_kib(server.pid)
    yield
    assert server.process.poll() is None, server.log_text[-3_000:]
    until(lambda: _running(server) == 0, 30, "nothing runs any more")
    answer = server.call("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
    assert answer.json()["result"]["rows"] == [[42]]
    assert "Traceback" not in server.log_text
    assert (resident_kib(server.pid) - before) / 1024 < GROWTH_MIB


def _running(server: Server) -> int:
    return int(server.request("GET", "/status").json()["requests_running"])


def test_http(server: Server, fuzz: Fuzz, tmp_path: Path) -> None:
    """Torn requests: each connection ends, and what is answered is an answer."""
    sent = Sent(fuzz, tmp_path)

    async def one_after_another(ends: float) -> None:
        while time.monotonic() < ends:
            data = fuzz.torn(_request(fuzz))
            sent.note(data)
            await asyncio.wait_for(_exchange(server.port, data), ANSWER_S)

    with unharmed(server), sent.told():
        asyncio.run(_spend(fuzz.spend_s, one_after_another))
    assert sent.count > fuzz.spend_s


def test_websocket(server: Server, fuzz: Fuzz, tmp_path: Path) -> None:
    """Torn frames end their own connection; whole ones with bent messages get one answer each."""
    sent = Sent(fuzz, tmp_path)

    async def one_after_another(ends: float) -> None:
        while time.monotonic() < ends:
            async with await WebSocketAgent.open(server.port) as agent:
                owed = {number: fuzz.bent_request(number) for number in range(1, 9)}
                for message in owed.values():
                    sent.note(encoded(message))
                    agent._waiting[message["id"]] = asyncio.get_running_loop().create_future()
                    agent.send_frame(1, encoded(message))
                waiting = dict(agent._waiting)
                await asyncio.wait(waiting.values(), timeout=ANSWER_S)
                for number, answer in waiting.items():
                    message = owed[int(number)]
                    assert answer.done(), f"no answer to {message}; besides {agent.unclaimed}"
                    _check(answer.result(), message)
                # A second answer to one of them would have come before this one.
                await asyncio.wait_for(agent.request("last", "ping"), ANSWER_S)
                assert agent.unclaimed == []
            async with await WebSocketAgent.open(server.port) as agent:
                torn = fuzz.torn(_frames(fuzz))
                sent.note(torn)
                agent.writer.write(torn)
                with contextlib.suppress(ConnectionError, Closed):
                    await agent.writer.drain()
                    agent.finish()
                    await asyncio.wait_for(agent.closed(), ANSWER_S)

    with unharmed(server), sent.told():
        asyncio.run(_spend(fuzz.spend_s, one_after_another))
    assert sent.count > fuzz.spend_s


def test_messages(server: Server, fuzz: Fuzz, tmp_path: Path) -> None:
    """Bent messages over HTTP, of both eras: one answer to each, with its id, and no fault."""
    sent = Sent(fuzz, tmp_path)

    async def one_after_another(ends: float) -> None:
        number = 0
        agent = await HttpAgent.open(server.port)
        while time.monotonic() < ends:
            number += 1
            message = fuzz.bent_request(number)
            body = encoded(message)
            sent.note(body)
            try:
                answer = await asyncio.wait_for(
                    agent.exchange("POST", "/mcp", body, _headers(fuzz, message)), ANSWER_S
                )
            except (Closed, ConnectionError):
                # Kept open too long between two messages, or refused: the next one is on another.
                await agent.close()
                agent = await HttpAgent.open(server.port)
                continue
            assert answer.status in FINE, f"{message}: {answer.status} {answer.body!r}"
            told = messages(answer.body, answer.headers.get("content-type", ""))
            replies = [each for each in told if "method" not in each]
            assert len(replies) == 1, f"{message}: {answer}"
            if "id" in replies[0] or answer.status == 200:
                _check(replies[0], message)
            if answer.headers.get("connection") == "close":
                await agent.close()
                agent = await HttpAgent.open(server.port)
        await agent.close()

    with unharmed(server), sent.told():
        asyncio.run(_spend(fuzz.spend_s, one_after_another))
    assert sent.count > fuzz.spend_s


async def _spend(seconds: float, work: Any) -> None:
    ends = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work(ends))


def _check(answer: dict[str, Any], message: dict[str, Any]) -> None:
    """One JSON-RPC answer to this message that is no fault of the server's."""
    assert answer["jsonrpc"] == "2.0"
    assert answer["id"] == message["id"], f"{message}: {answer}"
    assert ("result" in answer) != ("error" in answer), f"{message}: {answer}"
    if "error" in answer:
        assert isinstance(answer["error"]["message"], str)
        assert answer["error"]["code"] != -32603, f"{message}: {answer}"
    else:
        failure = answer["result"].get("_meta", {}).get("snowflake-mcp/failure", {})
        assert failure.get("family") != "internal", f"{message}: {answer}"


def _headers(fuzz: Fuzz, message: dict[str, Any]) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    if fuzz.chance.random() < 0.8:
        headers["MCP-Protocol-Version"] = fuzz.chance.choice((STATELESS, HANDSHAKE, STATELESS))
        # What a header cannot hold would be another request than the one that is meant.
        headers["Mcp-Method"] = _plain(message["method"])
        if isinstance(name := message["params"].get("name"), str):
            headers["Mcp-Name"] = _plain(name)
    return headers


def _plain(text: str) -> str:
    return "".join(ch for ch in text if " " < ch < "\x7f")[:200]


def _request(fuzz: Fuzz) -> bytes:
    """A whole request to one of the paths."""
    verb, path = fuzz.chance.choice(
        (
            ("POST", "/mcp"),
            ("POST", "/mcp/tools/call"),
            ("GET", "/mcp"),
            ("GET", "/mcp/tools"),
            ("DELETE", "/mcp"),
            ("OPTIONS", "/mcp"),
            ("HEAD", "/health"),
            ("GET", "/status?token=x"),
            ("GET", "/openapi.json"),
        )
    )
    message = fuzz.message(fuzz.chance.randrange(100))
    if path.endswith("call"):
        message = {"name": "execute_query", "arguments": {"query": "SELECT 1"}}
    body = encoded(message) if verb == "POST" else b""
    lines = [f"{verb} {path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in _headers(fuzz, fuzz.message(1)).items()]
    if body and fuzz.chance.random() < 0.3:
        lines.append("Transfer-Encoding: chunked")
        half = len(body) // 2
        body = b"".join(
            b"%x\r\n" % len(part) + part + b"\r\n" for part in (body[:half], body[half:], b"")
        )
    elif body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join([*lines, "", ""])).encode() + body


def _frames(fuzz: Fuzz) -> bytes:
    """Some whole frames, masked with zeros."""
    made = b""
    for number in range(fuzz.chance.randrange(1, 5)):
        payload = encoded(fuzz.message(number))
        opcode = fuzz.chance.choice((0x81, 0x81, 0x01, 0x80, 0x89, 0x82, 0x88))
        if len(payload) < 126:
            made += bytes([opcode, 0x80 | len(payload)])
        else:
            made += bytes([opcode, 0x80 | 126]) + len(payload).to_bytes(2)
        made += b"\0\0\0\0" + payload
    return made


async def _exchange(port: int, data: bytes) -> None:
    """Send all, say that this was all, and read until the server has said all."""
    reader, writer = await asyncio.open_connection(HOST, port)
    got = b""
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        writer.write_eof()
        while piece := await reader.read(65_536):
            got += piece
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    if got:
        version, _, rest = got.partition(b" ")
        assert version in (b"HTTP/1.0", b"HTTP/1.1"), got[:300]
        status = int(rest[:3])
        assert status in FINE or status == 100, got[:600]
        assert b"Traceback" not in got
    if got.startswith(b"HTTP/1.1 4") and b"application/json" in got:
        body = got.partition(b"\r\n\r\n")[2]
        if body and b"HTTP/1.1" not in body:
            assert "error" in json.loads(body)
