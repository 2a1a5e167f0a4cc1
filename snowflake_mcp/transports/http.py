"""The MCP endpoint over HTTP, both eras: POST a message, GET a stream, DELETE a session."""

from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.config.model import HttpSettings
from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.admission import Admission, RoutingHeaders
from snowflake_mcp.protocol.alarms import Alarms
from snowflake_mcp.protocol.calls import Call, Reply
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.conversation import LISTEN
from snowflake_mcp.protocol.errors import INVALID_REQUEST, McpError
from snowflake_mcp.protocol.jsonrpc import (
    MAX_BATCH,
    MalformedMessageError,
    Message,
    Notification,
    Request,
    classify,
    decode,
    encode_error,
)
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.parameters import Mirrors, check_parameter_headers
from snowflake_mcp.protocol.pieces import Body, array_of
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.exchange import EVENT_STREAM, Exchange, Refusal
from snowflake_mcp.transports.guard import check_accept
from snowflake_mcp.transports.streams import Answer, Line
from snowflake_mcp.transports.toolsets import caller_of

__all__ = ["McpEndpoint"]

_ROUTING: Final = ("mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id")
_ABSENT: Final = (None,)
_NONE: Final[frozenset[str]] = frozenset()
_ALLOW_POST: Final = (("Allow", "POST"),)


