"""A client that talks to the kernel itself, with no transport in between."""

import json
from typing import Any

from snowflake_mcp.protocol.calls import Call, Reply
from snowflake_mcp.protocol.envelope import RoutingHeaders
from snowflake_mcp.protocol.errors import McpError
from snowflake_mcp.protocol.jsonrpc import (
    MalformedMessageError,
    Notification,
    Request,
    encode_error,
    parse,
)
from snowflake_mcp.protocol.pieces import Body
from snowflake_mcp.protocol.principal import LOCAL
from tests.behaviour.peer import Asked, Peer

__all__ = ["NAMED", "MemoryPeer"]

NAMED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}


class MemoryPeer(Peer):
    """Admission and kernel by plain calls, as the HTTP endpoint makes them."""

    session: str | None = None
    _closed = False

    def connect(self) -> None:
        """There is nothing to connect to."""

    def send(self, message: dict[str, Any], asked: Asked | None) -> None:
        """Send one message."""
        method, params = message.get("method"), message.get("params") or {}
        named = params.get(NAMED.get(method or "", ""))
        headers = RoutingHeaders(
            self.version,
            method if self.stateless else None,
            named if self.stateless and isinstance(named, str) else None,
            self.session,
        )
        self._deliver(json.dumps(message).encode(), headers, asked)

    def send_bytes(self, data: bytes) -> None:
        """Send bytes where a message belongs."""
        self._deliver(data, RoutingHeaders(self.version, session=self.session), None)

    def _deliver(self, data: bytes, headers: RoutingHeaders, asked: Asked | None) -> None:
        kernel, message = self.house.kernel, None
        try:
            message = parse(data)
            facts = self.house.admission.admit(message, headers, LOCAL)
            if isinstance(message, Request):
                call = kernel.start(message, facts, self._hear)
                if asked is not None:
                    asked.channel = call
                call.reply.addCallback(self._replied, asked)
            elif isinstance(message, Notification):
                kernel.notice(message, facts)
            else:
                kernel.respond(message, facts)
        except MalformedMessageError as error:
            self._hear(encode_error(error.request_id, error))
        except McpError as error:
            self._hear(encode_error(message.id if isinstance(message, Request) else None, error))

    def _replied(self, reply: Reply | None, asked: Asked | None) -> None:
        if reply is None:
            return
        if reply.session_id is not None:
            self.session = reply.session_id
        self._hear(reply.body, asked)

    def _hear(self, data: Body, asked: Asked | None = None) -> None:
        if not self._closed:
            self.take(json.loads(bytes(data)), asked)

    def event(self, event_id: str, message: Body) -> None:
        """The session's own channel says something."""
        self._hear(message)

    def end(self) -> None:
        """The session's own channel has ended."""

    def open_stream(self) -> None:
        """Hear the session's own channel."""
        headers = RoutingHeaders(self.version, session=self.session)
        session_id = self.house.admission.session(headers, LOCAL).session_id
        assert session_id is not None
        self.house.kernel.live_sessions.get(session_id, LOCAL, "").streams.standalone.attach(self)

    def settle(self) -> None:
        """Nothing is on its way: everything was a plain call."""

    def leave(self, asked: Asked) -> None:
        """The transport finds the client gone."""
        call: Call[Reply | None] = asked.channel
        if not call.reply.called:
            # With its answer a request leaves its transport, also where work goes on as a task.
            call.cancel("disconnect")

    def end_session(self) -> None:
        """End the session."""
        headers = RoutingHeaders(self.version, session=self.session)
        session_id = self.house.admission.session(headers, LOCAL).session_id
        assert session_id is not None
        self.house.kernel.end_session(session_id)

    def close(self) -> None:
        """Whatever runs is found abandoned."""
        self._closed = True
        for asked in self._asked:
            if asked.channel is not None:
                self.leave(asked)
