"""Clients that each send the next request when the last one is answered, on raw sockets."""

import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Load", "drive", "post"]


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it."""

    requests: int
    seconds: float


def post(port: int, body: bytes, headers: Mapping[str, str], path: str = "/mcp") -> bytes:
    """The bytes of a request."""
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class _Client:
    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = requests
        self._sent = 0
        self._got = b""
        self._expected = 0

    def send(self) -> None:
        self.socket.sendall(self._requests[self._sent % len(self._requests)])
        self._sent += 1

    def read(self) -> bool:
        """Whether the answer is whole."""
        data = self.socket.recv(262_144)
        if not data:
            raise SystemExit("the server closed a connection")
        if self._got:
            data = self._got + data
        if len(data) != self._expected:
            head, found, body = data.partition(b"\r\n\r\n")
            if not found:
                self._got = data
                return False
            if not head.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"answered {head[:60]!r} {body[:300]!r}")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            self._expected = len(head) + 4 + int(fields[b"content-length"])
            if len(data) < self._expected:
                self._got = data
                return False
        self._got = b""
        return True


def drive(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    """Let so many clients ask, each its requests in turn, for so long; blocks."""
    selector = selectors.DefaultSelector()
    for _ in range(clients):
        client = _Client(port, requests)
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.send()
    answered = 0
    began = time.perf_counter()
    end = began + seconds
    while (now := time.perf_counter()) < end:
        for key, _ in selector.select(1.0):
            client = key.data
            if client.read():
                answered += 1
                client.send()
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    selector.close()
    return Load(answered, now - began)
