"""TLS of our own: real handshakes over loopback, client certificates, a certificate renewed."""

# mypy: allow-untyped-decorators, allow-untyped-calls

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest
import pytest_twisted
from cryptography import x509
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import (
    Certificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.internet.task import Clock, deferLater
from twisted.logger import LogEvent
from zope.interface import implementer

from snowflake_mcp.config.model import TlsSettings
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.services import CertificateWatch
from snowflake_mcp.transports.channel import LINGER_S
from snowflake_mcp.transports.exchange import Exchange
from snowflake_mcp.transports.listen import Listener, ListenError
from snowflake_mcp.transports.tls import Certificates, certificates, name_of
from tests.support.certificates import Authority, Files
from tests.support.messages import JSON_HEADERS
from tests.support.wire import connect, encode_frame, http_request, parse_frame
from tests.unit.transports.stand import Stand, modern

NOW = 1_800_000_000.0
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    "Sec-WebSocket-Version": "13",
}


class Client(Protocol):
    """Sends, reads, and knows how it ended."""

    def __init__(self) -> None:
        self.received = b""
        self.ended: Deferred[str] = Deferred()

    def send(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.ended.callback(str(reason))

    async def until(self, seen: Callable[[bytes], object]) -> None:
        for _ in range(500):
            if seen(self.received):
                return
            await deferLater(reactor, 0.01)
        raise AssertionError(f"not seen in {self.received!r}")


@implementer(IOpenSSLClientConnectionCreator)
class Showing:
    """A client with a certificate; Twisted's own options use what pyOpenSSL has deprecated."""

    def __init__(self, root: Path, shown: Files) -> None:
        self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self._context.load_verify_locations(str(root))
        self._context.set_verify(SSL.VERIFY_PEER)
        self._context.use_certificate_file(str(shown.certificate))
        self._context.use_privatekey_file(str(shown.key))

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        return SSL.Connection(self._context, None)


class House:
    """A server on loopback that speaks TLS, and clients that trust its authority."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.authority = Authority(folder)
        self.files = self.authority.issue("server")
        if settings.pop("asks", False):
            settings["client_ca_file"] = str(self.authority.certificate)
        self.certificates = Certificates(settings_of(self.files, **settings), lambda: NOW)
        self.names: list[str | None] = []
        self.schemes: list[str] = []
        self.stand = Stand(clock=reactor, identify=self._identify)
        self._listener = Listener(
            reactor, self.stand.front.site, ["tcp:0:interface=127.0.0.1"], self.certificates
        )

    def _identify(self, exchange: Exchange) -> Principal:
        self.names.append(exchange.certificate_name)
        self.schemes.append(exchange.scheme)
        return LOCAL

    async def __aenter__(self) -> Self:
        self._listener.startService()
        return self

    async def __aexit__(self, *_: object) -> None:
        for _turn in range(500):
            if not self.stand.front.site.channels:
                break
            await deferLater(reactor, 0.01)
        await self._listener.stopService()
        assert not self.stand.front.site.channels

    async def client(self, shown: Files | None = None, trusts: Path | None = None) -> Client:
        root = Certificate.loadPEM((trusts or self.authority.certificate).read_bytes())
        options: Any = optionsForClientTLS("localhost", trustRootFromCertificates([root]))
        if shown is not None:
            options = Showing(self.authority.certificate, shown)
        address: Any = self._listener.addresses()[0]
        endpoint = wrapClientTLS(options, TCP4ClientEndpoint(reactor, "127.0.0.1", address.port))
        client = Client()
        await connectProtocol(endpoint, client)
        return client


def settings_of(files: Files, **more: Any) -> TlsSettings:
    return TlsSettings(certificate_file=str(files.certificate), key_file=str(files.key), **more)


def health(close: bool = True) -> bytes:
    return http_request("GET", "/status", extra=("Connection: close",) if close else ())


@pytest_twisted.ensureDeferred
async def test_it_speaks_http_through_tls(tmp_path: Path) -> None:
    """The certificate fits, the answer is whole, and the server knows how it was reached."""
    async with House(tmp_path) as house:
        client = await house.client()
        client.send(health())
        assert "cleanly" in await client.ended.addTimeout(5, reactor)
        assert client.received.startswith(b"HTTP/1.1 200 ")
        assert house.schemes == ["https"]
        assert house.names == [None]


@pytest_twisted.ensureDeferred
async def test_it_speaks_websocket_through_tls(tmp_path: Path) -> None:
    """Messages in both directions after the upgrade, and a close that both sides know of."""
    async with House(tmp_path) as house:
        client = await house.client()
        client.send(http_request("GET", "/mcp", headers=UPGRADE))
        await client.until(lambda received: b"\r\n\r\n" in received)
        assert client.received.startswith(b"HTTP/1.1 101 ")
        message = modern("tools/call", {"name": "echo", "arguments": {"a": 1}})
        client.send(encode_frame(1, json.dumps(message).encode()))
        await client.until(lambda received: parse_frame(received.partition(b"\r\n\r\n")[2]))
        parsed = parse_frame(client.received.partition(b"\r\n\r\n")[2])
        assert parsed is not None
        assert parsed[0].json()["result"]["structuredContent"] == {"arguments": {"a": 1}}
        client.send(encode_frame(8, b"\x03\xe8"))
        await client.ended.addTimeout(5, reactor)


@pytest_twisted.ensureDeferred
async def test_a_refused_client_can_read_why(tmp_path: Path) -> None:
    """Through TLS, too, although it sends on."""
    async with House(tmp_path) as house:
        client = await house.client()
        headers = {**JSON_HEADERS, "Content-Length": str(8 << 20)}
        client.send(http_request("POST", "/mcp", headers=headers) + b"x" * (1 << 20))
        await client.ended.addTimeout(5, reactor)
        assert client.received.startswith(b"HTTP/1.1 413 ")
        assert client.received.endswith(b"}")


@pytest_twisted.ensureDeferred
async def test_a_client_must_show_a_certificate_where_that_is_required(tmp_path: Path) -> None:
    """With one it has a name; without one, or with a stranger's, it is not heard."""
    (tmp_path / "other").mkdir()
    async with House(tmp_path, asks=True) as house:
        client = await house.client(house.authority.issue("alice", common_name="alice"))
        client.send(health())
        await client.ended.addTimeout(5, reactor)
        assert client.received.startswith(b"HTTP/1.1 200 ")
        assert house.names == ["alice"]
        stranger = Authority(tmp_path / "other", "Another Authority").issue("alice")
        expired = house.authority.issue("late", common_name="alice", days=-1.0)
        for shown in (None, stranger, expired):
            client = await house.client(shown)
            client.send(health())
            await client.ended.addTimeout(5, reactor)
            assert client.received == b""
        assert house.names == ["alice"]


@pytest_twisted.ensureDeferred
async def test_a_certificate_may_be_optional(tmp_path: Path) -> None:
    """Who shows none has no name; who shows a wrong one is refused all the same."""
    (tmp_path / "other").mkdir()
    async with House(tmp_path, asks=True, client_certificate="optional") as house:
        for shown in (None, house.authority.issue("bob", common_name="bob")):
            client = await house.client(shown)
            client.send(health())
            await client.ended.addTimeout(5, reactor)
            assert client.received.startswith(b"HTTP/1.1 200 ")
        assert house.names == [None, "bob"]
        client = await house.client(Authority(tmp_path / "other", "Another").issue("bob"))
        client.send(health())
        await client.ended.addTimeout(5, reactor)
        assert client.received == b""


@pytest_twisted.ensureDeferred
async def test_a_renewed_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    """The open ones go on; a file that cannot be used changes nothing."""
    async with House(tmp_path) as house:
        before = await house.client()
        before.send(health(close=False))
        await before.until(lambda received: received.count(b"HTTP/1.1 200 ") == 1)
        (tmp_path / "new").mkdir()
        successor = Authority(tmp_path / "new", "Successor")
        renewed = successor.issue("server")
        house.files.certificate.write_bytes(b"half a file")
        assert not house.certificates.load()
        house.files.certificate.write_bytes(renewed.certificate.read_bytes())
        assert not house.certificates.load()
        house.files.key.write_bytes(renewed.key.read_bytes())
        assert house.certificates.load()
        after = await house.client(trusts=successor.certificate)
        for client in (before, after):
            client.send(health())
            await client.ended.addTimeout(5, reactor)
        assert before.received.count(b"HTTP/1.1 200 ") == 2
        assert after.received.startswith(b"HTTP/1.1 200 ")


def test_a_client_that_never_shakes_hands_is_closed(tmp_path: Path) -> None:
    """Bytes that lead nowhere do not keep the connection, however slowly they drip."""
    stand = Stand()
    shown = Certificates(settings_of(Authority(tmp_path).issue("server")), lambda: NOW)
    wire = connect(shown.wrap(stand.front.site, stand.clock), stand.clock)
    # The head of a handshake message that announces 16 KiB more.
    wire.send(b"\x16\x03\x01\x40\x00")
    for _ in range(20):
        wire.send(b"\x01")
        wire.advance(1.0)
    assert wire.client.lost
    assert stand.clock.getDelayedCalls() == []


def test_one_too_many_costs_no_handshake(tmp_path: Path) -> None:
    """The limit of connections holds before TLS begins."""
    stand = Stand(max_connections=1)
    shown = Certificates(settings_of(Authority(tmp_path).issue("server")), lambda: NOW)
    first = stand.connect()
    second = connect(shown.wrap(stand.front.site, stand.clock), stand.clock)
    second.flush()
    assert second.client.lost
    assert second.client.received == b""
    assert first.request("GET", "/health").status == 200
    stand.close()


def test_what_is_no_tls_is_told_in_one_line(tmp_path: Path, events: list[LogEvent]) -> None:
    """Somebody writes http:// where it is https://."""
    stand = Stand()
    shown = Certificates(settings_of(Authority(tmp_path).issue("server")), lambda: NOW)
    wire = connect(shown.wrap(stand.front.site, stand.clock), stand.clock)
    wire.send(health())
    wire.advance(LINGER_S)
    assert wire.client.lost
    (told,) = [event for event in events if "words" in event]
    assert (told["peer"], told["words"]) == ("203.0.113.9", "http request")
    stand.close()


class Shown:
    """A connection whose client has shown a certificate."""

    def __init__(self, files: Files) -> None:
        self._pem = files.certificate.read_bytes()

    def getPeerCertificate(self) -> Any:
        return Certificate.loadPEM(self._pem).original


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("common_name", "alice"),
        ("dns", "alice.example"),
        ("email", "alice@example.com"),
        ("uri", "spiffe://example.com/alice"),
    ],
)
def test_one_kind_of_name_is_read(tmp_path: Path, kind: str, name: str) -> None:
    """The others in the same certificate say nothing."""
    alternatives = (
        x509.DNSName("alice.example"),
        x509.RFC822Name("alice@example.com"),
        x509.UniformResourceIdentifier("spiffe://example.com/alice"),
    )
    files = Authority(tmp_path).issue("alice", common_name="alice", alternatives=alternatives)
    assert name_of(Shown(files), kind) == name


