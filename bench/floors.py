"""The least that each layer below costs: servers that do nothing but answer.

    python -m bench.floors twisted|llhttp|echo PORT
    python -m bench.floors statements PORT ENDPOINT_PORT CONNECTIONS

``twisted``: a resource of ``twisted.web`` that gives a fixed JSON answer; ``llhttp``: the same
from a Twisted protocol that parses with ``httptools``; ``echo``: an autobahn WebSocket that sends
back what it gets; ``statements``: a protocol on ``httptools`` that has what it is asked for done by
the bare connector, in a thread, on as many connections to the embedded endpoint. All on the reactor
that the product runs on.
"""

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import httptools
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThreadPool
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from bench.by_id import by_id
from tests.support.simulator import Endpoint

__all__ = ["ANSWER", "main"]

ANSWER: Final = (
    b'{"jsonrpc":"2.0","id":100000,"result":{"content":[{"type":"text","text":"hello"}]}}'
)


class _Answer(Resource):
    isLeaf = True

    def render_POST(self, request: Request) -> bytes:
        """The answer, whatever was asked."""
        request.setHeader(b"content-type", b"application/json")
        return ANSWER


class _Parsed(Protocol):
    """Answers when llhttp says that a message is complete."""

    _WHOLE = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
        % (len(ANSWER), ANSWER)
    )

    def connectionMade(self) -> None:
        """A parser for each connection."""
        self._parser = httptools.HttpRequestParser(self)

    def dataReceived(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """A request has come whole."""
        if self.transport is not None:
            self.transport.write(self._WHOLE)


class _Statements(Protocol):
    """One statement after the other, each on a connection that nobody else has meanwhile."""

    factory: "_OnConnections"

    def connectionMade(self) -> None:
        """A parser for each connection."""
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def dataReceived(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        """Some of the request."""
        self._body += data

    def on_message_complete(self) -> None:
        """A request has come whole."""
        body, self._body = self._body, b""
        if not body:
            # Somebody only looks whether it listens.
            self._write(ANSWER)
            return
        message = json.loads(body)
        connection, pool = self.factory.free.popleft(), self.factory.reactor.getThreadPool()
        query = message["params"]["arguments"]["query"]
        deferToThreadPool(
            self.factory.reactor, pool, _answered, connection, query, message["id"]
        ).addCallback(self._give, connection)

    def _give(self, body: bytes, connection: Any) -> None:
        self.factory.free.append(connection)
        self._write(body)

    def _write(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        if self.transport is not None:
            self.transport.write(head % len(body) + body)


def _answered(connection: Any, query: str, request_id: int) -> bytes:
    with by_id(connection, query) as cursor:
        rows = cursor.fetchall()
    result = {"structuredContent": {"rows": rows, "row_count": len(rows)}}
    answer = {"jsonrpc": "2.0", "id": request_id, "result": result}
    return json.dumps(answer, separators=(",", ":"), default=str).encode()


class _OnConnections(Factory):
    def __init__(self, reactor: Any, port: int, connections: int) -> None:
        self.protocol = _Statements  # type: ignore[assignment]  # typed as of a bare Factory
        self.reactor = reactor
        reactor.suggestThreadPoolSize(connections)
        endpoint = Endpoint(port, os.getpid())
        self.free = deque(endpoint.connect() for _ in range(connections))


class _Echo(WebSocketServerProtocol):
    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Send it back."""
        self.sendMessage(payload, isBinary)  # type: ignore[no-untyped-call]  # no types


def _twisted(_: Any) -> Any:
    return Site(_Answer())  # type: ignore[no-untyped-call]  # no types


def _llhttp(_: Any) -> Any:
    return Factory.forProtocol(_Parsed)


def _statements(reactor: Any) -> Any:
    return _OnConnections(reactor, int(sys.argv[3]), int(sys.argv[4]))


def _echo(reactor: Any) -> Any:
    factory = WebSocketServerFactory(reactor=reactor)
    factory.protocol = _Echo
    return factory


_FLOORS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "twisted": _twisted,
    "llhttp": _llhttp,
    "echo": _echo,
    "statements": _statements,
}


def main() -> None:
    """Serve until SIGTERM."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    reactor.listenTCP(int(sys.argv[2]), _FLOORS[sys.argv[1]](reactor), interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main()
