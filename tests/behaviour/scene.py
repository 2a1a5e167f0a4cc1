"""A server and its clients in one cell of the table."""

from typing import Any

from tests.behaviour.house import RESUME_S, House
from tests.behaviour.http_peer import HttpPeer
from tests.behaviour.line_peers import StdioPeer, WebSocketPeer
from tests.behaviour.memory_peer import MemoryPeer
from tests.behaviour.peer import Peer
from tests.behaviour.table import Cell
from tests.support.messages import STATELESS

__all__ = ["Scene"]


class Scene:
    """What a behaviour is played on."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.stateless = cell.revision == STATELESS
        self.house = House(stream_after_s=0 if cell.way == "http-sse" else 15.0)
        self.tools = self.house.tools
        self.peers: list[Peer] = []
        self.expected_faults = 0

    def join(self, **capabilities: Any) -> Peer:
        """A client that is ready to ask."""
        peer = self._make(capabilities)
        self.peers.append(peer)
        peer.open()
        return peer

    def settle(self) -> None:
        """Let every client read what has come."""
        for peer in self.peers:
            peer.settle()

    def release(self) -> None:
        """Let every waiting tool finish, and every client read."""
        self.tools.release()
        self.settle()

    def restart(self) -> None:
        """The server ends and begins anew, with the key it had; clients have to come back."""
        streams = 0 if self.cell.way == "http-sse" else 15.0
        before, self.house = self.house, House(stream_after_s=streams)
        before.close(self.expected_faults)
        self.tools = self.house.tools
        for peer in self.peers:
            peer.house = self.house

    def close(self) -> None:
        """Every client leaves; the server must be as it was in the beginning."""
        for peer in self.peers:
            peer.close()
        self.house.clock.advance(RESUME_S + 0.1)
        self.house.close(self.expected_faults)

    def _make(self, capabilities: dict[str, Any]) -> Peer:
        house, version = self.house, self.cell.revision
        if self.cell.way == "websocket":
            return WebSocketPeer(house, version, capabilities)
        if self.cell.way == "stdio":
            return StdioPeer(house, version, capabilities)
        if self.cell.way == "memory":
            return MemoryPeer(house, version, capabilities)
        return HttpPeer(house, version, capabilities, streams=self.cell.way == "http-sse")
