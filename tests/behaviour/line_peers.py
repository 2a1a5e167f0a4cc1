"""Clients of the transports where one connection carries everything: WebSocket and stdio."""

# mypy: allow-untyped-calls

import json
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from snowflake_mcp.transports.stdio import StdioProtocol
from tests.behaviour.peer import Asked, Peer
from tests.support.wire import Wire, connect, encode_frame

__all__ = ["StdioPeer", "WebSocketPeer"]


class WebSocketPeer(Peer):
    """A text frame is a message."""

    wire: Wire

    def connect(self) -> None:
        """Upgrade."""
        self.wire = connect(self.house.front.site, self.house.clock)
        assert self.wire.upgrade().status == 101

    def send(self, message: dict[str, Any], asked: Asked | None) -> None:
        """Send a text frame."""
        self.send_bytes(json.dumps(message).encode())

    def send_bytes(self, data: bytes) -> None:
        """Send a text frame of any content."""
        self.wire.send(encode_frame(1, data))
        self.settle()

    def settle(self) -> None:
        """Read what has come."""
        self.wire.flush()
        for message in self.wire.messages():
            self.take(message)

    def open_stream(self) -> None:
        """The connection carries everything."""

    def leave(self, asked: Asked) -> None:
        """One request has no channel of its own: the connection is closed."""
        self.close()

    def close(self) -> None:
        """Drop the connection."""
        if not self.wire.client.lost:
            self.wire.close()


class StdioPeer(Peer):
    """A line is a message."""

    ended = 0

    def connect(self) -> None:
        """Two pipes."""
        self.transport = StringTransport()
        self.protocol = StdioProtocol(
            self.house.kernel,
            self.house.clock,
            self._end,
            max_message_bytes=1 << 20,
            max_in_flight=16,
        )
        self.protocol.makeConnection(self.transport)

    def _end(self) -> None:
        self.ended += 1

    def send(self, message: dict[str, Any], asked: Asked | None) -> None:
        """Write a line."""
        self.send_bytes(json.dumps(message).encode())

    def send_bytes(self, data: bytes) -> None:
        """Write a line of any bytes."""
        self.protocol.dataReceived(data + b"\n")
        self.settle()

    def settle(self) -> None:
        """Read what has come; nothing but whole lines may come."""
        value = self.transport.value()
        self.transport.clear()
        assert not value or value.endswith(b"\n")
        for line in value.split(b"\n")[:-1]:
            self.take(json.loads(line))

    def open_stream(self) -> None:
        """The connection carries everything."""

    def leave(self, asked: Asked) -> None:
        """One request has no channel of its own: standard input ends."""
        self.close()

    def close(self) -> None:
        """Standard input ends."""
        self.protocol.connectionLost(Failure(ConnectionError("gone")))
        assert self.ended == 1
