"""A client as behaviours see it: the same on every transport, its era hidden inside."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    LOG_LEVEL_META_KEY,
    PROTOCOL_VERSION_META_KEY,
)
from mcp_types import methods as wire

from tests.behaviour.house import House
from tests.support.messages import STATELESS

__all__ = ["Asked", "Peer"]

INFO: Final = {"name": "peer", "version": "1"}

Message = dict[str, Any]


class Asked:
    """A request of the peer's and what has become of it."""

    def __init__(self, request_id: int | str, method: str) -> None:
        self.id = request_id
        self.method = method
        self.answer: Message | None = None
        self.channel: Any = None
        """What carries the answer, where the transport has one for each request."""

    @property
    def result(self) -> dict[str, Any]:
        """The result; fails when there is none."""
        assert self.answer is not None, f"{self.method} was not answered"
        assert "result" in self.answer, self.answer
        found: dict[str, Any] = self.answer["result"]
        return found

    @property
    def error(self) -> dict[str, Any]:
        """The error; fails when there is none."""
        assert self.answer is not None, f"{self.method} was not answered"
        assert "error" in self.answer, self.answer
        found: dict[str, Any] = self.answer["error"]
        return found

    @property
    def text(self) -> str:
        """The text of a tool's answer."""
        found: str = self.result["content"][0]["text"]
        return found


