"""How a request of the load client looks on each wire, and what answers it byte for byte.

``http`` is the stateless revision over HTTP, ``session`` the handshake's (with ``initialize``
first; a session id is sent where the server gives one), ``websocket`` the handshake's in text
frames, ``echo`` a WebSocket that gives back what it gets, ``plain`` an HTTP server that answers
all alike.
"""

import base64
import json
import os
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tests.support.messages import HANDSHAKE, STATELESS

__all__ = ["KINDS", "META", "Plan", "Wire", "WrongAnswer", "frame_bytes", "opened", "wire_of"]

_HOST: Final = "127.0.0.1"
_LIMIT_S: Final = 30.0
_FIRST_ID: Final = 100_000
"""All ids are of one width, so that all answers are of one length."""
_MOST_BYTES: Final = 1 << 20
META: Final = {
    "io.modelcontextprotocol/protocolVersion": STATELESS,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}
_INITIALIZE: Final = {
    "protocolVersion": HANDSHAKE,
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


Wrap = Callable[[bytes], bytes]
"""Makes of a message what is sent."""


class WrongAnswer(Exception):
    """The first answer was not what was asked for."""


class Plan(Protocol):
    """What a wire has to know of a plan."""

    @property
    def connections(self) -> int:
        """How many are opened."""

    @property
    def port(self) -> int:
        """Where the server listens."""

    @property
    def kind(self) -> str:
        """One of ``KINDS``."""

    @property
    def path(self) -> str:
        """The path of the endpoint."""

    @property
    def method(self) -> str:
        """The method of every request."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters."""

    @property
    def expect(self) -> str:
        """What the first answer has to have in it."""

    @property
    def exact(self) -> bool:
        """Whether all answers are the same but for the id."""


@dataclass(frozen=True, slots=True)
class Wire:
    """An open connection, the requests to send on it, and the answer that each must have."""

    socket: socket.socket
    requests: list[bytes]
    expected: list[bytes]
    """Each whole body or frame; only the id in it where answers differ in more."""


def wire_of(plan: Plan, number: int) -> Wire:
    """Open connection ``number``, say what has to be said first, and learn the right answer.

    Raises:
        WrongAnswer: the first answer is not one to the request.
    """
    made, wrap = _opened(plan)
    try:
        return _learned(made, wrap, plan, number)
    except BaseException:
        made.close()
        raise


def opened(plan: Plan) -> socket.socket:
    """A connection on which what has to be said first has been said, and nothing else."""
    return _opened(plan)[0]


def _opened(plan: Plan) -> tuple[socket.socket, Wrap]:
    made = socket.create_connection((_HOST, plan.port), timeout=_LIMIT_S)
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made, KINDS[plan.kind](made, plan)
    except BaseException:
        made.close()
        raise


def _learned(made: socket.socket, wrap: Wrap, plan: Plan, number: int) -> Wire:
    ids = range(_FIRST_ID + number * 7 % 1000, 900_000)
    made.sendall(wrap(_message(plan, ids[0])))
    first = _judged(made, plan, ids[0])
    # Many ids, but not so many that a long list of tools fills the memory of this process.
    count = max(4, min(256, _MOST_BYTES // len(first), 40_000 // plan.connections))
    if plan.exact and first.count(str(ids[0]).encode()) != 1 and plan.kind != "plain":
        raise WrongAnswer(f"the id is not once in the answer: {first[:300]!r}")
    requests, expected = [], []
    for each in ids[:count]:
        requests.append(wrap(_message(plan, each)))
        if not plan.exact:
            expected.append(b'"id":%d' % each)
        elif plan.kind == "plain":
            expected.append(first)
        else:
            expected.append(first.replace(str(ids[0]).encode(), str(each).encode()))
    # With a time limit Python asks the kernel twice for each byte string.
    made.settimeout(None)
    return Wire(made, requests, expected)


def _message(plan: Plan, request_id: int) -> bytes:
    params = dict(plan.params)
    if plan.kind == "http":
        params["_meta"] = META
    message = {"jsonrpc": "2.0", "id": request_id, "method": plan.method, "params": params}
    return json.dumps(message, separators=(",", ":")).encode()


def _judged(made: socket.socket, plan: Plan, request_id: int) -> bytes:
    """The body or frame that answers the first request, judged as JSON."""
    if plan.kind in ("websocket", "echo"):
        raw = _frame(made)
        message = json.loads(raw[frame_bytes(raw)[0] :])
        if plan.kind == "echo":
            return raw
    else:
        head, raw = _response(made)
        if plan.kind == "plain":
            return raw
        body = _unchunked(raw) if b"chunked" in head.lower() else raw
        if b"text/event-stream" in head.lower():
            body = body.partition(b"data: ")[2].splitlines()[0]
        message = json.loads(body)
    if message.get("id") != request_id or "result" not in message:
        raise WrongAnswer(f"no answer to {request_id}: {raw[:500]!r}")
    result = message["result"]
    if result.get("isError") or plan.expect not in json.dumps(result, separators=(",", ":")):
        raise WrongAnswer(f"not the answer that was expected: {raw[:500]!r}")
    return raw


def _http(_: socket.socket, plan: Plan) -> Wrap:
    return _posting(plan, STATELESS, {"Mcp-Method": plan.method, **_named(plan)})


def _named(plan: Plan) -> dict[str, str]:
    return {"Mcp-Name": plan.params["name"]} if "name" in plan.params else {}


def _session(made: socket.socket, plan: Plan) -> Wrap:
    opening = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": _INITIALIZE}
    made.sendall(_posting(plan, HANDSHAKE, {})(json.dumps(opening).encode()))
    head, body = _response(made)
    if b"200" not in head.split(b"\r\n")[0]:
        raise WrongAnswer(f"initialize was answered {head[:100]!r} {body[:300]!r}")
    ids = [
        line.partition(b":")[2].strip().decode()
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"mcp-session-id:")
    ]
    post = _posting(plan, HANDSHAKE, {"Mcp-Session-Id": ids[0]} if ids else {})
    made.sendall(post(b'{"jsonrpc":"2.0","method":"notifications/initialized"}'))
    _response(made)
    return post


def _posting(plan: Plan, version: str, headers: Mapping[str, str]) -> Wrap:
    lines = [
        f"POST {plan.path} HTTP/1.1",
        f"Host: {_HOST}:{plan.port}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"MCP-Protocol-Version: {version}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    head = "\r\n".join(lines).encode()
    return lambda body: b"%s\r\nContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


def _websocket(made: socket.socket, plan: Plan) -> Wrap:
    _upgrade(made, plan, "Sec-WebSocket-Protocol: mcp\r\n")
    opening = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": _INITIALIZE}
    made.sendall(_masked(json.dumps(opening).encode()))
    _frame(made)
    made.sendall(_masked(b'{"jsonrpc":"2.0","method":"notifications/initialized"}'))
    return _masked


def _echo(made: socket.socket, plan: Plan) -> Wrap:
    _upgrade(made, plan, "")
    return _masked


def _upgrade(made: socket.socket, plan: Plan, extra: str) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    made.sendall(
        (
            f"GET {plan.path} HTTP/1.1\r\nHost: {_HOST}:{plan.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"{extra}\r\n"
        ).encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        # Nothing follows until we have spoken.
        got = made.recv(1 << 16)
        if not got:
            raise WrongAnswer(f"no upgrade: {head!r}")
        head += got
    if not head.startswith(b"HTTP/1.1 101"):
        raise WrongAnswer(f"no upgrade: {head[:300]!r}")


def _masked(payload: bytes) -> bytes:
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    mask = os.urandom(4)
    wide = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload) ^ int.from_bytes(wide)).to_bytes(size)
    return b"\x81" + length + mask + masked


def _frame(made: socket.socket) -> bytes:
    """The next whole frame, raw; the one kind that servers here send: unmasked text."""
    raw = _exactly(made, 2)
    raw += _exactly(made, {126: 2, 127: 8}.get(raw[1], 0))
    raw += _exactly(made, frame_bytes(raw)[1])
    if raw[0] != 0x81:
        raise WrongAnswer(f"no text frame: {raw[:300]!r}")
    return raw


def frame_bytes(raw: bytes) -> tuple[int, int]:
    """How many bytes the head of an unmasked frame has, and how many the rest of it."""
    if raw[1] < 126:
        return 2, raw[1]
    head = 4 if raw[1] == 126 else 10
    return head, int.from_bytes(raw[2:head])


def _exactly(made: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        got = made.recv(size - len(parts))
        if not got:
            raise WrongAnswer(f"hung up after {parts[:300]!r}")
        parts += got
    return parts


def _response(made: socket.socket) -> tuple[bytes, bytes]:
    """Head and raw body of the next response."""
    data = b""
    while b"\r\n\r\n" not in data:
        got = made.recv(1 << 16)
        if not got:
            raise WrongAnswer(f"hung up after {data[:300]!r}")
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        while not body.endswith(b"0\r\n\r\n"):
            body += made.recv(1 << 16)
    else:
        length = int(fields.get(b"content-length", b"0"))
        body += _exactly(made, length - len(body))
    return head, body


def _unchunked(raw: bytes) -> bytes:
    parts = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        parts += raw[: int(size, 16)]
        raw = raw[int(size, 16) + 2 :]
    return parts


KINDS: Final[Mapping[str, Callable[[socket.socket, Plan], Wrap]]] = {
    "http": _http,
    "session": _session,
    "websocket": _websocket,
    "echo": _echo,
    "plain": _http,
}
