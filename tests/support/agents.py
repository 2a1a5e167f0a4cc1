"""Small MCP clients of our own on asyncio: HTTP with keep-alive and WebSocket, one message a call.

They depend on nothing that the server depends on, show raw frames and statuses, and cost little
enough to measure with.
"""

import asyncio
import base64
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from tests.support.messages import HANDSHAKE, STATELESS

__all__ = ["Closed", "HttpAgent", "HttpAnswer", "WebSocketAgent"]

_HOST: Final = "127.0.0.1"
_READ_LIMIT: Final = 1 << 20
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


def _with_envelope(params: Mapping[str, Any]) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "agent", "version": "1"},
    }
    return {**params, "_meta": meta}


class Closed(Exception):
    """The peer ended the connection; ``code`` is its WebSocket close code, if it sent one."""

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        super().__init__(f"closed with {code} {reason}")
        self.code = code


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers with lower-case names, and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def message(self) -> dict[str, Any]:
        """The JSON-RPC answer in the body; the last event where the body is an event stream."""
        return self.messages()[-1]

    def messages(self) -> list[dict[str, Any]]:
        """Every message in the body: one, or each event where the body is an event stream."""
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            return [dict(json.loads(self.body))]
        lines = self.body.decode().replace("\r\n", "\n").split("\n")
        events = [line[5:].strip() for line in lines if line.startswith("data:")]
        return [dict(json.loads(event)) for event in events if event]


