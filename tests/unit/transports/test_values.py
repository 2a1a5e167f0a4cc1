"""The values that bound the wire, each in one place; what they do is shown beside their subject."""

# mypy: allow-untyped-decorators, allow-untyped-calls

import socket
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock, deferLater

from snowflake_mcp.config.model import HttpSettings, WebSocketSettings
from snowflake_mcp.ops.platform import steady
from snowflake_mcp.transports.channel import BODY_S, HEAD_S, LINGER_S, Channel
from snowflake_mcp.transports.listen import Listener
from snowflake_mcp.transports.outlet import STALL_S
from snowflake_mcp.transports.sockets import USER_TIMEOUT_MS
from tests.unit.transports.stand import Stand, call, modern, modern_headers, send_post

HTTP, WEBSOCKET = HttpSettings(), WebSocketSettings()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Channel.totalHeadersSize, 16_384),
        (Channel.MAX_LENGTH, 16_384),
        (Channel.maxHeaders, 64),
        (Channel.abortTimeout, 5),
        (HEAD_S, 10.0),
        (BODY_S, 30.0),
        (LINGER_S, 2.0),
        (STALL_S, 30.0),
        (USER_TIMEOUT_MS, 30_000),
        (HTTP.idle_timeout_s, 15.0),
        (HTTP.max_body_bytes, 1 << 20),
        (HTTP.max_unsent_bytes, 8 << 20),
        (HTTP.max_connections, 1_024),
        (HTTP.max_connections_per_address, 64),
        (WEBSOCKET.max_message_bytes, 1 << 20),
        (WEBSOCKET.max_connections, 1_000),
        (WEBSOCKET.max_connections_per_principal, 100),
        (WEBSOCKET.max_in_flight, 16),
        (WEBSOCKET.max_unsent_bytes, 8 << 20),
        (WEBSOCKET.ping_interval_s, 30.0),
        (WEBSOCKET.ping_timeout_s, 30.0),
        (WEBSOCKET.idle_timeout_s, 3_600.0),
    ],
)
def test_a_default_is_what_was_decided(value: float, expected: float) -> None:
    """A change here is a change of what is promised."""
    assert value == expected


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("maxFramePayloadSize", 1 << 20),
        ("maxMessagePayloadSize", 1 << 20),
        ("openHandshakeTimeout", 5),
        ("closeHandshakeTimeout", 1),
        ("autoPingInterval", 30.0),
        ("autoPingTimeout", 30.0),
        ("autoPingSize", 12),
        ("autoPingRestartOnAnyTraffic", True),
        ("webStatus", False),
        ("failByDrop", False),
        ("utf8validateIncoming", True),
        ("requireMaskedClientFrames", True),
        ("tcpNoDelay", True),
        ("versions", [13]),
        ("trustXForwardedFor", 0),
    ],
)
def test_autobahn_is_told_every_value(stand: Stand, option: str, expected: object) -> None:
    """Its own defaults are mostly without a limit."""
    assert getattr(stand.front._websockets, option) == expected


def test_autobahn_accepts_no_compression(stand: Stand) -> None:
    """Whatever a client offers: no bomb can be sent, and no secret is mixed with a guess."""
    assert stand.front._websockets.perMessageCompressionAccept(["an offer"]) is None


def test_64_headers_are_read_and_65_are_not(stand: Stand) -> None:
    """The Host that every request has among them."""
    names = {f"X-{number}": "1" for number in range(63)}
    assert stand.connect().request("GET", "/health", headers=names).status == 200
    names["X-more"] = "1"
    assert stand.connect().request("GET", "/health", headers=names).status == 400


def test_an_event_stream_that_nobody_reads_is_bounded() -> None:
    """More than 8 MiB, or here 64 KiB, may not wait for a client that takes nothing."""
    stand = Stand(stream_after_s=0.0, max_unsent_bytes=65_536)
    wire = stand.connect()
    wire.stop_reading()
    message = modern("tools/call", call("big", size=1 << 20))
    send_post(wire, message, modern_headers(message))
    wire.advance(4.9)
    assert not wire.server.disconnecting
    wire.advance(0.2)
    assert wire.client.lost
    stand.close()


class _Idle(Protocol):
    """A client that says nothing."""


@pytest_twisted.ensureDeferred
async def test_the_kernel_looks_after_clients_that_vanish() -> None:
    """Keep-alive after 30 s, and what is not confirmed within 30 s ends the connection."""
    stand = Stand(clock=reactor)
    listener = Listener(reactor, stand.front.site, ["tcp:0:interface=127.0.0.1"])
    listener.startService()
    address: Any = listener.addresses()[0]
    client = _Idle()
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", address.port), client)
    while not stand.front.site.channels:
        await deferLater(reactor, 0.01)
    (channel,) = stand.front.site.channels
    option = channel.transport.getHandle().getsockopt
    assert option(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert option(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert option(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
    assert option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
    transport: Any = client.transport
    transport.loseConnection()
    while stand.front.site.channels:
        await deferLater(reactor, 0.01)
    await listener.stopService()


class _Resting:
    """A reactor before its start."""

    def __init__(self, *, running: bool, pending: int) -> None:
        self.running = running
        self._pending = pending
        self.seconds = Clock().seconds

    def getDelayedCalls(self) -> list[int]:
        return [0] * self._pending


def test_timers_follow_no_clock_that_is_set() -> None:
    """But a reactor that has begun keeps its clock, or its timers would be lost."""
    import time

    assert steady(_Resting(running=False, pending=0)).seconds is time.monotonic
    for begun in (_Resting(running=True, pending=0), _Resting(running=False, pending=1)):
        assert steady(begun).seconds is not time.monotonic
