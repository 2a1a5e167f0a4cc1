"""Who is connected, as operators see it."""

from dataclasses import dataclass

__all__ = ["Attendance"]


@dataclass(frozen=True, slots=True)
class Attendance:
    """One session or connection of a client."""

    id: str
    """Ours, for ending it; no credential."""
    kind: str
    """``http`` (a handshake-era session), ``websocket`` or ``sse``."""
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
