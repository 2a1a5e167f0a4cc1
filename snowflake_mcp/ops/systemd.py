"""What the server tells systemd: ready, alive, reloading, stopping; silent without systemd."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

__all__ = ["Notifier", "Systemd"]

T = TypeVar("T")

_EXTEND_EVERY_S: Final = 5.0
_EXTEND_BY_S: Final = 15.0


class Notifier:
    """Datagrams to ``NOTIFY_SOCKET``; does nothing when there is none. Never blocks."""

    _log = Logger()

    def __init__(self, address: str | None) -> None:
        """``address`` is a path, or a name in the abstract namespace behind an ``@``."""
        self._address = address or None
        self._failed = False

    @property
    def is_heard(self) -> bool:
        """Whether somebody is to be told."""
        return self._address is not None

    def send(self, **state: object) -> None:
        """Send assignments such as ``READY=1``; a failure is logged once."""
        if self._address is None:
            return
        text = "\n".join(f"{name}={value}" for name, value in state.items())
        try:
            self._send(self._address, text.encode())
        except OSError as error:
            if not self._failed:
                self._failed = True
                self._log.warn(
                    "systemd cannot be told: {address}: {reason}",
                    address=self._address,
                    reason=error.strerror or str(error),
                )

    def _send(self, address: str, data: bytes) -> None:
        if address[0] not in "/@":
            raise OSError("NOTIFY_SOCKET is neither a path nor an abstract name")
        name = f"\0{address[1:]}" if address[0] == "@" else address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(data, name)


class Systemd(Service):
    """The server as systemd sees it; reactor thread only. The last to start, the first to stop.

    A sign of life comes from the reactor's own clock, so it proves that the reactor turns. It
    goes on while the server stops, and until ``stop_within_s`` has passed the server asks for
    more time: a drain that is allowed to last is not cut short by ``TimeoutStopSec``.

    Args:
        reactor: its clock, and the moment from which it runs.
        environ: ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID``.
        describe: a few words for ``systemctl status``.
        stop_within_s: the longest that a stop may take, asked when it begins.
    """

    name = "systemd"

    def __init__(
        self,
        reactor: Any,
        environ: Mapping[str, str],
        *,
        describe: Callable[[], str],
        stop_within_s: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._environ = environ
        self._describe = describe
        self._stop_within_s = stop_within_s
        self._notifier = Notifier(environ.get("NOTIFY_SOCKET"))
        self._watchdog: LoopingCall | None = None

    def startService(self) -> None:
        """Say READY when the reactor runs: by then every port is open."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted's has no types
        if self._notifier.is_heard:
            self._reactor.callWhenRunning(self._ready)

    def stopService(self) -> None:
        """Say STOPPING; the process goes on telling that it lives until it ends."""
        super().stopService()  # type: ignore[no-untyped-call]  # twisted's has no types
        if not self._notifier.is_heard:
            return
        self._notifier.send(STOPPING=1, STATUS=f"stopping, {self._describe()}")
        self._extend(self._reactor.seconds() + self._stop_within_s())

    def reload(self, call: Callable[[], T]) -> T:
        """Do ``call`` as a reload: systemd waits for its end."""
        self._notifier.send(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)
        try:
            return call()
        finally:
            self._notifier.send(READY=1)

    def _ready(self) -> None:
        self._notifier.send(READY=1, STATUS=f"serving, {self._describe()}")
        interval_s = self._watchdog_s()
        if interval_s is not None:
            self._watchdog = LoopingCall(self._alive)
            self._watchdog.clock = self._reactor
            self._watchdog.start(interval_s / 2)

    def _watchdog_s(self) -> float | None:
        """The interval that systemd watches, when it watches this process."""
        text = self._environ.get("WATCHDOG_USEC", "")
        meant_for = self._environ.get("WATCHDOG_PID", str(os.getpid()))
        if not text.isascii() or not text.isdigit() or meant_for != str(os.getpid()):
            return None
        return int(text) / 1e6 or None

    def _alive(self) -> None:
        word = "serving" if self.running else "stopping"
        self._notifier.send(WATCHDOG=1, STATUS=f"{word}, {self._describe()}")

    def _extend(self, until: float) -> None:
        left_s = until - self._reactor.seconds()
        if left_s > 0:
            extension_s = min(_EXTEND_BY_S, left_s)
            self._notifier.send(EXTEND_TIMEOUT_USEC=round(extension_s * 1e6))
            self._reactor.callLater(_EXTEND_EVERY_S, self._extend, until)
