"""One client on a stream transport (WebSocket, stdio): both eras, in-flight ids, cancellation."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.logger import Logger

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.calls import InFlight, Reply
from snowflake_mcp.protocol.context import Facts, Negotiated, Transport
from snowflake_mcp.protocol.envelope import check_envelope
from snowflake_mcp.protocol.errors import BUSY, INVALID_REQUEST, Family, McpError, ToolFailure
from snowflake_mcp.protocol.jsonrpc import (
    MAX_BATCH,
    MalformedMessageError,
    Notification,
    Request,
    classify,
    decode,
    encode_error,
    encode_result,
)
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.live import Live
from snowflake_mcp.protocol.meta import said_by
from snowflake_mcp.protocol.pieces import Body, array_of
from snowflake_mcp.protocol.principal import Principal

__all__ = ["LISTEN", "Conversation"]

LISTEN: Final = "subscriptions/listen"
MAX_LISTENING: Final = 8
"""Subscriptions that one connection may have open."""
_MAY_WAIT: Final = frozenset(
    {
        "completion/complete",
        "prompts/get",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "tools/call",
    }
)
"""Methods that may ask Snowflake; the others are answered at once and need no bound."""


class Conversation:
    """The messages of one connection; reactor thread only.

    A request that carries the stateless envelope is served by itself. One that does not belongs
    to the session that ``initialize`` opens on this connection. ``send`` takes one encoded
    message at a time and must not raise.
    """

    _log = Logger()

    def __init__(
        self,
        kernel: Kernel,
        *,
        transport: Transport,
        principal: Principal,
        send: Callable[[Body], None],
        max_in_flight: int,
        peer: str = "",
        origin: str = "",
    ) -> None:
        self._kernel = kernel
        self._peer = peer
        self._origin = origin
        self._transport: Transport = transport
        self._principal = principal
        self._send = send
        self._max_in_flight = max_in_flight
        self._calls = InFlight()
        self._session: Negotiated | None = None
        self._live = Live(kernel.changes, self._tell, principal)
        self._lost = False
        self.client = ""
        """What the client last called itself; unverified."""
        self.id = secrets.token_hex(8)
        """For logs and tags; never sent as a credential."""

    @property
    def owner(self) -> str:
        """The name of its principal."""
        return self._principal.name

    @property
    def in_flight(self) -> int:
        """Requests of this connection that are running."""
        return len(self._calls)

    def receive(self, data: bytes) -> None:
        """One message, or a batch where the session's revision has them; no fault escapes."""
        try:
            value = decode(data)
        except MalformedMessageError as error:
            self._send(encode_error(error.request_id, error))
            return
        session = self._session
        if isinstance(value, list) and value and session and eras.has_batches(session.version):
            if len(value) > MAX_BATCH:
                refusal = McpError(INVALID_REQUEST, f"A batch holds at most {MAX_BATCH} messages")
                self._send(encode_error(None, refusal))
                return
            batch = _Batch(self._send, len(value))
            for one in value:
                self._take(one, batch.add)
        else:
            self._take(value, self._answer)

    def _take(self, value: object, answer: Callable[[Body | None], None]) -> None:
        """One message; ``answer`` is called once, with ``None`` where no answer is owed."""
        try:
            message = classify(value)
            if isinstance(message, Request):
                self._request(message, answer)
                return
        except MalformedMessageError as error:
            answer(encode_error(error.request_id, error))
            return
        if isinstance(message, Notification):
            if message.method == "notifications/cancelled":
                self._calls.cancel((message.params or {}).get("requestId"), "client")
        elif not self._live.answered(message):
            self._log.debug("a response that no request is waiting for was dropped")
        answer(None)

    def _answer(self, body: Body | None) -> None:
        if body is not None and not self._lost:
            self._send(body)

    def lost(self) -> None:
        """The peer is gone: what it asked for stops, in Snowflake too."""
        self._lost = True
        self._live.close()
        self._calls.cancel_all("disconnect")

    def _request(self, request: Request, answer: Callable[[Body | None], None]) -> None:
        try:
            facts = self._facts(request)
            if request.id in self._calls:
                raise McpError(INVALID_REQUEST, "This request id is already in flight")
        except McpError as error:
            answer(encode_error(request.id, error))
            return
        if self._is_full(request.method):
            if request.method == "tools/call":
                answer(encode_result(request.id, self._busy(facts)))
            else:
                answer(encode_error(request.id, McpError(BUSY, "Too many requests are running")))
            return
        live = None if eras.is_stateless(facts.version) else self._live
        call = self._kernel.start(request, facts, self._send, live)
        if not call.answered:
            self._calls.add(request.id, call)

        def settled(settled_reply: Reply | None) -> None:
            if call.context.negotiated is not None:
                self._session = call.context.negotiated
            answer(None if settled_reply is None else settled_reply.body)

        call.when_answered(settled)

    def _facts(self, request: Request) -> Facts:
        said = said_by(request.params)
        version: str
        capabilities: Mapping[str, Any]
        if said.meta.claimed or request.method == "server/discover":
            check_envelope(request.method, request.params, said.meta, None)
            version, client = said.meta.version, said.meta.client
            capabilities = said.meta.capabilities
        elif request.method == "initialize":
            if self._session is not None:
                raise McpError(INVALID_REQUEST, "This connection has been initialized already")
            version, client, capabilities = eras.LATEST_HANDSHAKE, "", {}
        elif self._session is not None:
            version, client = self._session.version, self._session.client
            capabilities = self._session.capabilities
        elif request.method == "ping":
            version, client, capabilities = eras.LATEST_HANDSHAKE, "", {}
        else:
            raise McpError(
                INVALID_REQUEST,
                "Call initialize first, or send the stateless envelope in params._meta",
            )
        self.client = client or self.client
        return Facts(
            transport=self._transport,
            principal=self._principal,
            version=version,
            capabilities=capabilities,
            client=client,
            session_id=self.id,
            traceparent=said.traceparent,
            peer=self._peer,
            origin=self._origin,
            said=said,
        )

    def _tell(self, message: bytes) -> None:
        """Changes are told to a session only; stateless clients listen by a request."""
        if self._session is not None and not self._lost:
            self._send(message)

    def _is_full(self, method: str) -> bool:
        """Whether the connection has as much of this kind running as it may."""
        # A look at each of them only where they might be too many: it is asked for every message.
        if len(self._calls) < (MAX_LISTENING if method == LISTEN else self._max_in_flight):
            return False
        listening = sum(call.context.method == LISTEN for call in self._calls)
        if method == LISTEN:
            return listening >= MAX_LISTENING
        return method in _MAY_WAIT and len(self._calls) - listening >= self._max_in_flight

    def _busy(self, facts: Facts) -> dict[str, object]:
        failure = ToolFailure(
            Family.BUSY,
            f"This connection already has {self._max_in_flight} requests running.",
            "Wait for one of them to finish, then call again.",
            retryable=True,
        )
        return self._kernel.failure_result(failure, facts.version)


class _Batch:
    """The answers to a batch, sent together as one array when the last is known."""

    def __init__(self, send: Callable[[Body], None], expected: int) -> None:
        self._send = send
        self._expected = expected
        self._bodies: list[Body] = []

    def add(self, body: Body | None) -> None:
        """One message of the batch has been dealt with."""
        self._expected -= 1
        if body is not None:
            self._bodies.append(body)
        if self._expected == 0 and self._bodies:
            self._send(array_of(self._bodies))
