"""MCP over standard input and output: one JSON-RPC message a line, and nothing else."""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IHalfCloseableProtocol, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from snowflake_mcp.protocol.conversation import Conversation
from snowflake_mcp.protocol.errors import INVALID_REQUEST, McpError
from snowflake_mcp.protocol.jsonrpc import encode_error
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.pieces import Body, enclosed
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.transports.outlet import Outlet

__all__ = ["StdioProtocol"]

_NEWLINE: Final = b"\n"
_log = Logger()


@implementer(IHalfCloseableProtocol)
class StdioProtocol(Protocol):
    """The one client of a stdio server; reactor thread only.

    Give it to ``twisted.internet.stdio.StandardIO``. When standard input ends the client is
    gone: what it asked for is cancelled and ``ended`` is called once. A line longer than
    ``max_message_bytes`` is answered with an error and skipped up to its end, never kept.
    """

    transport: Any

    def __init__(
        self,
        kernel: Kernel,
        clock: IReactorTime,
        ended: Callable[[], None],
        *,
        max_message_bytes: int,
        max_in_flight: int,
        principal: Principal = LOCAL,
    ) -> None:
        self._ended = ended
        self._max_message_bytes = max_message_bytes
        self._pieces: list[bytes] = []
        self._pending_bytes = 0
        self._skipping = False
        self._over = False
        self._outlet = Outlet(self._write, clock, self._drop, on_flow=self._client_reads)
        self._conversation = Conversation(
            kernel,
            transport="stdio",
            principal=principal,
            send=self._send,
            max_in_flight=max_in_flight,
        )

    def connectionMade(self) -> None:
        """Hear from standard output how well the client reads."""
        self.transport.registerProducer(self._outlet, True)

    def dataReceived(self, data: bytes) -> None:
        """Take bytes of standard input; blank lines are ignored."""
        *lines, rest = data.split(_NEWLINE)
        for line in lines:
            self._keep(line)
            self._line()
        self._keep(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Standard input or output is closed: the client is gone."""
        if self._over:
            return
        self._over = True
        self._outlet.close()
        self._conversation.lost()
        self._ended()

    def readConnectionLost(self) -> None:
        """Standard input has ended; what was written may still leave."""
        self._half_lost()

    def writeConnectionLost(self) -> None:
        """Nobody reads standard output any more; without this method it would go unnoticed."""
        self._half_lost()

    def _half_lost(self) -> None:
        self.connectionLost()
        self.transport.loseConnection()

    def _keep(self, piece: bytes) -> None:
        self._pending_bytes += len(piece)
        if self._pending_bytes > self._max_message_bytes:
            self._skipping = True
            self._pieces.clear()
        elif piece:
            self._pieces.append(piece)

    def _line(self) -> None:
        line, skipped = b"".join(self._pieces), self._skipping
        self._pieces.clear()
        self._pending_bytes = 0
        self._skipping = False
        if self._over:
            return
        if skipped:
            error = McpError(
                INVALID_REQUEST, f"The message is longer than {self._max_message_bytes} bytes"
            )
            self._send(encode_error(None, error))
        elif line.strip():
            try:
                self._conversation.receive(line)
            except Exception:  # noqa: BLE001 - one message must not end the server
                _log.failure("a message on standard input failed")

    def _send(self, message: Body) -> None:
        self._outlet.write(enclosed(b"", message, _NEWLINE))

    def _write(self, data: bytes) -> None:
        self.transport.write(data)

    def _client_reads(self, reads: bool) -> None:
        if reads:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    def _drop(self, reason: str) -> None:
        _log.warn("standard output is stuck: {reason}", reason=reason)
        # A full pipe never reports its end: closing waits for what nobody reads.
        self._half_lost()
