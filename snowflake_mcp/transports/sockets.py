"""A client's socket: what the kernel is told about it, and the shortest way onto it."""

import socket
from typing import Any, Final

from twisted.internet.tcp import Server
from twisted.protocols.policies import ProtocolWrapper

__all__ = ["AT_ONCE_BYTES", "USER_TIMEOUT_MS", "find_vanished", "write_at_once"]

AT_ONCE_BYTES: Final = 65_536
"""More than a socket takes at once is written the usual way, which does not copy the rest."""

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


def write_at_once(transport: Any, data: bytes) -> None:
    """Write, at once where the socket takes it.

    Otherwise it waits for the reactor to say that the socket is writable, which is so nearly
    always: two system calls and a turn for nothing.
    """
    # private: what the transport was given in this turn; nothing may overtake it.
    if (
        type(transport) is Server
        and not transport.dataBuffer
        and not transport._tempDataBuffer  # noqa: SLF001 - there is no other way to ask
        and transport.connected
        and len(data) <= AT_ONCE_BYTES
    ):
        try:
            sent = transport.getHandle().send(data)
        except OSError:
            # It is full, or the connection is lost: the transport finds that out in its own way.
            sent = 0
        if sent == len(data):
            return
        data = data[sent:]
    transport.write(data)
