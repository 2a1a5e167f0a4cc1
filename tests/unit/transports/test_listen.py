"""Listening ports: endpoint strings, failures that name the address, the end."""

# mypy: allow-untyped-decorators

from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor

from snowflake_mcp.transports.listen import Listener, ListenError, endpoint_string

EPHEMERAL = "tcp:0:interface=127.0.0.1"


@pytest.fixture
def factory() -> Factory[Protocol]:
    return Factory.forProtocol(Protocol)


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        ("8000", "127.0.0.1", "tcp:8000:backlog=1024:interface=127.0.0.1"),
        (" 0 ", "127.0.0.1", "tcp:0:backlog=1024:interface=127.0.0.1"),
        ("8000", "0.0.0.0", "tcp:8000:backlog=1024:interface=0.0.0.0"),
        ("8000", "::1", "tcp6:8000:backlog=1024:interface=\\:\\:1"),
        ("8000", "[::]", "tcp6:8000:backlog=1024:interface=\\:\\:"),
        ("systemd:domain=INET6:name=http", "127.0.0.1", "systemd:domain=INET6:name=http"),
        ("unix:/run/mcp.sock", "127.0.0.1", "unix:/run/mcp.sock"),
    ],
)
def test_a_number_is_a_port_on_the_host(text: str, host: str, expected: str) -> None:
    """T-02: anything else is an endpoint string already."""
    assert endpoint_string(text, host) == expected


def test_a_number_that_is_no_port_is_an_error() -> None:
    """The message says what was wrong."""
    with pytest.raises(ValueError, match="70000 is not a port"):
        endpoint_string("70000", "127.0.0.1")


@pytest_twisted.ensureDeferred
async def test_it_listens_on_every_endpoint_and_knows_its_ports(factory: Factory[Protocol]) -> None:
    """Port 0 becomes a real one; stopping closes them all."""
    listener = Listener(reactor, factory, [EPHEMERAL, EPHEMERAL])
    listener.privilegedStartService()
    listener.startService()
    addresses: list[Any] = listener.addresses()
    assert len({address.port for address in addresses}) == 2
    assert all(address.port > 0 for address in addresses)
    await listener.stopService()
    assert listener.addresses() == []


@pytest_twisted.ensureDeferred
async def test_it_starts_without_the_privileged_step(factory: Factory[Protocol]) -> None:
    """A parent that already runs calls startService alone."""
    listener = Listener(reactor, factory, [EPHEMERAL])
    listener.startService()
    assert len(listener.addresses()) == 1
    await listener.stopService()


@pytest_twisted.ensureDeferred
async def test_a_port_in_use_is_named_and_nothing_is_left_open(
    factory: Factory[Protocol],
) -> None:
    """The process must end, with a message that an operator can act on."""
    first = Listener(reactor, factory, [EPHEMERAL])
    first.startService()
    taken: Any = first.addresses()[0]
    second = Listener(reactor, factory, [EPHEMERAL, f"tcp:{taken.port}:interface=127.0.0.1"])
    with pytest.raises(ListenError, match=f"tcp:{taken.port}:interface=127.0.0.1"):
        second.privilegedStartService()
    assert second.addresses() == []
    await first.stopService()


@pytest.mark.parametrize("endpoint", ["nonsense", "tcp:x", "tcp:1:interface=203.0.113.1"])
def test_a_bad_endpoint_is_named(factory: Factory[Protocol], endpoint: str) -> None:
    """Unknown types, bad arguments and addresses that are not ours alike."""
    with pytest.raises(ListenError, match=endpoint.split(":", maxsplit=1)[0]):
        Listener(reactor, factory, [endpoint]).privilegedStartService()


class _Undecided:
    """A reactor whose endpoints take their time."""


def test_an_endpoint_that_does_not_answer_at_once_is_an_error(
    factory: Factory[Protocol], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it listens must be known before the start is over."""

    class Endpoint:
        def listen(self, _factory: object) -> Deferred[None]:
            return Deferred()

    monkeypatch.setattr(
        "snowflake_mcp.transports.listen.serverFromString", lambda *_arguments: Endpoint()
    )
    with pytest.raises(ListenError, match="does not say at once"):
        Listener(_Undecided(), factory, ["slow:"]).startService()


@pytest_twisted.ensureDeferred
async def test_a_port_may_close_at_once(factory: Factory[Protocol]) -> None:
    """Ports of memory reactors and some plug-ins have nothing to wait for."""
    listener = Listener(MemoryReactor(), factory, ["tcp:80"])
    listener.startService()
    listener.startService()
    await listener.stopService()
    assert listener.addresses() == []
