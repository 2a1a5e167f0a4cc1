"""What only real sockets show."""

# mypy: allow-untyped-decorators

import json
import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from snowflake_mcp.transports.listen import Listener
from snowflake_mcp.transports.sockets import write_at_once
from tests.support.messages import JSON_HEADERS
from tests.support.wire import Frame, encode_frame, http_request, parse_frame
from tests.unit.transports.stand import Stand, call, modern

BODY = b"x" * (8 << 20)


class Sender(Protocol):
    """A client that sends all it has and then reads to the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.received = b""
        self.ended: Deferred[str] = Deferred()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self.data)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.ended.callback(str(reason))


def _frames(received: bytes) -> list[Frame]:
    """What came after the 101."""
    left = received.partition(b"\r\n\r\n")[2]
    frames = []
    while (parsed := parse_frame(left)) is not None:
        frames.append(parsed[0])
        left = left[parsed[1] :]
    return frames


@pytest_twisted.ensureDeferred
async def test_a_refused_client_can_read_why() -> None:
    """A close with unread bytes would reset the connection and destroy the answer."""
    stand = Stand(clock=reactor)
    listener = Listener(reactor, stand.front.site, ["tcp:0:interface=127.0.0.1"])
    listener.startService()
    address: Any = listener.addresses()[0]
    headers = {**JSON_HEADERS, "Content-Length": str(len(BODY))}
    client = Sender(http_request("POST", "/mcp", headers=headers) + BODY)
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", address.port), client)
    ended = await client.ended.addTimeout(5, reactor)
    assert client.received.startswith(b"HTTP/1.1 413 ")
    assert client.received.endswith(b"}")
    assert "cleanly" in ended
    while stand.front.site.channels:
        await deferLater(reactor, 0.01)
    await listener.stopService()


@pytest_twisted.ensureDeferred
async def test_it_serves_a_unix_socket(tmp_path: Path) -> None:
    """Behind a local proxy connections have no addresses; everything else holds."""
    stand = Stand(clock=reactor)
    path = tmp_path / "mcp.sock"
    listener = Listener(reactor, stand.front.site, [f"unix:{path}"])
    listener.startService()
    for request, status in (
        (http_request("GET", "/health", extra=("Connection: close",)), b"200"),
        (
            http_request("POST", "/mcp", headers={**JSON_HEADERS, "Content-Length": "9999999"}),
            b"413",
        ),
    ):
        client = Sender(request)
        await connectProtocol(UNIXClientEndpoint(reactor, str(path)), client)
        await client.ended.addTimeout(5, reactor)
        assert client.received.startswith(b"HTTP/1.1 " + status)
    while stand.front.site.channels:
        await deferLater(reactor, 0.01)
    await listener.stopService()


@pytest_twisted.ensureDeferred
async def test_the_proxy_protocol_names_the_client() -> None:
    """HTTP and WebSocket come through Twisted's own wrapper; the line's address is the peer."""
    stand = Stand(clock=reactor)
    listener = Listener(reactor, stand.front.site, ["haproxy:tcp:0:interface=127.0.0.1"])
    listener.startService()
    address: Any = listener.addresses()[0]
    line = b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 8000\r\n"
    body = b'{"name":"echo"}'
    headers = {"Content-Type": "application/json", "Connection": "close"}
    client = Sender(line + http_request("POST", "/mcp/tools/call", body, headers=headers))
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", address.port), client)
    await client.ended.addTimeout(5, reactor)
    assert client.received.startswith(b"HTTP/1.1 200 ")
    assert [context.facts.peer for context in stand.toolbox.contexts] == ["198.51.100.7"]
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Version": "13",
    }
    client = Sender(
        line + http_request("GET", "/mcp", headers=upgrade) + encode_frame(8, b"\x03\xe8")
    )
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", address.port), client)
    await client.ended.addTimeout(5, reactor)
    assert client.received.startswith(b"HTTP/1.1 101 ")
    while stand.front.site.channels:
        await deferLater(reactor, 0.01)
    await listener.stopService()


@pytest_twisted.ensureDeferred
async def test_answers_to_a_slow_reader_come_whole_and_in_order() -> None:
    """What the socket does not take at once waits, and nothing overtakes it."""
    stand = Stand(clock=reactor)
    listener = Listener(reactor, stand.front.site, ["tcp:0:interface=127.0.0.1"])
    listener.startService()
    address: Any = listener.addresses()[0]
    requests = b""
    for number in range(200):
        message = {"name": "big", "arguments": {"size": 60_000 if number % 2 else 6}}
        last = ("Connection: close",) if number == 199 else ()
        requests += http_request(
            "POST",
            "/mcp/tools/call",
            json.dumps(message).encode(),
            headers={"Content-Type": "application/json"},
            extra=(f"X-Request-Id: n{number}", *last),
        )
    client = Sender(requests)
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", address.port), client)
    transport: Any = client.transport
    transport.pauseProducing()
    await deferLater(reactor, 0.05)
    transport.resumeProducing()
    await client.ended.addTimeout(20, reactor)
    ids = re.findall(rb"X-Request-Id: n(\d+)\r\n", client.received)
    assert [int(each) for each in ids] == list(range(200))
    heads = client.received.split(b"HTTP/1.1 200 OK\r\n")[1:]
    for head in heads:
        fields, _, body = head.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", fields)
        assert length is not None
        assert len(body) == int(length[1])
    while stand.front.site.channels:
        await deferLater(reactor, 0.01)
    await listener.stopService()


@pytest_twisted.ensureDeferred
async def test_frames_to_a_slow_reader_come_whole_and_in_order() -> None:
    """Ours and those that autobahn writes by itself, which go to the socket another way."""
    stand = Stand(clock=reactor)
    listener = Listener(reactor, stand.front.site, ["tcp:0:interface=127.0.0.1"])
    listener.startService()
    address: Any = listener.addresses()[0]
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Version": "13",
    }
    sent = http_request("GET", "/mcp", headers=headers)
    for number in range(100):
        asked = modern("tools/call", call("big", size=70_000 if number % 3 else 6), number)
        sent += encode_frame(1, json.dumps(asked).encode()) + encode_frame(9, b"%d" % number)
    client = Sender(sent)
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", address.port), client)
    transport: Any = client.transport
    transport.pauseProducing()
    await deferLater(reactor, 0.05)
    transport.resumeProducing()
    while len(_frames(client.received)) < 200:
        await deferLater(reactor, 0.01)
    transport.write(encode_frame(8, b"\x03\xe8"))
    await client.ended.addTimeout(20, reactor)
    frames = _frames(client.received)
    assert [frame.json()["id"] for frame in frames if frame.opcode == 1] == list(range(100))
    assert [int(frame.payload) for frame in frames if frame.opcode == 10] == list(range(100))
    assert frames[-1].close_code == 1000
    while stand.front.counts()["websocket"]["connections"]:
        await deferLater(reactor, 0.01)
    await listener.stopService()


@pytest_twisted.ensureDeferred
async def test_an_answer_to_a_client_that_has_left_is_nothing() -> None:
    """The call ends while the connection is being reset."""
    stand = Stand(clock=reactor)
    listener = Listener(reactor, stand.front.site, ["tcp:0:interface=127.0.0.1"])
    listener.startService()
    address: Any = listener.addresses()[0]
    body = b'{"name":"wait"}'
    headers = {"Content-Type": "application/json"}
    client = Sender(http_request("POST", "/mcp/tools/call", body, headers=headers))
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", address.port), client)
    while not stand.toolbox.waiting:
        await deferLater(reactor, 0.01)
    transport: Any = client.transport
    (channel,) = stand.front.site.channels
    channel.transport.getHandle().shutdown(socket.SHUT_WR)
    stand.toolbox.release()
    transport.abortConnection()
    while stand.front.site.channels:
        await deferLater(reactor, 0.01)
    assert b"200 OK" not in client.received
    await listener.stopService()


@pytest_twisted.ensureDeferred
async def test_what_is_written_at_once_overtakes_nothing() -> None:
    """Neither what waits for the reactor nor what the socket did not take; and no close."""
    accepted: list[Protocol] = []

    class Accepted(Protocol):
        def connectionMade(self) -> None:
            accepted.append(self)

    listening: Any = reactor
    port = listening.listenTCP(0, Factory.forProtocol(Accepted), interface="127.0.0.1")
    client = Sender(b"")
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), client)
    reading: Any = client.transport
    reading.pauseProducing()
    while not accepted:
        await deferLater(reactor, 0.01)
    server: Any = accepted[0].transport
    write_at_once(server, b"0" * 10)
    assert not server._tempDataBuffer
    server.write(b"1" * 10)
    write_at_once(server, b"2" * 10)
    await deferLater(reactor, 0.01)
    full = 0
    with suppress(BlockingIOError):
        while True:
            full += server.getHandle().send(b"3" * 50_000)
    write_at_once(server, b"4" * 10)
    server.doWrite()
    assert server.dataBuffer
    assert not server._tempDataBuffer
    # There is room again, and the reactor has not seen it yet.
    client.dataReceived(reading.getHandle().recv(10_000_000))
    write_at_once(server, b"5" * 10)
    reading.resumeProducing()
    while len(client.received) < full + 50:
        await deferLater(reactor, 0.01)
    reading.pauseProducing()
    # The last one is taken in part.
    pieces = 0
    while not server._tempDataBuffer:
        write_at_once(server, b"6" * 60_000)
        pieces += 1
    write_at_once(server, b"7" * 70_000)
    server.loseConnection()
    write_at_once(server, b"8")
    reading.resumeProducing()
    await client.ended.addTimeout(20, reactor)
    runs = {found[1]: len(found[0]) for found in re.finditer(rb"(\d)\1*", client.received)}
    assert list(runs.items()) == [
        (b"0", 10),
        (b"1", 10),
        (b"2", 10),
        (b"3", full),
        (b"4", 10),
        (b"5", 10),
        (b"6", pieces * 60_000),
        (b"7", 70_000),
        (b"8", 1),
    ]
    write_at_once(server, b"9")
    await port.stopListening()
