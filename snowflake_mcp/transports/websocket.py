"""One client over WebSocket, on the path and port of the HTTP endpoint, through autobahn.

One text frame is one JSON-RPC message in either direction, as on stdio. What opens a connection
is in ``upgrading``, who may have one in ``websocket_factory``.
"""

# mypy: allow-untyped-calls

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from autobahn.twisted.websocket import WebSocketServerProtocol
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from snowflake_mcp.auth.watching import Watch
from snowflake_mcp.protocol.conversation import Conversation
from snowflake_mcp.protocol.pieces import Body
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.attendance import Attendance, Speaker
from snowflake_mcp.transports.frames import WHOLE_BYTES, read_text, text_frame
from snowflake_mcp.transports.outlet import Outlet
from snowflake_mcp.transports.sockets import write_at_once

if TYPE_CHECKING:
    from snowflake_mcp.transports.websocket_factory import WebSocketFactory

__all__ = ["GOING_AWAY", "POLICY_VIOLATION", "SUBPROTOCOL", "Connection"]

SUBPROTOCOL: Final = "mcp"
GOING_AWAY: Final = 1001
UNSUPPORTED_DATA: Final = 1003
POLICY_VIOLATION: Final = 1008
_TURN_STEPS: Final = 32
"""Steps through what one client has sent, a message is one or two, before others have a turn."""
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
    autoPingTimeoutCall: Any
    current_frame: Any
    maxMessagePayloadSize: int
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
        self._readable_bytes = 0
        self._steps = 0
        self._behind: IDelayedCall | None = None
        self._peer_takes = True
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

        As in the base class, less what nobody looks at: its statistics, and a debug line that is
        built, in colour, for every read, whether anyone logs it or not.
        """
        self.data += data
        if self._behind is None:
            self._steps = 0
            self.consumeData()

    def processData(self) -> bool:
        """Take one step through what has been read; whether there may be another.

        A message that is whole, in one frame, and has nothing wrong with it goes to ``onMessage``
        from here: that is nearly every one, and autobahn's two steps cost ten times as much.
        Anything else is autobahn's to read and to judge, and so is what comes while it waits for
        a pong, for which any message will do.
        """
        self._steps += 1
        if self._steps > _TURN_STEPS:
            # A thousand calls at once must not hold up everybody else; nor may more come meanwhile.
            self._behind = self.factory.clock.callLater(0, self._catch_up)
            self._set_reading()
            return False
        # private, though not by their names: where autobahn stands in its reading.
        if (
            self.state == self.STATE_OPEN
            and self.current_frame is None
            and not self.inside_message
            and self.autoPingTimeoutCall is None
        ):
            found = read_text(self.data, self._readable_bytes)
            if found is not None:
                payload, used = found
                self.data = self.data[used:]
                self.onMessage(payload, False)
                return bool(self.data)
        return bool(super().processData())

    def _catch_up(self) -> None:
        """The next steps, in another turn."""
        self._behind = None
        self._steps = 0
        self.consumeData()
        self._set_reading()

    def onConnect(self, request: Any) -> str | None:
        """Select our subprotocol if it was offered; the endpoint refused other offers."""
        return self.subprotocol if self.subprotocol in request.protocols else None

    def onOpen(self) -> None:
        """Begin the conversation, and hear from the socket how well the peer reads."""
        factory = self.factory
        self._opened_s = factory.clock.seconds()
        self._readable_bytes = min(WHOLE_BYTES, self.maxMessagePayloadSize)
        self._outlet = Outlet(
            self._send_frame,
            factory.clock,
            self._drop,
            on_flow=self._peer_reads,
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

    def begin(self, send: Callable[[Body], None]) -> Speaker:
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
        conversation, watch = self._conversation, self._watch
        if conversation is None or self.state != self.STATE_OPEN:
            return
        if watch is not None and not watch.holds():
            self.lock_out()
            return
        if isBinary:
            self.close(UNSUPPORTED_DATA, "send text frames")
            return
        self._received += 1
        self._active_s = self.factory.clock.seconds()
        try:
            conversation.receive(payload)
        except Exception:  # noqa: BLE001 - it would end in the transport; logged, and closed
            _log.failure("websocket {conversation} failed", conversation=conversation.id)
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
        for call in (self._idle, self._behind):
            if call is not None and call.active():
                call.cancel()
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

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Write what is autobahn's: a pong, a goodbye. Nothing may come into a frame."""
        if self._outlet is not None:
            self._outlet.hurry()
        super().sendData(data, sync, chopsize)

    def _enqueue(self, message: Body) -> None:
        if self._outlet is not None:
            # Not sendMessage: the limit for what clients may send would hold for answers too.
            self._outlet.write(text_frame(message))

    def _send_frame(self, data: bytes) -> None:
        """A frame, or a piece of a long one."""
        outlet = self._outlet
        if self.state == self.STATE_OPEN and outlet is not None:
            self._active_s = self.factory.clock.seconds()
            if outlet.inside:
                # The rest follows when this has left: not all of it in one turn.
                self.transport.write(data)
                return
            self._sent += 1
            if self.data:
                # There is more to be answered in this turn; it leaves together.
                self.transport.write(data)
            else:
                write_at_once(self.transport, data)

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
        self._peer_takes = reads
        self._set_reading()

    def _set_reading(self) -> None:
        if self._peer_takes and self._behind is None:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    def _drop(self, reason: str) -> None:
        _log.warn("websocket to {peer} dropped, {reason}", peer=self.client_address, reason=reason)
        self.transport.abortConnection()
