"""The live view of the admin surface: a WebSocket that tells the overview every two seconds.

A browser cannot send a header with a WebSocket, and a credential in a URL ends in logs. So the
page posts for a ticket with its credential, and offers the ticket as a subprotocol of the
handshake: it is good for one handshake within half a minute.
"""

# mypy: allow-untyped-calls

import secrets
from collections.abc import Callable
from typing import Final

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from snowflake_mcp.transports.admin import Nothing, given_by, same_site
from snowflake_mcp.transports.attendance import Speaker
from snowflake_mcp.transports.exchange import Exchange, Refusal
from snowflake_mcp.transports.levers import AdminSource
from snowflake_mcp.transports.tickets import LIFE_S, Bearer, Tickets
from snowflake_mcp.transports.tree import Route
from snowflake_mcp.transports.upgrading import WebSocketEndpoint
from snowflake_mcp.transports.websocket import POLICY_VIOLATION, Connection
from snowflake_mcp.transports.websocket_factory import WebSocketFactory

__all__ = ["EVERY_S", "LIVE_PATH", "LIVE_SUBPROTOCOL", "SHOWN_S", "LiveView"]

_log = Logger()

TICKET_PATH: Final = "/admin/ticket"
LIVE_PATH: Final = "/admin/live"
LIVE_SUBPROTOCOL: Final = "snowflake-mcp.live"
_TICKET_PREFIX: Final = "ticket."
EVERY_S: Final = 2.0
SHOWN_S: Final = 300.0
"""After so long a page needs a new ticket: so long may it outlive its credential."""
NORMAL: Final = 1000


class LiveView:
    """The ticket, and the WebSocket that it opens; reactor thread only."""

    def __init__(self, source: AdminSource, factory: WebSocketFactory, clock: IReactorTime) -> None:
        self._source = source
        self._endpoint = WebSocketEndpoint(factory)
        self._tickets = Tickets(clock)

    def routes(self) -> list[Route]:
        """Where they are. The socket itself asks for no credential: its ticket is one."""
        return [
            Route(TICKET_PATH, {"POST": self.ticket}, admits=self._admits, cors=False),
            Route(
                LIVE_PATH,
                {},
                upgrade=self.upgrade,
                admits=self._has_ticket,
                public=True,
                cors=False,
            ),
        ]

    def ticket(self, exchange: Exchange) -> None:
        """A ticket for one handshake.

        Raises:
            Refusal: 503, the audit cannot be written; 400, the body is no empty object.
        """
        given_by(exchange, Nothing)
        if not self._source.may_go_on():
            raise Refusal(503, "no_audit", "The audit cannot be written.")
        bearer = Bearer(exchange.caller, exchange.peer)
        self._source.record(exchange, "ticket", "", "ok")
        answer = {
            "ticket": self._tickets.issue(bearer),
            "expires_in_s": LIFE_S,
            "path": LIVE_PATH,
            "subprotocol": LIVE_SUBPROTOCOL,
        }
        exchange.respond(200, msgspec.json.encode(answer))

    def upgrade(self, exchange: Exchange) -> None:
        """Open the live view.

        Raises:
            Refusal: 404 for a ticket that opens nothing; else as for any WebSocket.
        """
        bearer = self._tickets.redeem(_offered(exchange))
        if bearer is None:
            raise Refusal(404, "not_found", "There is nothing at this path.")
        # From here on the socket lives as long as the credential that the ticket was given for.
        exchange.identify_as(bearer.caller)
        self._endpoint.open(exchange, _LiveConnection(bearer, self._source))

    def _admits(self, exchange: Exchange) -> bool:
        return same_site(exchange) and self._source.may(exchange.caller, exchange.peer)

    def _has_ticket(self, exchange: Exchange) -> bool:
        return same_site(exchange) and self._tickets.holds(_offered(exchange))


class _LiveConnection(Connection):
    """A page that watches."""

    subprotocol = LIVE_SUBPROTOCOL
    kind = "live"

    def __init__(self, bearer: Bearer, source: AdminSource) -> None:
        super().__init__(bearer.caller.principal, bearer.peer)
        self._bearer = bearer
        self._source = source

    def begin(self, send: Callable[[bytes], None]) -> Speaker:
        """Tell the overview from now on."""
        return _Feed(self._bearer, self._source, self.factory.clock, send, self.close)


class _Feed:
    """Sends the overview as long as its bearer may see it; what the page says is not heard."""

    client = ""
    in_flight = 0

    def __init__(
        self,
        bearer: Bearer,
        source: AdminSource,
        clock: IReactorTime,
        send: Callable[[bytes], None],
        close: Callable[[int, str], None],
    ) -> None:
        self.id = secrets.token_hex(8)
        self.owner = bearer.caller.principal.name
        self._bearer = bearer
        self._source = source
        self._clock = clock
        self._send = send
        self._close = close
        self._until = clock.seconds() + SHOWN_S
        self._over = False
        self._telling: Deferred[None] | None = None
        self._timer: IDelayedCall | None = clock.callLater(0, self._tick)

    def receive(self, data: bytes) -> None:
        """Nothing is asked over this connection."""

    def lost(self) -> None:
        """The page has gone."""
        self._over = True
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        if self._telling is not None:
            self._telling.cancel()

    def _tick(self) -> None:
        self._timer = None
        if not self._source.may(self._bearer.caller, self._bearer.peer):
            self._close(POLICY_VIOLATION, "the right has been taken away")
        elif self._clock.seconds() >= self._until:
            self._close(NORMAL, "ask for a new ticket")
        else:
            self._telling = Deferred.fromCoroutine(self._tell())

    async def _tell(self) -> None:
        try:
            self._send(msgspec.json.encode(await self._source.overview()))
        except CancelledError:
            # The page has gone, and nobody waits for this.
            return
        except Exception:  # noqa: BLE001 - a fault of ours is logged; the next tick tries again
            _log.failure("the overview cannot be told")
        if not self._over:
            self._timer = self._clock.callLater(EVERY_S, self._tick)


def _offered(exchange: Exchange) -> str:
    """The ticket among the subprotocols that the client offers; empty where there is none."""
    for value in exchange.header_values("sec-websocket-protocol"):
        for offer in value.split(","):
            if offer.strip().startswith(_TICKET_PREFIX):
                return offer.strip().removeprefix(_TICKET_PREFIX)
    return ""
