"""Rubbish on the port: whatever the bytes, the server answers the next client as ever."""

import asyncio
import random
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.support.agents import WebSocketAgent
from tests.support.server import Server, serving

pytestmark = pytest.mark.process

HEAD = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n"
JSON_HEAD = HEAD + (
    b"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
)
UPGRADE = b"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def http_rubbish() -> list[bytes]:
    """Byte strings that are no request, or a dishonest one."""
    noise = random.Random(5)
    return [
        b"\r\n\r\n\r\n",
        b"\x00" * 1_000,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 70_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 2_000 + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        # The beginning of a TLS handshake.
        bytes.fromhex("1603010200010001fc0303") + noise.randbytes(512),
        JSON_HEAD + b"Content-Length: -5\r\n\r\n",
        JSON_HEAD + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n",
        JSON_HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        JSON_HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        JSON_HEAD + b"Content-Length: 3\r\n\r\n\xff\xfe\xfd",
        JSON_HEAD + b"Content-Length: 10000\r\n\r\n" + b"[" * 10_000,
        HEAD + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 4\r\n\r\n--x\n",
        UPGRADE + b"Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
        *(noise.randbytes(300) for _ in range(20)),
    ]


def websocket_rubbish() -> list[bytes]:
    """Frames that break the rules of WebSocket, unmasked ones among them."""
    noise = random.Random(6)
    return [
        b"\x81\x05hello",
        b"\xf1\x80\x00\x00\x00\x00",
        b"\x83\x80\x00\x00\x00\x00",
        b"\x89\xfe\x00\x80" + b"\x00" * 132,
        b"\x81\xff" + struct.pack("!Q", 1 << 62) + b"\x00" * 4,
        b"\x80\x80\x00\x00\x00\x00",
        b"\x88\x82\x00\x00\x00\x00\x00\x05",
        *(noise.randbytes(200) for _ in range(10)),
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all of it; its log must stay free of tracebacks."""
    with serving(tmp_path_factory.mktemp("server"), "--demo") as started:
        yield started
    assert "Traceback" not in started.log_text
    assert "Unhandled" not in started.log_text


def still_serves(server: Server) -> None:
    """The next client gets its answer from the same process."""
    assert server.process.poll() is None
    answer = server.call("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
    assert answer.json()["result"]["rows"] == [[42]]


def test_http(server: Server) -> None:
    """Broken, oversized, smuggled and random requests."""
    for data in http_rubbish():
        _send(server.port, data)
    still_serves(server)


def test_websocket_frames(server: Server) -> None:
    """Broken frames close their own connection only."""

    async def send(data: bytes) -> None:
        async with await WebSocketAgent.open(server.port) as agent, asyncio.timeout(10):
            agent.writer.write(data)
            agent.finish()
            await agent.closed()

    async def send_all() -> None:
        async with await WebSocketAgent.open(server.port) as bystander:
            for data in websocket_rubbish():
                await send(data)
            answer = await bystander.call(1, "list_databases", {}, stateless=True)
        assert answer["result"]["structuredContent"]["databases"]

    asyncio.run(send_all())
    still_serves(server)


def test_websocket_messages(server: Server) -> None:
    """Text that is no message is answered on a connection that stays open."""
    texts = [
        "",
        "hello",
        "[]",
        "null",
        '{"jsonrpc":"2.0","id":{},"method":"ping"}',
        '{"jsonrpc":"2.0","id":1,"method":"no/such"}',
        "[" * 5_000,
        "\u2028" * 100,
    ]

    async def send_all() -> None:
        async with await WebSocketAgent.open(server.port) as agent, asyncio.timeout(10):
            for text in texts:
                agent.send_frame(1, text.encode())
            answer = await agent.call("last", "list_databases", {}, stateless=True)
        assert answer["result"]["structuredContent"]["databases"]
        assert len(agent.unclaimed) == len(texts)
        assert all(message["error"]["code"] < 0 for message in agent.unclaimed)

    asyncio.run(send_all())
    still_serves(server)


def test_a_binary_frame_closes_with_its_own_code(server: Server) -> None:
    """1003: this endpoint takes text."""

    async def send() -> int | None:
        async with await WebSocketAgent.open(server.port) as agent, asyncio.timeout(5):
            agent.send_frame(2, b"\x00\x01")
            return (await agent.closed()).code

    assert asyncio.run(send()) == 1003
    still_serves(server)


def test_a_message_too_large_closes_with_its_own_code(server: Server) -> None:
    """1009, and the bytes are not kept."""

    async def send() -> int | None:
        async with await WebSocketAgent.open(server.port) as agent, asyncio.timeout(5):
            agent.send_frame(1, b" " * (2 << 20))
            return (await agent.closed()).code

    assert asyncio.run(send()) == 1009
    still_serves(server)


def _send(port: int, data: bytes) -> None:
    """Write, close our side, and read whatever comes until the server closes, too."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65_536):
                continue
        except (ConnectionError, BrokenPipeError):
            # A server may well hang up on such a client before it has finished.
            return
