"""The revisions, and what every HTTP client of the tests says first."""

from typing import Any, Final

HANDSHAKE: Final[str] = "2025-11-25"
STATELESS: Final[str] = "2026-07-28"

JSON_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}


def opening(version: str = HANDSHAKE, **capabilities: Any) -> dict[str, Any]:
    """The request that opens a session."""
    return {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": version,
            "capabilities": capabilities,
            "clientInfo": {"name": "t", "version": "1"},
        },
    }


INITIALIZE: Final = opening()