class HttpAgent:
    """One keep-alive connection that sends stateless requests, one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to loopback."""
        return cls(*await asyncio.open_connection(_HOST, port, limit=_READ_LIMIT))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def exchange(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """One HTTP request and its answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {_HOST}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return await self._answer()

    async def post(
        self, request_id: int | str, method: str, params: Mapping[str, Any] | None = None
    ) -> HttpAnswer:
        """A JSON-RPC request; gives the answer unread."""
        sent = _with_envelope(params or {})
        body = json.dumps(
            {"jsonrpc": "2.0", "id": request_id, "method": method, "params": sent}
        ).encode()
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": STATELESS,
            "Mcp-Method": method,
        }
        if "name" in sent:
            headers["Mcp-Name"] = str(sent["name"])
        return await self.exchange("POST", "/mcp", body, headers)

    async def request(
        self, request_id: int | str, method: str, params: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A JSON-RPC request; gives the answering message."""
        return (await self.post(request_id, method, params)).message()

    async def call(
        self, request_id: int | str, name: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Call a tool; gives the answering message."""
        return await self.request(
            request_id, "tools/call", {"name": name, "arguments": dict(arguments)}
        )

    async def close(self) -> None:
        """Drop the connection."""
        await _close(self._writer)

    def abort(self) -> None:
        """Break the connection off, whatever is under way on it."""
        self._writer.transport.abort()

    async def _answer(self) -> HttpAnswer:
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status_line, *lines = head.split("\r\n")[:-2]
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            if headers.get("transfer-encoding") == "chunked":
                body = await self._chunks()
            else:
                body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        except asyncio.IncompleteReadError as error:
            raise Closed from error
        return HttpAnswer(int(status_line.split(" ", 2)[1]), headers, body)

    async def _chunks(self) -> bytes:
        parts: list[bytes] = []
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            parts.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readexactly(2)
        return b"".join(parts)


@dataclass(slots=True)
class WebSocketAgent:
    """One WebSocket; any number of requests may wait for their answers at once."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    notifications: list[dict[str, Any]] = field(default_factory=list)
    unclaimed: list[dict[str, Any]] = field(default_factory=list)
    """Answers whose id belongs to no request that waits: each one is a fault."""
    _waiting: dict[int | str, "asyncio.Future[dict[str, Any]]"] = field(default_factory=dict)
    _pump: "asyncio.Task[Closed] | None" = None
    _finished: bool = False

    @classmethod
    async def open(cls, port: int, headers: Mapping[str, str] | None = None) -> Self:
        """Connect to loopback and upgrade."""
        reader, writer = await asyncio.open_connection(_HOST, port, limit=_READ_LIMIT)
        key = base64.b64encode(os.urandom(16)).decode()
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        writer.write(
            f"GET /mcp HTTP/1.1\r\nHost: {_HOST}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: mcp\r\n{more}\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            await _close(writer)
            raise AssertionError(f"no upgrade: {head!r}")
        agent = cls(reader, writer)
        agent._pump = asyncio.create_task(agent._read())
        return agent

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def initialize(self, version: str = HANDSHAKE) -> dict[str, Any]:
        """Open a handshake-era session on this connection; gives the server's result."""
        answer = await self.request(
            "initialize",
            "initialize",
            {
                "protocolVersion": version,
                "capabilities": {},
                "clientInfo": {"name": "agent", "version": "1"},
            },
        )
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return dict(answer["result"])

    async def request(
        self,
        request_id: int | str,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        stateless: bool = False,
    ) -> dict[str, Any]:
        """A JSON-RPC request; gives the answering message, or raises ``Closed``."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        sent = _with_envelope(params or {}) if stateless else dict(params or {})
        self.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": sent})
        return await answer

    async def call(
        self,
        request_id: int | str,
        name: str,
        arguments: Mapping[str, Any],
        *,
        stateless: bool = False,
    ) -> dict[str, Any]:
        """Call a tool; gives the answering message, or raises ``Closed``."""
        params = {"name": name, "arguments": dict(arguments)}
        return await self.request(request_id, "tools/call", params, stateless=stateless)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a JSON message as a text frame."""
        self.send_frame(_TEXT, json.dumps(message).encode())

    def send_frame(self, opcode: int, payload: bytes) -> None:
        """Send one masked frame with whatever is inside."""
        size = len(payload)
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 1 << 16:
            length = bytes([0x80 | 126]) + struct.pack("!H", size)
        else:
            length = bytes([0x80 | 127]) + struct.pack("!Q", size)
        mask = os.urandom(4)
        wide = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload) ^ int.from_bytes(wide)).to_bytes(size)
        self.writer.write(bytes([0x80 | opcode]) + length + mask + masked)

    def finish(self) -> None:
        """Write nothing more; the server sees the end of the stream and may still answer."""
        self._finished = True
        try:
            self.writer.write_eof()
        except OSError:
            # The server has hung up already; then there is nothing to end.
            return

    async def closed(self) -> Closed:
        """Wait until the server has ended the connection; how it did."""
        if self._pump is None:
            raise AssertionError("not open")
        return await asyncio.shield(self._pump)

    async def close(self) -> None:
        """Say goodbye and drop the connection."""
        if self._pump is not None and not self._pump.done():
            if not self._finished:
                self.send_frame(_CLOSE, struct.pack("!H", 1000))
            self._pump.cancel()
        await _close(self.writer)

    async def _read(self) -> Closed:
        end = Closed()
        try:
            while True:
                opcode, payload = await self._frame()
                if opcode == _TEXT:
                    self._message(json.loads(payload))
                elif opcode == _PING:
                    self.send_frame(_PONG, payload)
                elif opcode == _CLOSE:
                    code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None
                    end = Closed(code, payload[2:].decode())
                    if not self._finished:
                        self.send_frame(_CLOSE, payload[:2])
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            return end
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(end)
        return end

    def _message(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self.notifications.append(message)
            return
        waiting = self._waiting.pop(message.get("id", ""), None)
        if waiting is None:
            self.unclaimed.append(message)
        elif not waiting.done():
            waiting.set_result(message)

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack("!H", await self.reader.readexactly(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", await self.reader.readexactly(8))[0]
        if not first & 0x80 or second & 0x80:
            raise AssertionError("the server sends whole, unmasked frames")
        return first & 0x0F, await self.reader.readexactly(size)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        # The peer may have gone first; there is nothing left to close.
        return
