"""The least that each layer below costs: servers that do nothing but answer.

    python -m bench.floors twisted|llhttp|echo PORT

``twisted``: a resource of ``twisted.web`` that gives a fixed JSON answer; ``llhttp``: the same
from a Twisted protocol that parses with ``httptools``; ``echo``: an autobahn WebSocket that sends
back what it gets. All on the reactor that the product runs on.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import httptools
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

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


class _Echo(WebSocketServerProtocol):
    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Send it back."""
        self.sendMessage(payload, isBinary)  # type: ignore[no-untyped-call]  # no types


def _twisted(_: Any) -> Any:
    return Site(_Answer())  # type: ignore[no-untyped-call]  # no types


def _llhttp(_: Any) -> Any:
    return Factory.forProtocol(_Parsed)


def _echo(reactor: Any) -> Any:
    factory = WebSocketServerFactory(reactor=reactor)
    factory.protocol = _Echo
    return factory


_FLOORS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "twisted": _twisted,
    "llhttp": _llhttp,
    "echo": _echo,
}


def main() -> None:
    """Serve until SIGTERM."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    reactor.listenTCP(int(sys.argv[2]), _FLOORS[sys.argv[1]](reactor), interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main()
