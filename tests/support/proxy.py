"""A TCP relay on loopback that can stop forwarding: a network that parts, without root rights."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Relay", "relaying"]

_WAIT_S: Final = 0.05
_PIECE: Final = 1 << 16


@dataclass(eq=False)
class _Link:
    client: socket.socket
    server: socket.socket
    frozen: bool = False
    forwarded: int = 0
    asked: bytearray = field(default_factory=bytearray)
    """What the client sent, where the relay records."""


@dataclass
class Relay:
    """Forwards every connection to ``target``; any thread may part and heal it."""

    port: int
    target: int
    links: list[_Link] = field(default_factory=list)
    """Every connection that was ever taken, in order."""
    records: bool = False
    """Keep what clients send."""
    parted: bool = False
    """New connections are taken, and nothing is forwarded on them."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def part(self, *, later_too: bool) -> int:
        """Forward nothing more on what is open now (and on what comes); how many were open.

        Nobody is told: no FIN, no RST, as with a cable that is cut.
        """
        self.parted = later_too
        open_now = [link for link in self.links if not link.frozen and link.client.fileno() >= 0]
        for link in open_now:
            link.frozen = True
        return len(open_now)

    def heal(self) -> None:
        """Forward again what comes from now on; what was parted stays so."""
        self.parted = False

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the end."""
        while not self._stop.is_set():
            if not select.select([listener], [], [], _WAIT_S)[0]:
                continue
            client, _ = listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                client.close()
                continue
            link = _Link(client, server, frozen=self.parted)
            self.links.append(link)
            thread = threading.Thread(target=self._carry, args=(link,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Forward nothing more and drop every connection."""
        self._stop.set()
        for thread in self._threads:
            thread.join(5)

    def _carry(self, link: _Link) -> None:
        other = {link.client: link.server, link.server: link.client}
        with link.client, link.server, suppress(OSError):
            while not self._stop.is_set():
                for ready in select.select(list(other), [], [], _WAIT_S)[0]:
                    if link.frozen:
                        self._stop.wait(_WAIT_S)
                        continue
                    piece = ready.recv(_PIECE)
                    if not piece:
                        return
                    other[ready].sendall(piece)
                    link.forwarded += len(piece)
                    if self.records and ready is link.client:
                        link.asked += piece


@contextmanager
def relaying(target: int) -> Iterator[Relay]:
    """A relay to a port of loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        relay = Relay(int(listener.getsockname()[1]), target)
        thread = threading.Thread(target=relay.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            relay.close()
            thread.join(5)
