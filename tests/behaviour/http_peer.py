"""A client of Streamable HTTP: a connection for each message, JSON or event streams."""

import json
from typing import Any

from tests.behaviour.house import House
from tests.behaviour.memory_peer import NAMED
from tests.behaviour.peer import Asked, Peer
from tests.support.wire import HttpAnswer, Wire, connect, http_request

__all__ = ["HttpPeer"]

EVENT_STREAM = "text/event-stream"


class _Response:
    """One response while it comes in."""

    def __init__(self, wire: Wire, asked: Asked | None) -> None:
        self.wire = wire
        self.asked = asked
        self.messages = 0
        self.over = False


class HttpPeer(Peer):
    """Posts messages, reads answers of either form, and a session's own stream."""

    def __init__(
        self, house: House, version: str, capabilities: dict[str, Any], *, streams: bool
    ) -> None:
        super().__init__(house, version, capabilities)
        self._streams = streams
        self._session: str | None = None
        self._responses: list[_Response] = []
        self.statuses: list[int] = []
        """Status of each response, as their heads came."""

    def connect(self) -> None:
        """Each message has a connection of its own."""

    def send(self, message: dict[str, Any], asked: Asked | None) -> None:
        """Post one message."""
        headers = {}
        method = message.get("method", "")
        if self.stateless and method:
            headers["Mcp-Method"] = method
            named = message["params"].get(NAMED.get(method, ""))
            if isinstance(named, str):
                headers["Mcp-Name"] = named
        self._post(json.dumps(message).encode(), headers, asked)

    def send_bytes(self, data: bytes) -> None:
        """Post a body of any bytes."""
        self._post(data, {"Mcp-Method": "tools/list"} if self.stateless else {}, None)

    def _post(self, body: bytes, more: dict[str, str], asked: Asked | None) -> None:
        headers = {
            **self.headers(),
            "Content-Type": "application/json",
            "Accept": f"application/json, {EVENT_STREAM}",
            **more,
        }
        self._request(http_request("POST", "/mcp", body, headers=headers), asked)

    def headers(self) -> dict[str, str]:
        """The headers of the peer's era, and of its session."""
        headers = {}
        if self.stateless or self._session is not None:
            headers["MCP-Protocol-Version"] = self.version
        if self._session is not None:
            headers["Mcp-Session-Id"] = self._session
        return headers

    def _request(self, data: bytes, asked: Asked | None) -> None:
        wire = connect(self.house.front.site, self.house.clock)
        response = _Response(wire, asked)
        if asked is not None:
            asked.channel = response
        self._responses.append(response)
        wire.send(data)
        self.settle()

    def settle(self) -> None:
        """Read on in every response that is open."""
        if self._streams:
            # A timer of no length still needs the clock to turn.
            self.house.clock.advance(0)
        for response in self._responses:
            if not response.over:
                response.wire.flush()
                if response.wire.unread:
                    self._read(response, response.wire.answer())
        self._responses = [each for each in self._responses if not each.wire.client.lost]

    def _read(self, response: _Response, answer: HttpAnswer) -> None:
        if response.messages == 0 and answer.complete:
            self.statuses.append(answer.status)
        if answer.header("Content-Type") == EVENT_STREAM:
            for message in answer.events()[response.messages :]:
                response.messages += 1
                self.take(message, response.asked if "method" not in message else None)
        elif answer.complete and answer.body:
            response.messages += 1
            self._session = answer.header("Mcp-Session-Id") or self._session
            message = answer.json()
            self._check_form(message, response)
            self.take(message, response.asked if "id" in message else None)
        if answer.complete:
            response.over = True
            response.wire.close()

    def _check_form(self, message: dict[str, Any], response: _Response) -> None:
        """A plain body came: right for errors and sessions, and where nothing asks for streams."""
        opens = response.asked is not None and response.asked.method == "initialize"
        assert "error" in message or opens or not self._streams

    def open_stream(self) -> None:
        """GET the session's own stream."""
        headers = {**self.headers(), "Accept": EVENT_STREAM}
        self._request(http_request("GET", "/mcp", headers=headers), None)

    def end_session(self) -> None:
        """DELETE the session."""
        self._request(http_request("DELETE", "/mcp", headers=self.headers()), None)

    def leave(self, asked: Asked) -> None:
        """Close the response of one request."""
        asked.channel.wire.close()
        asked.channel.over = True

    def close(self) -> None:
        """Close every connection."""
        for response in self._responses:
            response.wire.close()
