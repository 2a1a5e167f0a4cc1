"""Our server and a client of raw bytes, joined in memory: the real wire without sockets or time."""

# mypy: allow-untyped-calls

import base64
import json
import struct
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocolFactory, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.test.iosim import FakeTransport, IOPump
from zope.interface import implementer

__all__ = [
    "Frame",
    "HttpAnswer",
    "ServerTransport",
    "Wire",
    "connect",
    "encode_frame",
    "http_request",
    "parse_frame",
]

_BUFFER_BYTES = 65_536


@implementer(ITCPTransport, IPushProducer)
class ServerTransport(FakeTransport):
    """The server's socket: like TCP it pauses a producer when the peer does not read."""

    def __init__(self, protocol: Any, host: str, port: int) -> None:
        super().__init__(
            protocol,
            isServer=True,
            hostAddress=IPv4Address("TCP", host, port),
            peerAddress=IPv4Address("TCP", "203.0.113.9", 40_000),
        )
        self.peer_reads = True
        self.reading = True
        self.half_closed = False
        self._inbox: list[bytes] = []
        self._paused = False
        self._closing = False

    @property
    def unsent_bytes(self) -> int:
        return sum(map(len, self.stream))

    def write(self, data: bytes) -> None:
        if self.half_closed or self._closing:
            return
        super().write(data)
        if (
            self.producer is not None
            and self.streamingProducer
            and not self._paused
            and self.unsent_bytes > _BUFFER_BYTES
        ):
            self._paused = True
            self.producer.pauseProducing()

    def getOutBuffer(self) -> bytes | None:
        if not self.peer_reads:
            return None
        data: bytes | None = super().getOutBuffer()
        if self._paused:
            self._paused = False
            if self.producer is not None:
                self.producer.resumeProducing()
        if self._closing and not self.stream:
            self.disconnecting = True
        return data

    def bufferReceived(self, buf: bytes) -> None:
        if self.reading:
            super().bufferReceived(buf)
        else:
            self._inbox.append(buf)

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True
        while self._inbox and self.reading:
            super().bufferReceived(self._inbox.pop(0))

    def loseConnection(self) -> None:
        if self.stream and not self.peer_reads:
            self._closing = True
        else:
            self.disconnecting = True

    def abortConnection(self) -> None:
        self.stream.clear()
        self.disconnecting = True

    def loseWriteConnection(self) -> None:
        self.half_closed = True


class _Client(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


@dataclass
class HttpAnswer:
    """A parsed response; ``complete`` is false while its body is still open."""

    status: int
    headers: dict[str, list[str]]
    body: bytes
    complete: bool = True

    def header(self, name: str) -> str | None:
        values = self.headers.get(name.lower())
        return values[-1] if values else None

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The JSON messages of an event stream; comments and empty events are left out."""
        return [
            json.loads(data)
            for line in self.body.decode().split("\n")
            if line.startswith("data: ") and (data := line.removeprefix("data: "))
        ]

    def event_ids(self) -> list[str]:
        """The ids of an event stream, the priming event's included."""
        lines = self.body.decode().split("\n")
        return [line.removeprefix("id: ") for line in lines if line.startswith("id: ")]


@dataclass
class Frame:
    """One WebSocket frame."""

    opcode: int
    payload: bytes
    fin: bool = True

    def json(self) -> Any:
        return json.loads(self.payload)

    @property
    def close_code(self) -> int | None:
        return struct.unpack("!H", self.payload[:2])[0] if len(self.payload) >= 2 else None


@dataclass
class Wire:
    """One connection, seen from the client's end."""

    pump: IOPump
    client: _Client
    server: ServerTransport
    clock: Clock
    _read: int = field(default=0)

    def send(self, *data: bytes) -> None:
        """Write and let everything that follows from it happen."""
        for piece in data:
            self.client.transport.write(piece)  # type: ignore[union-attr]
            self.flush()

    def flush(self) -> None:
        self.pump.flush()

    def advance(self, seconds: float) -> None:
        """Let time pass, then let everything that follows from it happen."""
        self.clock.advance(seconds)
        self.flush()

    def close(self) -> None:
        """The client goes away."""
        self.client.transport.loseConnection()  # type: ignore[union-attr]
        self.flush()

    def stop_reading(self) -> None:
        self.server.peer_reads = False

    def start_reading(self) -> None:
        self.server.peer_reads = True
        self.flush()

    @property
    def closed(self) -> bool:
        """Whether the server has ended the connection, wholly or its own half."""
        return self.client.lost or self.server.half_closed

    @property
    def unread(self) -> bytes:
        return self.client.received[self._read :]

    def answer(self, method: str = "POST") -> HttpAnswer:
        """The next response; fails when there is none."""
        answer, used = parse_answer(self.unread, method)
        if answer.complete:
            self._read += used
        return answer

    def request(
        self, method: str, path: str, body: bytes | None = None, **options: Any
    ) -> HttpAnswer:
        """Send a request and return its response."""
        self.send(http_request(method, path, body, **options))
        return self.answer(method)

    def upgrade(self, path: str = "/mcp", protocol: str | None = "mcp", **extra: str) -> HttpAnswer:
        """Ask for a WebSocket."""
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
            "Sec-WebSocket-Version": "13",
            **{name.replace("_", "-"): value for name, value in extra.items()},
        }
        if protocol is not None:
            headers["Sec-WebSocket-Protocol"] = protocol
        return self.request("GET", path, headers=headers)

    def send_text(self, message: Any) -> None:
        """Send a JSON value as a text frame."""
        self.send(encode_frame(1, json.dumps(message).encode()))

    def frames(self) -> list[Frame]:
        """Every whole frame that has come since the last look."""
        frames: list[Frame] = []
        while (parsed := parse_frame(self.unread)) is not None:
            frame, used = parsed
            self._read += used
            frames.append(frame)
        return frames

    def messages(self) -> list[Any]:
        """The JSON text frames that have come since the last look."""
        return [frame.json() for frame in self.frames() if frame.opcode == 1]


