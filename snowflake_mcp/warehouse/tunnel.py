"""The way to an account: straight, or through the proxy that the connector would take."""

# mypy: allow-untyped-calls

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

__all__ = ["Proxy", "Ways", "proxy_for"]

_CONNECT_S: Final = 10.0
_MOST_REPLY_BYTES: Final = 16 << 10
_PROXY_PORT: Final = 80


class ProxyRefusedError(Exception):
    """The proxy answered, and opened no way; its text has the status."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that opens tunnels."""

    host: str
    port: int
    credentials: str = ""
    """``user:password``; never for logs."""

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


def proxy_for(host: str, parameters: Mapping[str, object]) -> Proxy | None:
    """The proxy on the way to a host: the connection's own, else the environment's."""
    named = parameters.get("proxy_host")
    if named:
        user, password = parameters.get("proxy_user"), parameters.get("proxy_password")
        port = int(str(parameters.get("proxy_port") or _PROXY_PORT))
        return Proxy(str(named), port, f"{user}:{password or ''}" if user else "")
    known = getproxies_environment()
    url = known.get("https") or known.get("all")
    if not url or _bypassed(host, known.get("no", "")):
        return None
    place = urlsplit(url if "//" in url else f"//{url}")
    if not place.hostname:
        return None
    user, password = (unquote(part or "") for part in (place.username, place.password))
    return Proxy(place.hostname, place.port or _PROXY_PORT, f"{user}:{password}" if user else "")


def _bypassed(host: str, exceptions: str) -> bool:
    """Whether ``NO_PROXY`` names the host: itself, a domain that it is in, or ``*``."""
    names = [name.strip().lower().lstrip("*").lstrip(".") for name in exceptions.split(",")]
    return exceptions.strip() == "*" or any(
        name and (host.lower() == name or host.lower().endswith(f".{name}")) for name in names
    )


@implementer(IAgentEndpointFactory)
class Ways:
    """Endpoints for ``twisted.web.client.Agent``; certificates and names are always checked.

    The host's trust counts; ``SSL_CERT_FILE`` names another.
    """

    def __init__(self, reactor: Any, parameters: Mapping[str, object]) -> None:
        self._reactor = reactor
        self._parameters = parameters

    def endpointForURI(self, uri: Any) -> Any:
        """The endpoint for what ``uri`` names."""
        host = uri.host.decode("ascii")
        if uri.scheme != b"https":
            # The embedded endpoint and tests: on this host, where no proxy stands between.
            return HostnameEndpoint(self._reactor, host, uri.port, timeout=_CONNECT_S)
        proxy = proxy_for(host, self._parameters)
        way: Any = (
            HostnameEndpoint(self._reactor, host, uri.port, timeout=_CONNECT_S)
            if proxy is None
            else _Tunnel(self._reactor, proxy, host, uri.port)
        )
        return wrapClientTLS(optionsForClientTLS(host), way)


@implementer(IStreamClientEndpoint)
class _Tunnel:
    """Connects through a proxy (RFC 9110, section 9.3.6)."""

    def __init__(self, reactor: Any, proxy: Proxy, host: str, port: int) -> None:
        self._proxy = HostnameEndpoint(reactor, proxy.host, proxy.port, timeout=_CONNECT_S)
        target = f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if proxy.credentials:
            proof = base64.b64encode(proxy.credentials.encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {proof}")
        self._request = "\r\n".join([*lines, "", ""]).encode("ascii")

    def connect(self, factory: Any) -> Any:
        """The protocol that ``factory`` makes, connected to what is behind the proxy."""
        opening = _Opening(self._request, factory)
        going = self._proxy.connect(Factory.forProtocol(lambda: opening))
        opening.opened = Deferred(lambda _: opening.abandon(going))
        going.addErrback(opening.failed)
        return opening.opened


class _Opening(Protocol):
    """Asks the proxy for a way; from its answer on it hands everything to the real protocol."""

    transport: Any

    def __init__(self, request: bytes, factory: Any) -> None:
        self.opened: Deferred[Any] = Deferred()
        self._request = request
        self._wanted = factory
        self._inner: Any = None
        self._head = b""

    def connectionMade(self) -> None:
        """Ask."""
        self.transport.write(self._request)

    def abandon(self, going: "Deferred[Any]") -> None:
        """Nobody waits any more."""
        going.cancel()
        if self.transport is not None:
            self.transport.abortConnection()

    def failed(self, reason: Failure) -> None:
        """There is no way, to the proxy or through it."""
        if not self.opened.called:
            self.opened.errback(reason)

    def dataReceived(self, data: bytes) -> None:
        """The proxy's answer, then what is behind it."""
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        self._head += data
        head, ended, rest = self._head.partition(b"\r\n\r\n")
        if not ended:
            if len(self._head) > _MOST_REPLY_BYTES:
                self._refuse("the proxy's answer is too long")
            return
        status = head.split(b"\r\n", 1)[0].split(b" ")[1:2]
        if not status or not status[0].startswith(b"2"):
            shown = status[0][:3].decode("ascii", "replace") if status else "nothing"
            self._refuse(f"the proxy answers {shown}")
            return
        self._inner = self._wanted.buildProtocol(self.transport.getPeer())
        self._inner.makeConnection(self.transport)
        if not self.opened.called:
            self.opened.callback(self._inner)
        if rest:
            self._inner.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The way is closed."""
        if self._inner is not None:
            self._inner.connectionLost(reason)
        else:
            self.failed(reason)

    def _refuse(self, why: str) -> None:
        self.failed(Failure(ProxyRefusedError(why)))
        self.transport.loseConnection()
