"""Who is connected, as operators see it, and what talks on a connection."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Attendance", "Speaker"]


class Speaker(Protocol):
    """Our end of a connection, as the connection sees it: ``Conversation`` is one."""

    @property
    def id(self) -> str:
        """For logs and operators."""

    @property
    def owner(self) -> str:
        """The name of the principal at the other end."""

    @property
    def client(self) -> str:
        """What that calls itself."""

    @property
    def in_flight(self) -> int:
        """Requests of the connection that are running."""

    def receive(self, data: bytes) -> None:
        """Take one message; no fault escapes."""

    def lost(self) -> None:
        """The connection is gone."""


@dataclass(frozen=True, slots=True)
class Attendance:
    """One session or connection of a client."""

    id: str
    """Ours, for ending it; no credential."""
    kind: str
    """``http`` (a handshake-era session), ``websocket``, ``sse`` or ``live`` (a status page)."""
    principal: str
    client: str
    """What it called itself; unverified."""
    address: str
    """Empty where a session is not bound to a connection."""
    age_s: float
    """Since this process first heard of it."""
    idle_s: float | None
    """Since its last request; ``None`` where that is not kept."""
    in_flight: int
