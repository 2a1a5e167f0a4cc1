"""The way to an account: which proxy stands in it, and how it is asked to open a tunnel."""

# mypy: allow-untyped-calls

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport

from snowflake_mcp.warehouse import tunnel
from snowflake_mcp.warehouse.tunnel import Proxy, Ways, proxy_for

HOST = "xy1.snowflakecomputing.com"
VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy in the environment but that of the test."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_a_word_there_is_no_proxy() -> None:
    """Neither the connection nor the environment names one."""
    assert proxy_for(HOST, {"account": "xy1"}) is None


def test_the_connections_own_proxy_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says of it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://other:1")
    monkeypatch.setenv("NO_PROXY", "*")
    named = {"proxy_host": "p", "proxy_port": "3128", "proxy_user": "u", "proxy_password": "s:1"}
    assert proxy_for(HOST, named) == Proxy("p", 3128, "u:s:1")
    assert proxy_for(HOST, {"proxy_host": "p"}) == Proxy("p", 80)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://u%40x:p%3A@proxy.example:3128", Proxy("proxy.example", 3128, "u@x:p:")),
        ("proxy.example:8080", Proxy("proxy.example", 8080)),
        ("http://proxy.example", Proxy("proxy.example", 80)),
        ("http://", None),
    ],
)
def test_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch, url: str, wanted: Proxy | None
) -> None:
    """In the forms that other programs take."""
    monkeypatch.setenv("HTTPS_PROXY", url)
    assert proxy_for(HOST, {}) == wanted


@pytest.mark.parametrize(
    ("exceptions", "passes"),
    [
        ("*", True),
        (HOST.upper(), True),
        (".snowflakecomputing.com", True),
        ("other.example, snowflakecomputing.com", True),
        ("*.snowflakecomputing.com", True),
        ("computing.com", False),
        ("", False),
    ],
)
def test_exceptions_are_kept(
    monkeypatch: pytest.MonkeyPatch, exceptions: str, passes: bool
) -> None:
    """A host, a domain, or all."""
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert (proxy_for(HOST, {}) is None) is passes


def test_a_proxy_does_not_show_its_password() -> None:
    """Where it is printed."""
    assert "secret" not in repr(Proxy("p", 1, "u:secret"))


class Wanted(Protocol):
    """What is behind the proxy."""

    def __init__(self) -> None:
        self.got = b""
        self.lost = False

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


class Opening:
    """A tunnel that is being opened; the proxy's side is a string."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy_side = StringTransport()
        wanted = Factory.forProtocol(Wanted)
        made = tunnel._Tunnel(MemoryReactorClock(), proxy, HOST, 443)
        made._proxy = SimpleNamespace(connect=self._connect)  # type: ignore[assignment]  # a stand-in
        self.connected: Any = None
        self.failed: Any = None
        self.opened = made.connect(wanted)
        self.opened.addCallbacks(
            lambda protocol: setattr(self, "connected", protocol),
            lambda reason: setattr(self, "failed", reason.value),
        )

    @property
    def is_connected(self) -> bool:
        """Whether what is behind it has the connection."""
        return self.connected is not None

    def _connect(self, factory: Any) -> Any:
        from twisted.internet.defer import succeed

        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.proxy_side)
        return succeed(self.protocol)


def test_a_tunnel_is_asked_for_and_used() -> None:
    """What is behind the proxy has the connection from then on, its first bytes included."""
    opening = Opening(Proxy("p", 1, "u:s"))
    asked = opening.proxy_side.value().decode()
    assert asked.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n")
    assert "Proxy-Authorization: Basic dTpz\r\n" in asked
    opening.proxy_side.clear()
    opening.protocol.dataReceived(b"HTTP/1.1 200 Conn")
    assert not opening.is_connected
    opening.protocol.dataReceived(b"ection established\r\nX: y\r\n\r\nfirst")
    assert opening.connected.got == b"first"
    assert opening.proxy_side.value() == b"hello"
    opening.protocol.dataReceived(b" and more")
    assert opening.connected.got == b"first and more"
    opening.protocol.connectionLost()
    assert opening.connected.lost


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 407 No\r\n\r\n", "407"),
        (b"\r\n\r\n", "nothing"),
        (b"x" * 20_000, "too long"),
    ],
)
def test_a_proxy_that_refuses_is_told(answer: bytes, said: str) -> None:
    """And the connection to it is closed."""
    opening = Opening(Proxy("p", 1))
    opening.protocol.dataReceived(answer)
    assert said in str(opening.failed)
    assert opening.proxy_side.disconnecting


def test_a_proxy_that_goes_is_told() -> None:
    """Before it has said a word."""
    opening = Opening(Proxy("p", 1))
    opening.protocol.connectionLost()
    assert opening.failed is not None


def test_nobody_waits_any_more() -> None:
    """The connection to the proxy is cut."""
    opening = Opening(Proxy("p", 1))
    opening.opened.cancel()
    assert opening.proxy_side.disconnecting or opening.proxy_side.disconnected


def test_certificates_are_checked_on_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a proxy and without; only what has no TLS at all goes without."""
    ways = Ways(MemoryReactorClock(), {})
    secure, plain = (
        SimpleNamespace(scheme=scheme, host=HOST.encode(), port=443)
        for scheme in (b"https", b"http")
    )
    straight = ways.endpointForURI(secure)
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
    through = ways.endpointForURI(secure)
    assert type(straight) is type(through)
    assert "TLS" in type(straight).__name__ or "Wrapper" in type(straight).__name__
    assert type(ways.endpointForURI(plain)).__name__ == "HostnameEndpoint"
