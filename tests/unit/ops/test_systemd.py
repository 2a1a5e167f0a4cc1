"""What systemd hears, over a real datagram socket with a clock that the test turns."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent

from snowflake_mcp.ops.systemd import Notifier, Systemd


class Listener:
    """The service manager's end."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(f"\0{address[1:]}" if address[0] == "@" else address)

    def heard(self) -> list[str]:
        """All messages since the last time."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    """A listener at a path and in the abstract namespace."""
    abstract = f"@snowflake-mcp-test-{os.getpid()}"
    listener = Listener(str(tmp_path / "notify") if request.param == "path" else abstract)
    yield listener
    listener.close()


def service(clock: MemoryReactorClock, environ: dict[str, str], limit_s: float = 12) -> Systemd:
    return Systemd(
        clock, environ, describe=lambda: "0 requests running", stop_within_s=lambda: limit_s
    )


def started(clock: MemoryReactorClock, environ: dict[str, str], limit_s: float = 12) -> Systemd:
    one = service(clock, environ, limit_s)
    one.startService()
    clock.run()
    return one


def test_ready_when_the_reactor_runs(manager: Listener) -> None:
    """Not when it is built and not when it is started."""
    clock = MemoryReactorClock()
    one = service(clock, {"NOTIFY_SOCKET": manager.address})
    one.startService()
    assert manager.heard() == []
    clock.run()
    assert manager.heard() == ["READY=1\nSTATUS=serving, 0 requests running"]
    assert clock.getDelayedCalls() == []


def test_the_watchdog_is_fed_at_half_its_interval(manager: Listener) -> None:
    """By the reactor's clock: a reactor that does not turn feeds nothing."""
    clock = MemoryReactorClock()
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "4000000"}
    one = started(clock, {**environ, "WATCHDOG_PID": str(os.getpid())})
    manager.heard()
    clock.pump([2, 1, 1])
    assert manager.heard() == ["WATCHDOG=1\nSTATUS=serving, 0 requests running"] * 2
    one.stopService()
    manager.heard()
    clock.advance(2)
    assert manager.heard() == ["WATCHDOG=1\nSTATUS=stopping, 0 requests running"]


@pytest.mark.parametrize(
    "watch",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"},
    ],
)
def test_no_watchdog(manager: Listener, watch: dict[str, str]) -> None:
    """None was asked for, or it is meant for another process."""
    clock = MemoryReactorClock()
    started(clock, {"NOTIFY_SOCKET": manager.address, **watch})
    assert clock.getDelayedCalls() == []


def test_a_stop_asks_for_its_time_and_no_more(manager: Listener) -> None:
    """STOPPING comes first; more time is asked for until the limits have passed."""
    clock = MemoryReactorClock()
    one = started(clock, {"NOTIFY_SOCKET": manager.address}, limit_s=22)
    manager.heard()
    one.stopService()
    assert manager.heard() == [
        "STOPPING=1\nSTATUS=stopping, 0 requests running",
        "EXTEND_TIMEOUT_USEC=15000000",
    ]
    clock.pump([5] * 6)
    asked = [15_000_000, 12_000_000, 7_000_000, 2_000_000]
    assert manager.heard() == [f"EXTEND_TIMEOUT_USEC={usec}" for usec in asked]
    assert clock.getDelayedCalls() == []


def test_a_reload_has_a_beginning_and_an_end(manager: Listener) -> None:
    """Also when it fails."""
    one = started(MemoryReactorClock(), {"NOTIFY_SOCKET": manager.address})
    manager.heard()
    one.reload(lambda: None)
    with pytest.raises(ZeroDivisionError):
        one.reload(lambda: 1 // 0)
    first, second, third, fourth = manager.heard()
    assert first.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert third.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert second == fourth == "READY=1"


def test_without_systemd_nothing_happens() -> None:
    """No timer, no log line, no error."""
    clock = MemoryReactorClock()
    with capturedLogs() as events:
        one = started(clock, {"WATCHDOG_USEC": "4000000"})
        one.reload(lambda: None)
        one.stopService()
    assert clock.getDelayedCalls() == []
    assert list(events) == []


@pytest.mark.parametrize("address", ["/nowhere/notify", "vsock:2:9999"])
def test_a_socket_that_cannot_be_reached(address: str) -> None:
    """It is logged once and changes nothing."""
    notifier = Notifier(address)
    with capturedLogs() as events:
        notifier.send(READY=1)
        notifier.send(WATCHDOG=1)
    (line,) = [formatEvent(event) for event in events]
    assert line.startswith(f"systemd cannot be told: {address}: ")
