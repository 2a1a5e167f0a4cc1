"""The embedded demo warehouse as a service: a child process, watched and brought back."""

import os
import secrets
import sys
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.config.model import DEMO_CONNECTION, Backend
from snowflake_mcp.simulator.available import PASSWORD_VARIABLE, demo_problem

__all__ = ["DemoUnavailable", "DemoWarehouse"]

_log = Logger()

_START_LIMIT_S: Final = 30.0
_BACK_OFF_S: Final = (0.0, 0.5, 2.0, 10.0)
"""Before the first, second, third and every later restart in a row."""
_STEADY_S: Final = 30.0
"""A child that lived so long did not fail at its start: the next restart is at once."""
_MAX_LINE: Final = 2_000


class DemoUnavailable(Exception):
    """The demo warehouse does not run; the text says why."""


class _Child(ProcessProtocol):
    """Reads the ready line from the child's output and passes its log on."""

    def __init__(self, owner: "DemoWarehouse") -> None:
        self._owner = owner
        self._output = b""
        self._errors = b""

    def outReceived(self, data: bytes) -> None:
        """The first line says where the child listens."""
        self._output += data
        line, newline, self._output = self._output.partition(b"\n")
        if newline:
            self._owner.child_ready(msgspec.json.decode(line))

    def errReceived(self, data: bytes) -> None:
        """Whatever the child has to say goes to our log, line by line."""
        *lines, self._errors = (self._errors + data).split(b"\n")
        self._errors = self._errors[-_MAX_LINE:]
        for line in lines:
            _log.warn("demo warehouse: {line}", line=line[:_MAX_LINE].decode("utf-8", "replace"))

    def processEnded(self, reason: Failure) -> None:
        """The child is gone."""
        self._owner.child_ended(reason)


class DemoWarehouse(Service):
    """Starts the child, says how to log in to it, and ends it; reactor thread only.

    The child ends by itself when its standard input closes, so it never outlives this process.
    It is an ``Account`` of the warehouse.
    """

    name = DEMO_CONNECTION
    backend = Backend.DEMO

    def __init__(self, reactor: Any, sample: bool = True) -> None:
        self._reactor = reactor
        self._sample = sample
        self._password = secrets.token_hex(16)
        self._process: IProcessTransport | None = None
        self._address: tuple[str, int] | None = None
        self._waiting: list[Deferred[None]] = []
        self._later: IDelayedCall | None = None
        self._limit: IDelayedCall | None = None
        self._gone: Deferred[None] | None = None
        self._began = 0.0
        self._failures = 0
        self._starts = 0
        self._problem = "it has not been started"

    def startService(self) -> None:
        """Start the child; ``parameters`` waits until it serves."""
        self.running = True
        problem = demo_problem()
        if problem is not None:
            self._problem = problem
            _log.error("{problem}", problem=problem)
            return
        self._spawn()

    def stopService(self) -> Deferred[None] | None:
        """End the child; fires when it has ended."""
        self.running = False
        self._release(DemoUnavailable("The demo warehouse is stopping."))
        for call in (self._later, self._limit):
            if call is not None and call.active():
                call.cancel()
        if self._process is None:
            return None
        self._gone = Deferred()
        self._kill()
        return self._gone

    async def parameters(self) -> Mapping[str, object]:
        """Arguments for ``snowflake.connector.connect``; waits while the child starts.

        Raises:
            DemoUnavailable: it does not start; the text says why.
        """
        if self._address is None:
            if self._process is None and self._later is None:
                raise DemoUnavailable(f"The demo warehouse does not run: {self._problem}")
            waiting: Deferred[None] = Deferred(self._waiting.remove)
            self._waiting.append(waiting)
            await waiting
        if self._address is None:
            raise DemoUnavailable(f"The demo warehouse does not run: {self._problem}")
        host, port = self._address
        return {
            "account": "demo",
            "user": "demo",
            "password": self._password,
            "host": host,
            "port": port,
            "protocol": "http",
            "database": "DEMO",
            "schema": "SALES",
            "warehouse": "DEMO_WH",
            "role": "DEMO_ROLE",
        }

    def snapshot(self) -> dict[str, object]:
        """For /status: whether it serves, its process id, and how often it was started."""
        return {
            "serving": self._address is not None,
            "pid": getattr(self._process, "pid", None),
            "starts": self._starts,
        }

    def child_ready(self, where: dict[str, Any]) -> None:
        """The child serves."""
        self._address = (str(where["host"]), int(where["port"]))
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        _log.info(
            "demo warehouse serves on port {port} after {ready_ms} ms",
            port=self._address[1],
            ready_ms=where.get("ready_ms"),
        )
        self._release(None)

    def child_ended(self, reason: Failure) -> None:
        """The child ended: wanted, or to be started again after a pause."""
        self._process = self._address = None
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        if not self.running:
            if self._gone is not None:
                self._gone.callback(None)
            return
        lived_s = self._reactor.seconds() - self._began
        self._failures = 0 if lived_s >= _STEADY_S else self._failures + 1
        pause_s = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        self._problem = f"its process ended ({reason.getErrorMessage()})"
        _log.warn(
            "demo warehouse ended after {lived_s:.1f} s, starting again in {pause_s} s: {problem}",
            lived_s=lived_s,
            pause_s=pause_s,
            problem=self._problem,
        )
        if self._failures >= len(_BACK_OFF_S):
            # Who waits through a child that never comes up should be told, not held.
            self._release(DemoUnavailable(f"The demo warehouse does not run: {self._problem}"))
        self._later = self._reactor.callLater(pause_s, self._spawn)

    def _spawn(self) -> None:
        self._later = None
        self._began = self._reactor.seconds()
        self._starts += 1
        command = [sys.executable, "-m", "snowflake_mcp.simulator", "--port", "0"]
        if self._sample:
            command.append("--sample")
        environment = {**os.environ, PASSWORD_VARIABLE: self._password}
        self._process = self._reactor.spawnProcess(
            _Child(self), sys.executable, command, environment
        )
        self._limit = self._reactor.callLater(_START_LIMIT_S, self._kill)

    def _kill(self) -> None:
        if self._process is not None:
            try:
                self._process.signalProcess("KILL")
            except ProcessExitedAlready:
                _log.debug("the demo warehouse had ended already")

    def _release(self, error: Exception | None) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if error is None:
                each.callback(None)
            else:
                each.errback(error)
