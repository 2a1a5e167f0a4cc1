"""MCP over WebSocket on the path and port of the HTTP endpoint, through autobahn.

One text frame is one JSON-RPC message in either direction, as on stdio. What opens a connection
is in ``upgrading``.
"""

# mypy: allow-untyped-calls

from collections.abc import Callable
from typing import Any, Final

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from snowflake_mcp.auth.watching import Watch
from snowflake_mcp.config.model import WebSocketSettings
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.conversation import Conversation
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.transports.attendance import Attendance, Speaker
from snowflake_mcp.transports.crowd import Crowd
from snowflake_mcp.transports.exchange import Refusal
from snowflake_mcp.transports.headers import SECURITY
from snowflake_mcp.transports.outlet import Outlet
from snowflake_mcp.transports.timers import Timers

__all__ = ["SUBPROTOCOL", "Connection", "WebSocketFactory"]

SUBPROTOCOL: Final = "mcp"
GOING_AWAY: Final = 1001
UNSUPPORTED_DATA: Final = 1003
POLICY_VIOLATION: Final = 1008
_CLOSE_HANDSHAKE_S: Final = 1
_OPEN_HANDSHAKE_S: Final = 5
_LATER: Final = (("Retry-After", "5"),)
_log = Logger()


class Connection(WebSocketServerProtocol):
    """One client: frames to and from a ``Conversation``; no MCP logic. Reactor thread only.

    ``onClose`` also runs when the opening handshake fails, so all state exists from the start.
    ``onMessage`` is a plain function: autobahn would not await a coroutine, and an exception in
    it would escape into the transport.
    """

    factory: "WebSocketFactory"
    transport: Any
    closeHandshakeTimeoutCall: Any
    subprotocol = SUBPROTOCOL
    kind = "websocket"
    """For operators."""

    def __init__(self, principal: Principal, client_address: str) -> None:
        super().__init__()
        self._principal = principal
        # What autobahn calls the peer is the other end of the socket, which may be a proxy.
        self.client_address = client_address
        self.origin = ""
        """Scheme and host by which it has come in."""
        self._opened_s: float | None = None
        self._received = 0
        self._sent = 0
        self._outlet: Outlet | None = None
        self._conversation: Speaker | None = None
        self._active_s = 0.0
        self._idle: IDelayedCall | None = None
        self._watch: Watch | None = None

    @property
    def owner(self) -> Principal:
        """Who opened it."""
        return self._principal

    def hold(self, watch: Watch) -> None:
        """The caller's credential, which every message is taken under."""
        self._watch = watch

    def lock_out(self) -> None:
        """The credential has ended: the connection ends with it, and what it had asked for."""
        self.close(POLICY_VIOLATION, "the credential has expired or was taken back")

    @property
    def in_flight(self) -> int:
        """Requests of this client that are running."""
        return self._conversation.in_flight if self._conversation is not None else 0

    def attendance(self, now: float) -> Attendance | None:
        """As operators see it; ``None`` while it opens and when it is gone."""
        conversation = self._conversation
        if conversation is None or self._opened_s is None:
            return None
        return Attendance(
            id=conversation.id,
            kind=self.kind,
            principal=conversation.owner,
            client=conversation.client,
            address=self.client_address,
            age_s=now - self._opened_s,
            idle_s=None,
            in_flight=conversation.in_flight,
        )

    def dataReceived(self, data: bytes) -> None:
        """Take bytes off the wire.

        As in the base class, but for its debug line: that one is built, in colour, for every
        read, whether anyone logs it or not, and costs a tenth of a whole call.
        """
        self._dataReceived(data)

    def onConnect(self, request: Any) -> str | None:
        """Select our subprotocol if it was offered; the endpoint refused other offers."""
        return self.subprotocol if self.subprotocol in request.protocols else None

    def onOpen(self) -> None:
        """Begin the conversation, and hear from the socket how well the peer reads."""
        factory = self.factory
        self._opened_s = factory.clock.seconds()
        self._outlet = Outlet(
            self._send_frame,
            factory.clock,
            self._drop,
            on_flow=self._peer_reads,
            slices=False,
            max_unsent_bytes=factory.settings.max_unsent_bytes,
        )
        self.transport.registerProducer(self._outlet, True)
        self._conversation = self.begin(self._enqueue)
        factory.opened(self)
        self._watch_idle()
        _log.info(
            "websocket {conversation} opened from {peer}",
            conversation=self._conversation.id,
            peer=self.client_address,
        )

    def begin(self, send: Callable[[bytes], None]) -> Speaker:
        """What talks on this connection; ``send`` takes one message at a time."""
        return Conversation(
            self.factory.kernel,
            transport="websocket",
            principal=self._principal,
            send=send,
            max_in_flight=self.factory.settings.max_in_flight,
            peer=self.client_address,
            origin=self.origin,
        )

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Take one message."""
        if self._conversation is None or self.state != self.STATE_OPEN:
            return
        if self._watch is not None and not self._watch.holds():
            self.lock_out()
            return
        if isBinary:
            self.close(UNSUPPORTED_DATA, "send text frames")
            return
        self._received += 1
        self._active_s = self.factory.clock.seconds()
        try:
            self._conversation.receive(payload)
        except Exception:  # noqa: BLE001 - it would end in the transport; logged, and closed
            _log.failure("websocket {conversation} failed", conversation=self._conversation.id)
            self.close(1011, "internal error")

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """The socket is gone, whatever the way: what the client asked for stops."""
        conversation, self._conversation = self._conversation, None
        if self._watch is not None:
            self._watch.stop()
        if self._outlet is not None:
            self._outlet.close()
            if self.closeHandshakeTimeoutCall is not None:
                # autobahn forgets this one when the peer leaves in the closing handshake.
                self.closeHandshakeTimeoutCall.cancel()
        if self._idle is not None and self._idle.active():
            self._idle.cancel()
        self.factory.closed(self)
        if conversation is None or self._opened_s is None:
            return
        running = conversation.in_flight
        conversation.lost()
        _log.info(
            "websocket {conversation} closed: {code} after {duration_s:.3f} s",
            conversation=conversation.id,
            peer=self.client_address,
            clean=bool(wasClean),
            code=self.localCloseCode or code,
            duration_s=self.factory.clock.seconds() - self._opened_s,
            messages_received=self._received,
            messages_sent=self._sent,
            cancelled=running,
        )

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; the public way allows no code below 3000 but 1000."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code, reasonUtf8=reason.encode(), isReply=False)

    def _enqueue(self, message: bytes) -> None:
        if self._outlet is not None:
            self._outlet.write(message)

    def _send_frame(self, message: bytes) -> None:
        if self.state == self.STATE_OPEN:
            self._sent += 1
            self._active_s = self.factory.clock.seconds()
            # Not sendMessage: the limit for what clients may send would hold for answers too.
            self.sendPreparedMessage(self.factory.prepareMessage(message))

    def _watch_idle(self) -> None:
        """Look again when it would have been idle for too long; what runs is not idle."""
        limit_s, clock = self.factory.settings.idle_timeout_s, self.factory.clock
        if not limit_s:
            return
        if self.in_flight or not self._active_s:
            self._active_s = clock.seconds()
        left_s = self._active_s + limit_s - clock.seconds()
        if left_s <= 0:
            self.close(GOING_AWAY, "idle")
        else:
            self._idle = clock.callLater(left_s, self._watch_idle)

    def _peer_reads(self, reads: bool) -> None:
        # A peer that does not take answers gets to ask no more questions.
        if reads:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    def _drop(self, reason: str) -> None:
        _log.warn("websocket to {peer} dropped, {reason}", peer=self.client_address, reason=reason)
        self.transport.abortConnection()


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
