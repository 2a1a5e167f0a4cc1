"""The demo warehouse as a service: a child process, kept alive and known by its address."""

import os
import sys
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import (
    IDelayedCall,
    IProcessTransport,
    IReactorProcess,
    IReactorTime,
)
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.config import connections
from snowflake_mcp.simulator.available import PASSWORD_VARIABLE, demo_problem
from snowflake_mcp.simulator.ids import new_token
from snowflake_mcp.simulator.jobs import DEMO_ROLE, DEMO_WAREHOUSE

__all__ = ["DemoUnavailable", "DemoWarehouse"]

READY_WITHIN_S: Final = 30.0
"""A child that does not serve by then is ended and counts as failed."""
STOP_WITHIN_S: Final = 3.0
"""A child that does not end by itself is killed."""
_BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_MAX_LINE: Final = 8_192
_KEPT_VARIABLES: Final = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
)
"""The child needs no more of the environment, which may hold secrets of a real account."""


class DemoUnavailable(Exception):
    """The demo warehouse cannot answer; the message says why and what to do."""


class Reactor(IReactorProcess, IReactorTime):
    """The two reactor interfaces that the service needs."""


class DemoWarehouse(Service):
    """Starts the simulator as a child process and starts it again when it dies.

    Reactor thread only. The child ends with this process, however it ends: its standard input
    is a pipe that only this process holds.
    """

    settings = connections.DEMO
    _log = Logger()

    def __init__(self, reactor: Reactor, sample: bool = True) -> None:
        """``sample`` says whether the sample data is created."""
        self._reactor = reactor
        self._sample = sample
        self._password = new_token()
        self._child: _Child | None = None
        self._address: tuple[str, int] | None = None
        self._waiting: list[Deferred[tuple[str, int]]] = []
        self._failures = 0
        self._restarts = 0
        self._reason = ""
        self._again: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None

    def startService(self) -> None:
        """Start the child; it serves about a second later."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted's has no types
        problem = demo_problem()
        if problem is not None:
            self._reason = problem
            self._log.error("{problem}", problem=problem)
            return
        self._spawn(port=0)

    def stopService(self) -> Deferred[None] | None:
        """End the child; fires when it has ended, after 3 seconds at most."""
        super().stopService()  # type: ignore[no-untyped-call]  # twisted's has no types
        if self._again is not None and self._again.active():
            self._again.cancel()
        self._tell_waiting(DemoUnavailable("The demo warehouse is stopping."))
        if self._child is None:
            return None
        self._stopped = Deferred()
        self._child.end(STOP_WITHIN_S)
        return self._stopped

    async def parameters(self) -> Mapping[str, object]:
        """Arguments of ``snowflake.connector.connect``; waits while the child starts.

        :raises DemoUnavailable: the child cannot run, or died while it started.
        """
        address = self._address
        if address is None:
            if not self.running:
                raise DemoUnavailable(self._reason or "The demo warehouse is not running.")
            if self._child is None and self._again is None:
                raise DemoUnavailable(self._reason)
            address = await self._ready()
        host, port = address
        return {
            "account": "demo",
            "user": "demo",
            "password": self._password,
            "host": host,
            "port": port,
            "protocol": "http",
            "database": "DEMO",
            "schema": "SALES" if self._sample else "PUBLIC",
            "warehouse": DEMO_WAREHOUSE,
            "role": DEMO_ROLE,
        }

    def snapshot(self) -> dict[str, object]:
        """For /status: whether it serves, where, and how often it had to be started again."""
        state = "ready" if self._address else "starting" if self._child else "down"
        return {
            "state": state,
            "address": "" if self._address is None else f"{self._address[0]}:{self._address[1]}",
            "restarts": self._restarts,
            "last_problem": self._reason,
        }

    @property
    def pid(self) -> int | None:
        """The process id of the child, while there is one."""
        return None if self._child is None else self._child.transport.pid

    def _ready(self) -> Deferred[tuple[str, int]]:
        waiter: Deferred[tuple[str, int]] = Deferred(self._waiting_remove)
        self._waiting.append(waiter)
        return waiter

    def _waiting_remove(self, waiter: Deferred[tuple[str, int]]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def _tell_waiting(self, answer: tuple[str, int] | DemoUnavailable) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if isinstance(answer, DemoUnavailable):
                waiter.errback(Failure(answer))
            else:
                waiter.callback(answer)

    def _spawn(self, port: int) -> None:
        self._again = None
        # -P: the folder this process happens to stand in is no place to import from.
        command = [sys.executable, "-P", "-m", "snowflake_mcp.simulator"]
        command += ["--child", "--port", str(port)]
        if self._sample:
            command.append("--sample")
        environment = _kept_environment() | {PASSWORD_VARIABLE: self._password}
        self._child = _Child(self._reactor, self)
        self._reactor.spawnProcess(
            self._child,
            sys.executable.encode(),
            [argument.encode() for argument in command],
            {name.encode(): value.encode() for name, value in environment.items()},
            None,
            None,
            None,
            False,
        )

    def child_ready(self, host: str, port: int) -> None:
        """The child says that it serves."""
        self._address = (host, port)
        self._failures = 0
        self._reason = ""
        self._log.info("demo warehouse ready on {host}:{port}", host=host, port=port)
        self._tell_waiting(self._address)

    def child_ended(self, reason: str, *, was_ready: bool) -> None:
        """The child has ended; start another one unless the service is stopping."""
        self._child = None
        port = self._address[1] if self._address is not None and was_ready else 0
        self._address = None
        if self._stopped is not None:
            self._stopped.callback(None)
            return
        if not self.running:
            return
        self._reason = reason
        self._restarts += 1
        delay = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        self._failures += 1
        self._log.warn(
            "demo warehouse ended ({reason}); starting it again in {delay} s",
            reason=reason,
            delay=delay,
        )
        if not was_ready:
            self._tell_waiting(
                DemoUnavailable(f"The demo warehouse could not start: {reason}. See the log.")
            )
        # The same port again: sessions of before are told to log in anew, at once, instead of
        # knocking at a closed port until their retries are used up.
        self._again = self._reactor.callLater(delay, self._spawn, port)


def _kept_environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # The package may be on the path of this process by other means than an installation.
    kept["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return kept


class _Child(ProcessProtocol):
    """The pipes of one child process; reactor thread only."""

    _log = Logger()
    transport: IProcessTransport

    def __init__(self, clock: IReactorTime, owner: DemoWarehouse) -> None:
        self._clock = clock
        self._owner = owner
        self._out = b""
        self._error = b""
        self._last_line = ""
        self._ready = False
        self._limit: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """The process runs."""
        self._limit = self._clock.callLater(READY_WITHIN_S, self.end, 0.0)

    def outReceived(self, data: bytes) -> None:
        """The ready line, once; nothing else is expected."""
        if self._ready:
            return
        self._out = (self._out + data)[:_MAX_LINE]
        line, end, _ = self._out.partition(b"\n")
        if not end:
            return
        try:
            facts: Any = msgspec.json.decode(line)
            address = str(facts["host"]), int(facts["port"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            self._last_line = "it said something unexpected"
            self.end(0.0)
            return
        self._ready = True
        self._cancel_limit()
        self._owner.child_ready(*address)

    def errReceived(self, data: bytes) -> None:
        """Lines of the child's log go to ours."""
        *lines, self._error = (self._error + data).split(b"\n")
        self._error = self._error[-_MAX_LINE:]
        for line in lines:
            self._logged(line)

    def processEnded(self, reason: Failure) -> None:
        """The child is gone and its pipes are closed."""
        self._cancel_limit()
        self._logged(self._error)
        code = getattr(reason.value, "exitCode", None)
        signal = getattr(reason.value, "signal", None)
        text = f"signal {signal}" if signal is not None else f"exit status {code}"
        if self._last_line and not self._ready:
            text += f", {self._last_line}"
        self._owner.child_ended(text, was_ready=self._ready)

    def end(self, within_s: float) -> None:
        """Ask the child to end; kill it when ``within_s`` seconds were not enough."""
        self._cancel_limit()
        self.transport.closeStdin()
        if within_s <= 0:
            self._kill()
        else:
            self._limit = self._clock.callLater(within_s, self._kill)

    def _kill(self) -> None:
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            self._log.debug("the demo warehouse had ended already")

    def _logged(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        if not text:
            return
        self._last_line = text[:200]
        if "#error]" in text or "#critical]" in text or "Error" in text:
            self._log.warn("demo warehouse: {line}", line=text[:1000])
        else:
            self._log.info("demo warehouse: {line}", line=text[:1000])

    def _cancel_limit(self) -> None:
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        self._limit = None