def test_what_names_nobody_in_particular_is_no_name(tmp_path: Path) -> None:
    """Two names, none, or one that no log could hold."""
    authority = Authority(tmp_path)
    two = authority.issue(
        "two", alternatives=(x509.DNSName("a.example"), x509.DNSName("b.example"))
    )
    assert name_of(Shown(two), "dns") is None
    assert name_of(Shown(two), "uri") is None
    assert name_of(Shown(authority.issue("odd", common_name="a\nb")), "common_name") is None
    assert name_of(object(), "common_name") is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"certificate_file": "/nowhere.pem"}, "tls.certificate_file: /nowhere.pem cannot be read"),
        ({"key_file": ""}, "tls.key_file: is needed as well"),
        ({"key_file": "{certificate}"}, "holds no private key"),
        ({"certificate_file": "{key}"}, "holds no certificate"),
        ({"key_file": "{other}"}, "does not belong to the certificate"),
        ({"client_ca_file": "{key}"}, "tls.client_ca_file"),
        ({"min_version": "1.1"}, "tls.min_version: '1.1' is none of 1.2, 1.3"),
        ({"client_certificate": "maybe"}, "tls.client_certificate"),
        ({"client_name": "subject"}, "tls.client_name"),
        ({"certificate_file": ""}, "tls.certificate_file: is needed as well"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, change: dict[str, str], told: str) -> None:
    """At the start, with the setting and the file."""
    authority = Authority(tmp_path)
    files, other = authority.issue("server"), authority.issue("other")
    known = {"certificate": files.certificate, "key": files.key, "other": other.key}
    settings: dict[str, Any] = {
        "certificate_file": str(files.certificate),
        "key_file": str(files.key),
        **{name: value.format(**known) for name, value in change.items()},
    }
    with pytest.raises(ValueError, match=r"^tls\.") as caught:
        certificates(TlsSettings(**settings), lambda: NOW)
    assert told in str(caught.value)