def connect(
    factory: IProtocolFactory, clock: Clock, host: str = "127.0.0.1", port: int = 8000
) -> Wire:
    """A client's connection to a server factory."""
    protocol = factory.buildProtocol(IPv4Address("TCP", "203.0.113.9", 40_000))
    assert protocol is not None
    client = _Client()
    server_side = ServerTransport(protocol, host, port)
    client_side = FakeTransport(client, isServer=False)
    protocol.makeConnection(server_side)
    client.makeConnection(client_side)
    return Wire(
        IOPump(client, protocol, client_side, server_side, False, clock), client, server_side, clock
    )


def http_request(
    method: str,
    path: str,
    body: bytes | None = None,
    *,
    headers: dict[str, str] | None = None,
    extra: tuple[str, ...] = (),
    host: str | None = "127.0.0.1:8000",
) -> bytes:
    """The bytes of a request; ``extra`` are header lines as they stand."""
    lines = [f"{method} {path} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None and not any(line.lower().startswith("content-length") for line in lines):
        lines.append(f"Content-Length: {len(body)}")
    lines += [*extra, "", ""]
    return "\r\n".join(lines).encode("latin-1") + (body or b"")


def encode_frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    """A client's WebSocket frame."""
    first = (0x80 if fin else 0) | opcode
    length = len(payload)
    mask_bit = 0x80 if masked else 0
    if length < 126:
        head = struct.pack("!BB", first, mask_bit | length)
    elif length < 65_536:
        head = struct.pack("!BBH", first, mask_bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, length)
    # An all-zero mask is a mask like any other and leaves the payload as it is.
    return head + (b"\0\0\0\0" if masked else b"") + payload


def parse_frame(data: bytes) -> tuple[Frame, int] | None:
    """The first frame in the bytes and its length; ``None`` while it is not whole."""
    if len(data) < 2:
        return None
    length, at = data[1] & 0x7F, 2
    if length == 126:
        length, at = struct.unpack_from("!H", data, 2)[0], 4
    elif length == 127:
        length, at = struct.unpack_from("!Q", data, 2)[0], 10
    if len(data) < at + length:
        return None
    return Frame(data[0] & 0x0F, data[at : at + length], bool(data[0] & 0x80)), at + length


def parse_answer(data: bytes, method: str) -> tuple[HttpAnswer, int]:
    """The first response in the bytes and its length; fails when its head is not whole."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    assert separator, f"no response in {data!r}"
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    answer = HttpAnswer(int(status_line.split(" ")[1]), headers, b"")
    used = len(head) + 4
    if method == "HEAD" or answer.status in (101, 204, 304):
        return answer, used
    if answer.header("transfer-encoding") == "chunked":
        answer.body, taken, answer.complete = _chunks(rest)
        return answer, used + taken
    length = int(answer.header("content-length") or 0)
    answer.body = rest[:length]
    answer.complete = len(answer.body) == length
    return answer, used + length


def _chunks(data: bytes) -> tuple[bytes, int, bool]:
    body, at = b"", 0
    while True:
        line, separator, _ = data[at:].partition(b"\r\n")
        if not separator:
            return body, at, False
        size = int(line, 16)
        start = at + len(line) + 2
        if len(data) < start + size + 2:
            return body, at, False
        body += data[start : start + size]
        at = start + size + 2
        if size == 0:
            return body, at, True
