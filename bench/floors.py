"""Bare servers that answer every request alike: what the layers below ours cost by themselves.

python -m bench.floors twisted|llhttp PORT
"""

# mypy: allow-untyped-calls

import sys
from typing import Any, Final

__all__ = ["main"]

_BODY: Final = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}'
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def _twisted_web() -> Any:
    from twisted.web.resource import Resource
    from twisted.web.server import Site

    class Same(Resource):
        isLeaf = True

        def render_POST(self, request: Any) -> bytes:
            request.setHeader(b"content-type", b"application/json")
            request.content.read()
            return _BODY

    return Site(Same())


def _llhttp() -> Any:
    from httptools import HttpRequestParser
    from twisted.internet.protocol import Factory, Protocol

    whole = _HEAD % len(_BODY) + _BODY

    class Same(Protocol):
        def connectionMade(self) -> None:
            self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]
            self._parser = HttpRequestParser(self)
            self._headers: list[tuple[bytes, bytes]] = []

        def dataReceived(self, data: bytes) -> None:
            self._parser.feed_data(data)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._headers.append((name, value))

        def on_body(self, body: bytes) -> None:
            self._body = body

        def on_message_complete(self) -> None:
            self._headers = []
            self.transport.write(whole)  # type: ignore[union-attr]

    return Factory.forProtocol(Same)


def main(kind: str, port: int) -> None:
    """Serve until SIGTERM."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    factory = {"twisted": _twisted_web, "llhttp": _llhttp}[kind]()
    reactor.listenTCP(port, factory, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
