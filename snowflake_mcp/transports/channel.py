"""One HTTP/1.1 connection: limits and deadlines on what it reads, and a close that can be read.

``llhttp`` and ``twisted_web`` are this connection, each on a parser. These three are the only
modules that know how ``twisted.web`` reads. They lean on a few of its private names (marked
``private:``), because it offers no other place to stand between the end of the headers and the
reading of the body.
"""

# mypy: allow-untyped-calls

from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IDelayedCall, IProtocol, ISSLTransport, ITCPTransport
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from snowflake_mcp.transports.exchange import JSON, Refusal
from snowflake_mcp.transports.headers import SECURITY
from snowflake_mcp.transports.heads import MAX_HEADERS
from snowflake_mcp.transports.outlet import STALL_S
from snowflake_mcp.transports.sockets import find_vanished
from snowflake_mcp.transports.tls import handshake_failure, name_of

if TYPE_CHECKING:
    from snowflake_mcp.transports.site import Site

__all__ = ["BODY_S", "HEAD_S", "LINGER_S", "QUIET_S", "Channel"]

HEAD_S: Final = 10.0
"""From the first byte of a request to the end of its headers."""
BODY_S: Final = 30.0
"""From the end of the headers to the end of the body."""
LINGER_S: Final = 2.0
"""How long a refused client's unread bytes are taken and thrown away. Closing at once would make
the kernel reset the connection, and the client would never see why it was refused."""
QUIET_S: Final = 0.5
"""A connection that was accepted, or answered, so long ago and has brought nothing since is idle:
before, a request may be on its way, and a close would lose it."""
_log = Logger()


