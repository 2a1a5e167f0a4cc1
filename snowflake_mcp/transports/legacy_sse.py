"""HTTP+SSE of revision 2024-11-05: a stream to hear on, a path to post to. Off by default.

For the oldest clients only. ``GET /sse`` opens an event stream whose first event names the path
for messages; what is posted there is answered 202 and replied to on the stream.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.config.model import HttpSettings, WebSocketSettings
from snowflake_mcp.protocol.conversation import Conversation
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.transports.attendance import Attendance
from snowflake_mcp.transports.exchange import EVENT_STREAM, Exchange, Refusal
from snowflake_mcp.transports.guard import check_accept
from snowflake_mcp.transports.streams import Line, encode_event
from snowflake_mcp.transports.tree import Route

__all__ = ["MESSAGES_PATH", "SSE_PATH", "LegacySse"]

SSE_PATH: Final = "/sse"
MESSAGES_PATH: Final = "/messages"


@dataclass(frozen=True, slots=True)
class _Client:
    address: str
    began: float
    conversation: Conversation
    end: Callable[[], None]


class LegacySse:
    """The two endpoints; reactor thread only.

    A client is known by a random id in the query string of its message path, as that revision
    has it; the id ends with the stream and works for the principal that opened it only.
    """

    def __init__(
        self,
        kernel: Kernel,
        clock: IReactorTime,
        http: HttpSettings,
        websocket: WebSocketSettings,
    ) -> None:
        self._kernel = kernel
        self._clock = clock
        self._http = http
        self._websocket = websocket
        self._clients: dict[str, _Client] = {}

    def take(self, http: HttpSettings, websocket: WebSocketSettings) -> None:
        """From the next stream on these count."""
        self._http, self._websocket = http, websocket

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(SSE_PATH, {"GET": self.get}),
            Route(MESSAGES_PATH, {"POST": self.post}, rpc=True),
        ]

    def counts(self) -> dict[str, int]:
        """For /status: open streams and the requests that run for them."""
        running = sum(client.conversation.in_flight for client in self._clients.values())
        return {"connections": len(self._clients), "in_flight": running}

    def get(self, exchange: Exchange) -> None:
        """Open a stream."""
        if exchange.verb == "HEAD":
            raise Refusal(405, "method_not_allowed", "Only a GET opens a stream.")
        check_accept(exchange.header_values("accept"), (EVENT_STREAM,))
        if len(self._clients) >= self._websocket.max_connections:
            raise Refusal(503, "too_many", "Too many streams are open.", (("Retry-After", "5"),))
        key = secrets.token_urlsafe(24)
        line = Line(exchange, self._clock, self._http.keepalive_s)
        conversation = Conversation(
            self._kernel,
            transport="sse",
            principal=exchange.principal,
            send=lambda message: line.write(encode_event(message)),
            max_in_flight=self._websocket.max_in_flight,
            peer=exchange.peer,
            origin=exchange.origin,
        )
        self._clients[key] = _Client(exchange.peer, self._clock.seconds(), conversation, line.end)

        def gone() -> None:
            self._clients.pop(key, None)
            conversation.lost()

        def locked_out() -> None:
            gone()
            line.end()

        exchange.on_gone(gone)
        exchange.watch(locked_out)
        path = f"{MESSAGES_PATH}?session_id={key}"
        line.write(b"event: endpoint\ndata: " + path.encode() + b"\n\n")

    def post(self, exchange: Exchange) -> None:
        """Take a message; the reply goes to the stream."""
        keys = parse_qs(exchange.query).get("session_id", [])
        client = self._clients.get(keys[0] if len(keys) == 1 else "")
        if client is None or client.conversation.owner != exchange.principal.name:
            raise Refusal(404, "no_session", "There is no stream for this message.")
        exchange.respond(202)
        client.conversation.receive(exchange.body)

    def close(self) -> None:
        """End every stream, because the server stops."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.end()
            client.conversation.lost()

    def attendance(self) -> list[Attendance]:
        """Who has a stream open."""
        now = self._clock.seconds()
        return [
            Attendance(
                id=client.conversation.id,
                kind="sse",
                principal=client.conversation.owner,
                client=client.conversation.client,
                address=client.address,
                age_s=now - client.began,
                idle_s=None,
                in_flight=client.conversation.in_flight,
            )
            for client in self._clients.values()
        ]

    def end(self, session_id: str) -> bool:
        """An operator ends a stream; ``False``: there is none of that id."""
        for key, client in self._clients.items():
            if client.conversation.id == session_id:
                del self._clients[key]
                client.end()
                client.conversation.lost()
                return True
        return False
