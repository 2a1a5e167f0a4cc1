"""What a request must say so that its connection becomes a WebSocket."""

import base64
import binascii
from collections.abc import Iterable

from snowflake_mcp.transports.exchange import Exchange, Refusal

__all__ = ["checked_upgrade"]


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
