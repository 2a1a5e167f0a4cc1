"""What a method knows of the request that it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.protocol.principal import Principal

__all__ = ["CancelReason", "Facts", "Negotiated", "RequestContext", "Transport"]

Transport = Literal["http", "websocket", "stdio", "rest"]
CancelReason = Literal["client", "disconnect", "timeout", "shutdown"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the transport and the session say about a request before its method runs."""

    transport: Transport
    principal: Principal
    version: str
    """Protocol revision of this request, one of ``eras.KNOWN``."""
    capabilities: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What the client declared it can do."""
    client: str = ""
    """Name and version as the client gave them; unverified, for logs and tags only."""
    session_id: str | None = None
    """Handshake-era session, shortened for logs; ``None`` in the stateless era."""
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What ``initialize`` agreed on."""

    version: str
    client: str
    capabilities: Mapping[str, Any]


@dataclass(slots=True)
class RequestContext:
    """One request while it runs; reactor thread only."""

    facts: Facts
    request_id: str
    """Ours, unique in this process; in logs, in the query tag and in the answer's ``_meta``."""
    method: str
    clock: IReactorTime
    deadline: float
    """On ``clock``, in seconds; past it the request is cancelled."""
    notify: Callable[[str, dict[str, Any]], None]
    """Send a notification that belongs to this request: method, params."""
    progress_token: str | int | None = None
    query_id: str | None = None
    """The last Snowflake statement of this request; set by the tool once it is known."""
    cancel_reason: CancelReason | None = None
    """Set just before the work is cancelled."""
    negotiated: Negotiated | None = None
    """Set by ``initialize`` for whoever keeps the session."""
    settled: bool = False
    """Set when the work has ended; from then on nothing more is sent for it."""
    _last_progress: float = float("-inf")

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self.deadline - self.clock.seconds())

    def report_progress(self, progress: float, message: str, total: float | None = None) -> None:
        """Tell the client how far the work is, at most once a second; no token, no message."""
        now = self.clock.seconds()
        if self.progress_token is None or now - self._last_progress < 1.0:
            return
        self._last_progress = now
        params: dict[str, Any] = {
            "progressToken": self.progress_token,
            "progress": progress,
            "message": message,
        }
        if total is not None:
            params["total"] = total
        self.notify("notifications/progress", params)