class McpEndpoint:
    """The MCP endpoint for HTTP clients; reactor thread only."""

    def __init__(
        self, kernel: Kernel, admission: Admission, clock: IReactorTime, settings: HttpSettings
    ) -> None:
        self._kernel = kernel
        self._admission = admission
        self._clock = clock
        self._alarms = Alarms(clock)
        self._mirrors = Mirrors()
        self.take(settings)

    def take(self, settings: HttpSettings) -> None:
        """From the next request on these count."""
        self._settings = settings

    def stop(self) -> None:
        """All clients are gone."""
        self._alarms.stop()

    def post(self, exchange: Exchange) -> None:
        """Answer a message: a request by its reply, a notification or a response by 202."""
        message: Message | None = None
        try:
            value = decode(exchange.body)
            if isinstance(value, list) and (facts := self._batching(exchange)) is not None:
                self._batch(exchange, value, facts)
                return
            message = classify(value)
            facts = self._admit(exchange, message)
        except MalformedMessageError as error:
            exchange.respond(error.status or 400, encode_error(error.request_id, error))
        except McpError as error:
            request_id = message.id if isinstance(message, Request) else None
            exchange.respond(error.status or 400, encode_error(request_id, error))
        else:
            if isinstance(message, Request):
                self._begin(exchange, message, facts)
            else:
                exchange.respond(202)

    def get(self, exchange: Exchange) -> None:
        """A session's stream of what belongs to no request, or the rest of a lost stream."""
        facts = self._session(exchange)
        check_accept(exchange.header_values("accept"), (EVENT_STREAM,))
        live = self._kernel.live(facts)
        if exchange.verb == "HEAD" or live is None:
            raise Refusal(405, "method_not_allowed", "Only a GET opens a stream.", _ALLOW_POST)
        streams = live.streams
        stream, after = streams.standalone, None
        if (last := exchange.header("last-event-id")) is not None:
            found = streams.find(last)
            if found is None:
                raise Refusal(400, "unknown_event", "Last-Event-ID is not known here any more.")
            stream, after = found
        primer = stream.prime(after) if eras.has_priming_events(facts.version) else None
        line = Line(exchange, self._clock, self._settings.keepalive_s, primer=primer)
        exchange.on_gone(lambda: stream.detach(line))
        stream.attach(line, after)

        def locked_out() -> None:
            stream.detach(line)
            line.end()

        exchange.watch(locked_out)

    def delete(self, exchange: Exchange) -> None:
        """The client ends its session."""
        facts = self._session(exchange)
        if facts.session_id is not None:
            self._kernel.end_session(facts.session_id)
        exchange.respond(204)

    def _session(self, exchange: Exchange) -> Facts:
        headers = routing_headers(exchange)
        if headers.session is None:
            # Without a session there is neither a stream nor anything to end.
            raise Refusal(405, "method_not_allowed", "POST a message.", _ALLOW_POST)
        try:
            return self._admission.session(
                headers, caller_of(exchange), exchange.peer, exchange.origin
            )
        except McpError as error:
            status = error.status or 400
            allow = _ALLOW_POST if status == 405 else ()
            raise Refusal(status, "no_session", error.message, allow) from None

    def _admit(self, exchange: Exchange, message: Message) -> Facts:
        """The facts of a message; what is no request is dealt with here."""
        facts = self._admission.admit(
            message,
            routing_headers(exchange),
            caller_of(exchange),
            exchange.peer,
            exchange.head.origin,
        )
        if isinstance(message, Request):
            if message.method == "tools/call" and facts.version in eras.STATELESS:
                self._check_parameters(exchange, message.params or {}, facts.principal)
        elif isinstance(message, Notification):
            self._kernel.notice(message, facts)
        else:
            self._kernel.respond(message, facts)
        return facts

    def _check_parameters(
        self, exchange: Exchange, params: dict[str, Any], principal: Principal
    ) -> None:
        schema = self._mirrors.schema(self._kernel.describe_tools(principal), params.get("name"))
        if schema is not None:
            arguments = params.get("arguments")
            check_parameter_headers(
                schema, arguments if isinstance(arguments, dict) else {}, exchange.header_values
            )

    def _begin(self, exchange: Exchange, request: Request, facts: Facts) -> None:
        live = None
        answer = Answer(exchange, self._clock, self._settings)
        if facts.session_id is not None:
            live = self._kernel.live(facts)
            if live is not None and eras.is_version_at_least(facts.version, "2025-03-26"):
                primed = eras.has_priming_events(facts.version)
                answer.open_on(live.streams.open, primed=primed)
        call = self._kernel.start(
            request, facts, answer.notify, live, answer.release, exchange.tell
        )
        call.when_answered(answer.settle)
        if call.answered:
            # Most calls have ended here: what waits is timed, and has to hear of a client's end.
            return
        answer.await_reply(self._alarms)
        exchange.on_gone(lambda: self._gone(call, facts, answer))
        if request.method == LISTEN:
            # It has no end of its own; what has one was begun by a caller who was let in.
            exchange.watch(lambda: call.cancel("disconnect"))

    def _gone(self, call: Call[Reply | None], facts: Facts, answer: Answer) -> None:
        """The client left before the answer was complete.

        Closing the response is the stateless era's way to cancel. The handshake era would
        rather keep the work; statements cost money, so keeping it is the setting. A client that
        can come back for the rest is given the time to do so.
        """
        answer.abandon()
        if eras.is_stateless(facts.version):
            call.cancel("disconnect")
        elif self._settings.cancel_on_disconnect:
            if answer.resumable:
                self._await_return(call, answer)
            else:
                call.cancel("disconnect")

    def _await_return(self, call: Call[Reply | None], answer: Answer) -> None:
        def still_gone() -> None:
            if not answer.carried:
                call.cancel("disconnect")

        def ended(reply: Reply | None) -> Reply | None:
            if timer.active():
                timer.cancel()
            return reply

        timer = self._clock.callLater(self._settings.resume_s, still_gone)
        call.reply.addCallback(ended)

    def _batching(self, exchange: Exchange) -> Facts | None:
        """The session of a batch, if its revision has batches."""
        headers = routing_headers(exchange)
        if headers.session is None or headers.version in eras.STATELESS:
            return None
        facts = self._admission.session(headers, caller_of(exchange))
        return facts if eras.has_batches(facts.version) else None

    def _batch(self, exchange: Exchange, values: list[object], facts: Facts) -> None:
        """Several messages of one session: their replies come as one JSON array."""
        if not 0 < len(values) <= MAX_BATCH:
            raise MalformedMessageError(INVALID_REQUEST, f"A batch holds 1 to {MAX_BATCH} messages")
        bodies: list[Body] = []
        calls: list[Call[Reply | None]] = []
        for value in values:
            try:
                message = classify(value)
                if isinstance(message, Request) and message.method == "initialize":
                    raise McpError(INVALID_REQUEST, "initialize cannot be part of a batch")
                facts = self._admit(exchange, message)
            except McpError as error:
                bodies.append(encode_error(_id_of(value), error))
            else:
                if isinstance(message, Request):
                    calls.append(self._kernel.start(message, facts, _dropped))
        if not calls and not bodies:
            exchange.respond(202)
            return
        if self._settings.cancel_on_disconnect:
            for call in calls:
                exchange.on_gone(partial(call.cancel, "disconnect"))

        def settled(replies: list[Reply | None]) -> None:
            found = [*bodies, *(reply.body for reply in replies if reply is not None)]
            exchange.respond(200, array_of(found))

        whole: Deferred[list[Reply | None]] = gatherResults([call.reply for call in calls])
        whole.addCallback(settled)


def routing_headers(exchange: Exchange) -> RoutingHeaders:
    """The MCP headers of a request, and which of them came more than once."""
    head, fields = exchange.head, exchange.fields
    if head.routing is not None and head.routed is fields:
        return head.routing
    get = fields.get
    version, method, name, session = found = (
        get("mcp-protocol-version", _ABSENT),
        get("mcp-method", _ABSENT),
        get("mcp-name", _ABSENT),
        get("mcp-session-id", _ABSENT),
    )
    duplicated = _NONE
    if len(version) > 1 or len(method) > 1 or len(name) > 1 or len(session) > 1:
        pairs = zip(_ROUTING, found, strict=True)
        duplicated = frozenset(key for key, values in pairs if len(values) > 1)
    routing = RoutingHeaders(version[-1], method[-1], name[-1], session[-1], duplicated)
    head.routing, head.routed = routing, fields
    return routing


def _id_of(value: object) -> str | int | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _dropped(_: bytes) -> None:
    """A batch is answered by one JSON array, which has no room for notifications."""