class Peer(ABC):
    """One client. Everything happens within the call that causes it, or in ``settle``."""

    def __init__(self, house: House, version: str, capabilities: dict[str, Any]) -> None:
        self.house = house
        self.version = version
        self.stateless = version == STATELESS
        self.capabilities = capabilities
        self.seen: list[Message] = []
        """Every message that came, in order."""
        self.told: list[Message] = []
        """Notifications among them."""
        self.questions: list[Message] = []
        """Requests of the server that have not been answered."""
        self.nameless: list[Message] = []
        """Errors without an id."""
        self.greeting: dict[str, Any] = {}
        self._asked: list[Asked] = []
        self._level: str | None = None
        self._next = 0

    def open(self) -> None:
        """Get ready to ask: a handshake, where the era has one."""
        self.connect()
        if self.stateless:
            return
        params = {
            "protocolVersion": self.version,
            "capabilities": self.capabilities,
            "clientInfo": INFO,
        }
        self.greeting = self.ask("initialize", params).result
        self.notify("notifications/initialized")

    def ask(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        request_id: int | str | None = None,
    ) -> Asked:
        """Send a request; its answer may be there at once or come later."""
        if request_id is None:
            self._next += 1
            request_id = self._next
        asked = Asked(request_id, method)
        self._asked.append(asked)
        self.send({"jsonrpc": "2.0", "id": request_id, **self._body(method, params)}, asked)
        self.settle()
        return asked

    def call(self, name: str, *, token: str | None = None, **arguments: Any) -> Asked:
        """Call a tool, with a progress token if one is given."""
        params: dict[str, Any] = {"name": name, "arguments": arguments}
        if token is not None:
            params["_meta"] = {"progressToken": token}
        return self.ask("tools/call", params)

    def converse(self, name: str, reply: Callable[[Message], dict[str, Any]]) -> Asked:
        """Call a tool and answer what it asks, the way of the era."""
        params: dict[str, Any] = {"name": name, "arguments": {}}
        asked = self.ask("tools/call", params)
        for _ in range(5):
            if self.stateless:
                if asked.answer is None or "inputRequests" not in asked.answer.get("result", {}):
                    break
                result = asked.result
                responses = {key: reply(each) for key, each in result["inputRequests"].items()}
                more = {"inputResponses": responses, "requestState": result["requestState"]}
                asked = self.ask("tools/call", {**params, **more})
            elif self.questions:
                question = self.questions.pop(0)
                self.respond({"id": question["id"], "result": reply(question)})
            else:
                break
        return asked

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", **self._body(method, params)}, None)
        self.settle()

    def respond(self, response: Message) -> None:
        """Answer a question of the server."""
        self.send({"jsonrpc": "2.0", **response}, None)
        self.settle()

    def cancel(self, request_id: object) -> None:
        """Take a request back by notification."""
        self.notify("notifications/cancelled", {"requestId": request_id, "reason": "enough"})

    def set_level(self, level: str) -> None:
        """Want log messages from this level on."""
        if self.stateless:
            self._level = level
        else:
            assert self.ask("logging/setLevel", {"level": level}).result == {}

    def listen(self, *uris: str, **lists: bool) -> Asked | None:
        """Want to hear of changes: of lists and of resources."""
        if self.stateless:
            wanted: dict[str, Any] = {f"{name}ListChanged": True for name in lists}
            if uris:
                wanted["resourceSubscriptions"] = list(uris)
            return self.ask("subscriptions/listen", {"notifications": wanted})
        for uri in uris:
            assert self.ask("resources/subscribe", {"uri": uri}).result == {}
        self.open_stream()
        return None

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.house.clock.advance(seconds)
        self.settle()

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """Notifications so far as method and params without ``_meta``; the list starts anew."""
        told, self.told[:] = list(self.told), []
        return [
            (
                each["method"].removeprefix("notifications/"),
                {key: value for key, value in each["params"].items() if key != "_meta"},
            )
            for each in told
        ]

    # What a transport does its own way.

    @abstractmethod
    def connect(self) -> None:
        """Prepare to send; nothing is said yet."""

    @abstractmethod
    def send(self, message: Message, asked: Asked | None) -> None:
        """Send one message; ``asked`` is set for requests."""

    @abstractmethod
    def send_bytes(self, data: bytes) -> None:
        """Send bytes where a message belongs."""

    @abstractmethod
    def settle(self) -> None:
        """Take what has come."""

    @abstractmethod
    def leave(self, asked: Asked) -> None:
        """Go away while a request runs: its response is closed, or the whole connection."""

    @abstractmethod
    def close(self) -> None:
        """Go away for good."""

    @abstractmethod
    def open_stream(self) -> None:
        """Handshake era: open the channel for what belongs to no request, where it is extra."""

    def end_session(self) -> None:
        """Handshake era over HTTP: end the session."""
        raise NotImplementedError

    def take(self, message: Message, asked: Asked | None = None) -> None:
        """A message has come; ``asked`` when its channel says which request it belongs to."""
        self.seen.append(message)
        assert message["jsonrpc"] == "2.0"
        if "method" in message:
            (self.questions if "id" in message else self.told).append(message)
            return
        if "id" not in message:
            self.nameless.append(message)
            return
        owner = asked or self._owner(message["id"])
        assert owner.id == message["id"]
        assert type(owner.id) is type(message["id"])
        assert owner.answer is None, "answered twice"
        owner.answer = message
        if "result" in message and message["result"].get("resultType") != "task":
            self._check(owner.method, message["result"])

    def _check(self, method: str, result: dict[str, Any]) -> None:
        """Every result that comes anywhere has the shape of its revision."""
        if not method.startswith("tasks/"):
            wire.validate_server_result(method, self.version, result)

    def _owner(self, request_id: int | str) -> Asked:
        # Of two with one id the later is refused at once, so that it is answered first.
        for asked in reversed(self._asked):
            if asked.id == request_id and asked.answer is None:
                return asked
        raise AssertionError(f"an answer to nothing: {request_id}")

    def _body(self, method: str, params: dict[str, Any] | None) -> Message:
        if not self.stateless:
            return {"method": method} if params is None else {"method": method, "params": params}
        meta: dict[str, Any] = {
            PROTOCOL_VERSION_META_KEY: self.version,
            CLIENT_CAPABILITIES_META_KEY: self.capabilities,
            CLIENT_INFO_META_KEY: INFO,
        }
        if self._level is not None:
            meta[LOG_LEVEL_META_KEY] = self._level
        params = params or {}
        meta |= params.get("_meta", {})
        return {"method": method, "params": {**params, "_meta": meta}}