class Channel(HTTPChannel):
    """One connection, with our limits; reactor thread only. How it reads is for those below."""

    maxHeaders = MAX_HEADERS
    abortTimeout = 5
    factory: "Site"
    transport: Any
    callLater: Callable[..., IDelayedCall]

    def __init__(self) -> None:
        super().__init__()
        self._deaf = False
        self._deadline: IDelayedCall | None = None
        self._lingering: IDelayedCall | None = None
        self._successor: IProtocol | None = None
        self._address: str | None = None
        self._name_read = False
        self._certificate_name: str | None = None
        self._quiet_since_s = 0.0

    @cached_property
    def secure(self) -> bool:
        """Whether the connection itself is TLS."""
        return bool(ISSLTransport.providedBy(self.transport))

    @cached_property
    def peer_host(self) -> str | None:
        """The address of the other end; ``None`` on a Unix socket."""
        return getattr(self.transport.getPeer(), "host", None)

    @cached_property
    def local_host(self) -> str | None:
        """The server's own address on this connection; ``None`` on a Unix socket."""
        return getattr(self.transport.getHost(), "host", None)

    @property
    def expectant(self) -> bool:
        """Whether a request is being read, or may be on its way."""
        if self._deaf or self._handlingRequest:
            return False
        # private: _buffer holds a request line that has not ended yet.
        return (
            bool(self.requests)
            or bool(self._buffer)
            or self.factory.clock.seconds() - self._quiet_since_s < QUIET_S
        )

    @property
    def busy(self) -> bool:
        """Whether a request is being read or answered."""
        return bool(self.requests)

    @property
    def certificate_name(self) -> str | None:
        """The name in the client's TLS certificate; asked for once the handshake is done."""
        if not self._name_read and self.transport is not None:
            self._name_read = True
            self._certificate_name = name_of(self.transport, self.factory.client_name)
        return self._certificate_name

    def connectionMade(self) -> None:
        """Join the site's connections, if there is room for one more."""
        self._address = getattr(self.transport.getPeer(), "host", None)
        if not self.factory.crowd.enter(self._address):
            self._deaf = True
            self.transport.abortConnection()
            return
        self.factory.channels.add(self)
        self._quiet_since_s = self.factory.clock.seconds()
        find_vanished(self.transport)
        super().connectionMade()

    def timeoutConnection(self) -> None:
        """Idle for too long; that is routine, and a flood of such must not fill the log."""
        # private: the base class ends this call when the connection is gone.
        self._abortingCall = self.callLater(self.abortTimeout, self.forceAbortClient)
        self.loseConnection()

    def forceAbortClient(self) -> None:
        """It did not go in time."""
        self._abortingCall = None
        self.abort()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # untyped there
        """Leave the site's connections; requests learn that their client is gone."""
        self._leave()
        self._end_deadline()
        if self._lingering is not None and self._lingering.active():
            self._lingering.cancel()
        ended_by_tls = handshake_failure(reason)
        if ended_by_tls is not None:
            peer = str(getattr(self.getPeer(), "host", "local"))
            _log.info("TLS with {peer} ended: {words}", peer=peer, words=ended_by_tls)
        super().connectionLost(reason)

    def answer(self, data: bytes) -> None:
        """Write a whole answer."""
        self.write(data)

    def refuse(self, refusal: Refusal) -> None:
        """Answer below the level of requests, and close."""
        if self._deaf or self.transport is None:
            return
        self.requests.clear()
        self.transport.writeSequence(_whole_answer(refusal))
        self.factory.record_unparsed(self, refusal.status)
        self.stop_reading()
        self.loseConnection()

    def stop_reading(self) -> None:
        """What the client still sends is thrown away; the connection ends with the answer."""
        self._deaf = True
        self.persistent = 0
        self._end_deadline()

    def loseConnection(self) -> None:
        """Close once what was written has left; the client can read the answer first."""
        secure = bool(ISSLTransport.providedBy(self.transport))
        can_half_close = bool(ITCPTransport.providedBy(self.transport)) and not secure
        if secure:
            # TLS ends with a word from both sides; a client that says none would stay for ever.
            super().loseConnection()
            if self._lingering is None:
                limit_s = LINGER_S if self._deaf else STALL_S
                self._lingering = self.callLater(limit_s, self.transport.abortConnection)
        elif not self._deaf or not can_half_close:
            super().loseConnection()
        elif self._lingering is None:
            self.setTimeout(None)
            self.transport.unregisterProducer()
            self.transport.loseWriteConnection()
            self._lingering = self.callLater(LINGER_S, self.transport.abortConnection)

    def abort(self) -> None:
        """Close now, whatever is unsent."""
        if self.transport is not None:
            self.transport.abortConnection()

    def hand_over(self, protocol: IProtocol) -> None:
        """Give the socket to another protocol; this channel hears of it no more.

        Our registration as the socket's producer ends here, so that the protocol can make its
        own, and bytes that followed the upgrade request reach it through ``rawDataReceived``.
        """
        transport, self.transport = self.transport, None
        self._leave()
        self.requests.clear()
        transport.unregisterProducer()
        if isinstance(transport, ProtocolWrapper):
            transport.wrappedProtocol = protocol
        else:
            transport.protocol = protocol
        self._successor = protocol
        protocol.makeConnection(transport)
        transport.resumeProducing()

    def _leave(self) -> None:
        if self in self.factory.channels:
            self.factory.channels.discard(self)
            self.factory.crowd.leave(self._address)

    def _too_slow(self) -> None:
        self._deadline = None
        self.refuse(Refusal(408, "too_slow", "The request took too long to arrive."))

    def _end_deadline(self) -> None:
        call, self._deadline = self._deadline, None
        if call is not None and call.active():
            call.cancel()

    def _respondToBadRequestAndDisconnect(self) -> None:
        # private: every parse error of the base class ends here, with a bare status line.
        self.refuse(Refusal(400, "bad_request", "The request is not valid HTTP/1.1."))

    def _send100Continue(self) -> None:
        # private: a client that was refused must not be invited to send its body.
        if not self._deaf:
            super()._send100Continue()


def _whole_answer(refusal: Refusal) -> list[bytes]:
    body = refusal.encode(rpc=False)
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in SECURITY]
    lines += [f"Content-Type: {JSON}", f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return ["\r\n".join(lines).encode("ascii"), body]
