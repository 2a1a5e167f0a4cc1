"""How a request becomes a WebSocket.

The request is checked here, before autobahn sees it, so that a refusal is an ordinary HTTP answer.
"""

# mypy: allow-untyped-calls

import base64
import binascii
from collections.abc import Iterable

from snowflake_mcp.transports.exchange import Exchange, Refusal
from snowflake_mcp.transports.toolsets import caller_of
from snowflake_mcp.transports.websocket import Connection
from snowflake_mcp.transports.websocket_factory import WebSocketFactory

__all__ = ["WebSocketEndpoint", "checked_upgrade"]


class WebSocketEndpoint:
    """``GET /mcp`` with ``Upgrade: websocket``: check the handshake, then hand the socket over."""

    def __init__(self, factory: WebSocketFactory) -> None:
        self._factory = factory

    def upgrade(self, exchange: Exchange) -> None:
        """Open a WebSocket for MCP.

        Raises:
            Refusal: see ``open``.
        """
        connection = self._factory.connection(caller_of(exchange), exchange.peer)
        connection.origin = exchange.origin
        self.open(exchange, connection)

    def open(self, exchange: Exchange, connection: Connection) -> None:
        """Check the handshake and give the socket to ``connection``.

        Raises:
            Refusal: as ``checked_upgrade`` and ``admit`` do.
        """
        key, offered = checked_upgrade(exchange, connection.subprotocol)
        connection.factory = self._factory
        self._factory.admit(connection)
        exchange.switch(connection)
        # autobahn parses the request again; it gets the parts that matter and have been checked.
        head = (
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        )
        if offered:
            head += f"Sec-WebSocket-Protocol: {connection.subprotocol}\r\n"
        connection.hold(exchange.watch(connection.lock_out))
        connection.dataReceived((head + "\r\n").encode("ascii"))


def checked_upgrade(exchange: Exchange, subprotocol: str) -> tuple[str, bool]:
    """The client's key, and whether it offered the subprotocol.

    Raises:
        Refusal: 400 for a malformed handshake or foreign subprotocols, 426 for another version
            than 13.
    """
    connection = [token.lower() for token in _tokens(exchange.header_values("connection"))]
    if "upgrade" not in connection:
        raise Refusal(400, "bad_upgrade", "The Connection header does not name the upgrade.")
    if exchange.header_values("sec-websocket-version") != ["13"]:
        raise Refusal(
            426,
            "websocket_version",
            "WebSocket version 13 is spoken here.",
            (("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")),
        )
    keys = exchange.header_values("sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise Refusal(400, "websocket_key", "Sec-WebSocket-Key is missing or malformed.")
    offers = _tokens(exchange.header_values("sec-websocket-protocol"))
    if offers and subprotocol not in offers:
        said = f"The subprotocol spoken here is {subprotocol}."
        raise Refusal(400, "websocket_subprotocol", said)
    return keys[0], bool(offers)


def _tokens(values: Iterable[str]) -> list[str]:
    parts = (part.strip() for value in values for part in value.split(","))
    return [part for part in parts if part]


def _is_key(key: str) -> bool:
    try:
        return len(key) == 24 and len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
