"""What the kernel is told about a client's socket."""

import socket
from typing import Any, Final

from twisted.protocols.policies import ProtocolWrapper

__all__ = ["USER_TIMEOUT_MS", "find_vanished"]

USER_TIMEOUT_MS: Final = 30_000
"""What was sent and is not confirmed for so long ends the connection."""
_OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", 0), 30),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPINTVL", 0), 10),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPCNT", 0), 3),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", 0), USER_TIMEOUT_MS),
)


def find_vanished(transport: Any) -> None:
    """Have the kernel find a client that has vanished without a word, within about a minute.

    While a request runs nothing is sent to its client, so nothing else would find it.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    handle = getattr(transport, "getHandle", lambda: None)()
    if isinstance(handle, socket.socket) and handle.family in (socket.AF_INET, socket.AF_INET6):
        for level, name, value in _OPTIONS:
            # Not every system has all of them.
            if name:
                handle.setsockopt(level, name, value)
