"""Requests over TLS: to whom they go, straight and through a proxy that opens tunnels."""

# mypy: allow-untyped-decorators, allow-untyped-calls

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from cryptography import x509
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.protocols.portforward import ProxyFactory, ProxyServer

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.warehouse.cortex import Inquiry
from snowflake_mcp.warehouse.rest import Response
from tests.support.certificates import Authority
from tests.support.cortex import FakeSessions, Reply, Script, cortex_over

REACTOR: Any = reactor
TRUST = "SSL_CERT_FILE"


class Opener(ProxyServer):
    """A proxy that opens a tunnel to one place, whatever is asked for."""

    factory: Any

    def connectionMade(self) -> None:
        self.asked = b""

    def dataReceived(self, data: bytes) -> None:
        if self.peer is not None:
            super().dataReceived(data)
            return
        self.asked += data
        if self.asked.endswith(b"\r\n\r\n"):
            self.factory.asked.append(self.asked)
            self.transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
            super().connectionMade()


class Tunnels(ProxyFactory):
    """What the proxy was asked for."""

    protocol = Opener

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.asked: list[bytes] = []


class House:
    """An endpoint with a certificate, a proxy before it, and what asks."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.script = Script()
        self.script.replies = [Reply(body=b'{"a":1}')]
        self.ports: list[Any] = []
        self.url = self.listen("server")
        self.proxy = Tunnels("127.0.0.1", int(self.url.rpartition(":")[2]))
        through = REACTOR.listenTCP(0, self.proxy, interface="127.0.0.1")
        self.through = through.getHost().port
        self.ports.append(through)

    def listen(self, stem: str, names: tuple[x509.GeneralName, ...] = ()) -> str:
        """Serve with a certificate for these names, else for localhost; where."""
        issued = self.authority.issue(stem, alternatives=names)
        context = DefaultOpenSSLContextFactory(str(issued.key), str(issued.certificate))
        port = REACTOR.listenSSL(0, self.script.site, context, interface="127.0.0.1")
        self.ports.append(port)
        return f"https://localhost:{port.getHost().port}"

    async def ask(self, url: str = "", **parameters: Any) -> Response:
        """Ask once."""
        sessions = FakeSessions(url or self.url, parameters)
        cortex, _ = cortex_over(REACTOR, sessions)
        try:
            question = Inquiry(LOCAL, "search", "/x", {}, 5.0, 1_000, again=False)
            return await cortex.ask(question, lambda response: response)
        finally:
            await cortex.stop(1.0)


@pytest_twisted.async_yield_fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """One whose authority is trusted."""
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = House(tmp_path)
    monkeypatch.setenv(TRUST, str(made.authority.certificate))
    yield made
    for port in made.ports:
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_a_host_that_shows_who_it_is_is_asked(house: House) -> None:
    """Its authority is trusted and the name is its own."""
    assert (await house.ask()).body == b'{"a":1}'


@pytest_twisted.ensureDeferred
async def test_another_authority_is_not_trusted(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The token is not sent."""
    other = Authority(tmp_path, "Another")
    monkeypatch.setenv(TRUST, str(other.certificate))
    with pytest.raises(ToolFailure, match="certificate is not trusted") as told:
        await house.ask()
    assert told.value.family is Family.UNAVAILABLE
    assert not house.script.asked


@pytest_twisted.ensureDeferred
async def test_another_name_is_not_trusted(house: House) -> None:
    """Although its authority is."""
    names = (x509.DNSName("other.example"),)
    with pytest.raises(ToolFailure, match="certificate is not trusted"):
        await house.ask(house.listen("odd", names))
    assert not house.script.asked


@pytest_twisted.ensureDeferred
async def test_a_proxy_opens_the_way(house: House) -> None:
    """The certificate behind it is checked, and the proxy does not see the token."""
    answer = await house.ask(proxy_host="127.0.0.1", proxy_port=house.through)
    assert answer.body == b'{"a":1}'
    (asked,) = house.proxy.asked
    assert asked.startswith(b"CONNECT localhost:")
    assert b"token" not in asked


class _Silent(Protocol):
    """Closes at once."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


@pytest_twisted.ensureDeferred
async def test_a_proxy_that_closes_is_told(house: House) -> None:
    """As a host that cannot be reached."""
    port = REACTOR.listenTCP(0, Factory.forProtocol(_Silent), interface="127.0.0.1")
    house.ports.append(port)
    with pytest.raises(ToolFailure, match="cannot be reached"):
        await house.ask(proxy_host="127.0.0.1", proxy_port=port.getHost().port)