def test_without_a_certificate_there_is_no_tls() -> None:
    """The default: a proxy speaks it, or nobody."""
    assert certificates(TlsSettings(), lambda: NOW) is None


@pytest.mark.parametrize("endpoint", ["ssl:0:privateKey=k.pem:certKey=c.pem", "tls:x"])
def test_an_endpoint_with_tls_of_its_own_is_refused(tmp_path: Path, endpoint: str) -> None:
    """TLS within TLS is what nobody means."""
    shown = Certificates(settings_of(Authority(tmp_path).issue("server")), lambda: NOW)
    listener = Listener(Clock(), Stand().front.site, [endpoint], shown)
    with pytest.raises(ListenError, match="write tcp"):
        listener.startService()


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_speaks_plainly(tmp_path: Path) -> None:
    """What is behind it is on this host."""
    shown = Certificates(settings_of(Authority(tmp_path).issue("server")), lambda: NOW)
    stand = Stand(clock=reactor)
    listener = Listener(reactor, stand.front.site, [f"unix:{tmp_path}/s"], shown)
    listener.startService()
    from twisted.internet.endpoints import UNIXClientEndpoint

    client = Client()
    await connectProtocol(UNIXClientEndpoint(reactor, f"{tmp_path}/s"), client)
    client.send(health())
    await client.ended.addTimeout(5, reactor)
    assert client.received.startswith(b"HTTP/1.1 200 ")
    while stand.front.site.channels:
        await deferLater(reactor, 0.01)
    await listener.stopService()


def test_the_end_of_a_certificate_is_told_in_time(tmp_path: Path, events: list[LogEvent]) -> None:
    """Once at the start and twice a day, from tls.expiry_warning_days on."""
    files = Authority(tmp_path).issue("server", days=40.0)
    ends = x509.load_pem_x509_certificate(files.certificate.read_bytes()).not_valid_after_utc
    clock = Clock()
    clock.advance(ends.timestamp() - 31 * 86_400.0)
    shown = Certificates(settings_of(files), clock.seconds)
    watch = CertificateWatch(clock, shown)
    watch.startService()

    def warned() -> list[str]:
        return [event["state"] for event in events if event["log_level"].name == "warn"]

    assert warned() == []
    clock.pump([43_200.0] * 3)
    assert len(warned()) == 1 + (shown.days_left < 29.5)
    assert all(state.startswith("expires ") for state in warned())
    assert round(shown.snapshot()["days_left"], 1) == 29.5
    clock.pump([43_200.0] * 60)
    assert warned()[-1].startswith("expired ")
    assert shown.snapshot()["days_left"] < 0
    watch.stopService()
    assert clock.getDelayedCalls() == []
