"""``POST /mcp``: one JSON-RPC message in, one answer out (MCP Streamable HTTP, both eras)."""

from typing import Final

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.config.model import HttpSettings
from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.admission import Admission, RoutingHeaders
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.errors import McpError
from snowflake_mcp.protocol.jsonrpc import (
    MalformedMessageError,
    Message,
    Notification,
    Request,
    encode_error,
    parse,
)
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.transports.exchange import Exchange
from snowflake_mcp.transports.streams import Answer

__all__ = ["McpEndpoint"]

_ROUTING: Final = ("mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id")


class McpEndpoint:
    """The MCP endpoint for HTTP clients; reactor thread only."""

    def __init__(
        self, kernel: Kernel, admission: Admission, clock: IReactorTime, settings: HttpSettings
    ) -> None:
        self._kernel = kernel
        self._admission = admission
        self._clock = clock
        self._settings = settings

    def post(self, exchange: Exchange) -> None:
        """Answer a message: a request by its reply, a notification by 202."""
        message: Message | None = None
        try:
            message = parse(exchange.body)
            facts = self._admission.admit(message, routing_headers(exchange), exchange.principal)
        except MalformedMessageError as error:
            exchange.respond(error.status or 400, encode_error(error.request_id, error))
        except McpError as error:
            request_id = message.id if isinstance(message, Request) else None
            exchange.respond(error.status or 400, encode_error(request_id, error))
        else:
            self._admitted(exchange, message, facts)

    def _admitted(self, exchange: Exchange, message: Message, facts: Facts) -> None:
        if isinstance(message, Notification):
            self._kernel.notice(message, facts)
        if not isinstance(message, Request):
            exchange.respond(202)
            return
        settings = self._settings
        answer = Answer(exchange, self._clock, settings.stream_after_s, settings.keepalive_s)
        call = self._kernel.start(message, facts, answer.notify)
        if eras.is_stateless(facts.version) or settings.cancel_on_disconnect:
            # Closing the response is the stateless era's way to cancel. The handshake era would
            # rather keep the work; statements cost money, so keeping it is the setting.
            exchange.on_gone(lambda: call.cancel("disconnect"))
        call.reply.addCallback(answer.settle)


def routing_headers(exchange: Exchange) -> RoutingHeaders:
    """The MCP headers of a request, and which of them came more than once."""
    values = {name: exchange.header_values(name) for name in _ROUTING}
    version, method, name, session = (
        found[-1] if found else None for found in (values[key] for key in _ROUTING)
    )
    return RoutingHeaders(
        version=version,
        method=method,
        name=name,
        session=session,
        duplicated=frozenset(key for key, found in values.items() if len(found) > 1),
    )
