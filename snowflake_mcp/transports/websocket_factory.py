"""The open WebSockets: every option of autobahn's that matters, who may come in, who is there."""

# mypy: allow-untyped-calls

from typing import Final

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.config.model import WebSocketSettings
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.transports.attendance import Attendance
from snowflake_mcp.transports.crowd import Crowd
from snowflake_mcp.transports.exchange import Refusal
from snowflake_mcp.transports.headers import SECURITY
from snowflake_mcp.transports.timers import Timers
from snowflake_mcp.transports.websocket import GOING_AWAY, POLICY_VIOLATION, Connection

__all__ = ["WebSocketFactory"]

_CLOSE_HANDSHAKE_S: Final = 1
_OPEN_HANDSHAKE_S: Final = 5
_LATER: Final = (("Retry-After", "5"),)


class WebSocketFactory(WebSocketServerFactory):
    """Every option of autobahn that matters, and the set of open connections."""

    protocol = Connection  # type: ignore[assignment]  # declared by its base's class

    def __init__(
        self,
        kernel: Kernel,
        clock: IReactorTime,
        settings: WebSocketSettings,
        metrics: Metrics,
        crowd: Crowd,
    ) -> None:
        super().__init__(reactor=clock, server="", headers=dict(SECURITY))
        self.kernel = kernel
        self.clock = clock
        self.crowd = crowd
        self._metrics = metrics
        self._connections: set[Connection] = set()
        # autobahn's timers ignore the reactor they are given and take a global one; this is the
        # one thing all of them go through.
        self._batched_timer = Timers(clock)
        self.take(settings)

    def take(self, settings: WebSocketSettings) -> None:
        """Connections that open from now on have these; open ones keep theirs."""
        self.settings = settings
        # allowNullOrigin and allowedOrigins stay open here: the guard has judged the origin, and
        # the handshake that autobahn gets to see names none.
        self.setProtocolOptions(
            versions=[13],
            webStatus=False,
            maxFramePayloadSize=settings.max_message_bytes,
            maxMessagePayloadSize=settings.max_message_bytes,
            failByDrop=False,
            openHandshakeTimeout=_OPEN_HANDSHAKE_S,
            closeHandshakeTimeout=_CLOSE_HANDSHAKE_S,
            autoPingInterval=settings.ping_interval_s,
            autoPingTimeout=settings.ping_timeout_s,
        )

    @property
    def connections(self) -> frozenset[Connection]:
        """Clients whose handshake is complete."""
        return frozenset(self._connections)

    def connection(self, principal: Principal, client_address: str = "") -> Connection:
        """The protocol of a new client."""
        made = Connection(principal, client_address)
        made.factory = self
        return made

    def admit(self, connection: Connection) -> None:
        """Let a client in.

        Raises:
            Refusal: 503 when there are too many, in all or from its address; 429 when its
                principal has too many. Both are counted.
        """
        owner, most = connection.owner, self.settings.max_connections_per_principal
        if owner.name != LOCAL.name:
            own = sum(each.owner.name == owner.name for each in self._connections)
            if own >= most:
                self._metrics.count("limits_hit", "websockets")
                raise Refusal(
                    429,
                    "too_many_connections",
                    f"You have {most} WebSocket connections; close one of them first.",
                    _LATER,
                )
        if not self.crowd.enter(connection.client_address):
            raise Refusal(
                503,
                "too_many_connections",
                "No more WebSocket connections are accepted now.",
                _LATER,
            )

    def opened(self, connection: Connection) -> None:
        """A handshake is complete."""
        self._connections.add(connection)
        self._metrics.count("websocket_connections")

    def closed(self, connection: Connection) -> None:
        """A connection is gone; it may never have been opened."""
        self._connections.discard(connection)
        self.crowd.leave(connection.client_address)

    def close_all(self, code: int = GOING_AWAY, reason: str = "the server is stopping") -> None:
        """Begin the closing handshake with every client; it ends within a second."""
        for connection in self.connections:
            connection.close(code, reason)

    def attendance(self) -> list[Attendance]:
        """Who is connected."""
        now = self.clock.seconds()
        seen = (connection.attendance(now) for connection in self._connections)
        return [each for each in seen if each is not None]

    def end(self, session_id: str) -> bool:
        """An operator ends a connection; ``False``: there is none of that id."""
        now = self.clock.seconds()
        for connection in self.connections:
            seen = connection.attendance(now)
            if seen is not None and seen.id == session_id:
                connection.close(POLICY_VIOLATION, "ended by an operator")
                return True
        return False

    def abort_all(self) -> None:
        """Drop every client at once."""
        for connection in self.connections:
            connection.transport.abortConnection()

    def counts(self) -> dict[str, int]:
        """For /status."""
        return {
            "connections": len(self._connections),
            "in_flight": sum(connection.in_flight for connection in self._connections),
        }
