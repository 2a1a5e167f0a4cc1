"""The parts of the server as services: what each does at start and at stop."""

import gc
import sys
from collections.abc import Callable
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.stdio import StandardIO
from twisted.logger import Logger

from snowflake_mcp.auth.authentication import Authentication
from snowflake_mcp.config.model import Config
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.ops import logs
from snowflake_mcp.ops.absence import keep_out
from snowflake_mcp.ops.drain import ended_within
from snowflake_mcp.ops.platform import open_files
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.status import DEMO_NOTICE, Status
from snowflake_mcp.transports.front import Front
from snowflake_mcp.transports.stdio import StdioProtocol
from snowflake_mcp.transports.tls import Certificates
from snowflake_mcp.warehouse.grants import GrantChecks
from snowflake_mcp.warehouse.service import Warehouse

__all__ = [
    "CertificateWatch",
    "Clients",
    "Identification",
    "Interpreter",
    "Stdio",
    "WarehouseService",
]

_log = Logger()

_SWITCH_INTERVAL_S: Final = 0.0001
"""How soon a worker thread yields the interpreter to the reactor. A request asks for it several
times, so the default of 5 ms, and even 1 ms, adds up while results are read (docs/performance)."""
_YOUNG_OBJECTS: Final = 10_000
"""A collection comes when so many more objects live than at the one before: it holds the
interpreter for milliseconds, and a slice of rows alone has two thousand, for a moment."""
_LIBRARIES: Final = ("snowflake.connector", "opentelemetry")
"""Their warnings belong into the log."""
_NEEDLESS: Final = ("numpy", "pandas")
"""pyarrow and the connectors load them wherever they are installed (the extra ``charts`` brings
numpy, for a child process) and use neither for what is asked of them: 12 MB and 80 ms."""
_ARRIVAL_S: Final = 0.5
"""How long requests that were on their way when the stop began may take to arrive."""
_GOODBYE_S: Final = 1.5
"""How long clients may take to answer the closing handshake of a WebSocket."""
_LOOK_S: Final = 43_200.0
_HURRIED_ABORT_S: Final = 1.0
_HURRIED_STOP_S: Final = 0.7
"""Closing sessions when the operator does not want to wait; aborts have been sent before."""


class Interpreter(Service):
    """What the whole process is told at its start."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._undo: list[Callable[[], None]] = []

    def startService(self) -> None:
        """Say what answers, and keep worker threads from holding the interpreter long."""
        self._undo = [*(logs.bridged(name) for name in _LIBRARIES), keep_out(*_NEEDLESS)]
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        gc.set_threshold(_YOUNG_OBJECTS)
        connection = self._config.connection
        if fixtures := self._config.testing.fixtures:
            _log.warn("test fixtures of {module} are served", module=fixtures)
        if self._config.is_demo:
            _log.warn("{notice}", notice=DEMO_NOTICE)
        else:
            for each in {connection.name: connection, **self._config.connections}.values():
                _log.info(
                    "Snowflake connection {connection} from {origin}",
                    connection=each.name,
                    origin=each.origin,
                )

    def stopService(self) -> None:
        """Leave the libraries' logging, and what can be loaded, as it was."""
        for undo in self._undo:
            undo()


class WarehouseService(Service):
    """The warehouse's threads and sessions as a service."""

    def __init__(
        self,
        warehouse: Warehouse,
        stop_s: float,
        grants: GrantChecks | None = None,
        *,
        log_in: bool,
    ) -> None:
        """``grants`` are checked after the first login."""
        self._warehouse = warehouse
        self._grants = grants
        self._stop_s = stop_s
        self._log_in = log_in
        self._warming: Deferred[None] | None = None
        self._checking: Deferred[None] | None = None
        self._greeted = False

    def check_grants(self) -> None:
        """Read the grants, anew where that has been done; not before the first login."""
        if self._grants is None or not self._greeted:
            return
        if self._checking is not None:
            self._checking.cancel()
        self._checking = Deferred.fromCoroutine(self._grants.run())
        self._checking.addErrback(lambda failure: failure.trap(CancelledError))

    def hurry(self) -> None:
        """A stop that has not begun yet gets little time."""
        self._stop_s = min(self._stop_s, _HURRIED_STOP_S)

    def startService(self) -> None:
        """Make its threads ready; this runs after the process has become a daemon."""
        self._warehouse.start()
        if self._log_in:
            self._warming = Deferred.fromCoroutine(self._warm_up())
            self._warming.addErrback(lambda failure: failure.trap(CancelledError))

    def stopService(self) -> Deferred[None]:
        """Abort what still runs and close the sessions."""
        if self._warming is not None:
            self._warming.cancel()
        if self._checking is not None:
            self._checking.cancel()
        return Deferred.fromCoroutine(self._warehouse.stop(self._stop_s))

    async def _warm_up(self) -> None:
        """Log in once, so that the operator hears early of what is wrong.

        By then the driver is loaded, and all that lives as long as the process can be taken out
        of the garbage collector's sight: a full collection would hold the reactor for 100 ms.
        """
        reachable, detail = await self._warehouse.check()
        if reachable:
            _log.info("Snowflake is reachable: {detail}", detail=detail)
        else:
            _log.warn("Snowflake is not reachable: {detail}", detail=detail)
        self._warehouse.keep_warm()
        gc.collect()
        gc.freeze()
        self._greeted = True
        self.check_grants()


class Clients(Service):
    """The clients as a service: what runs may finish, then all are told goodbye."""

    def __init__(
        self,
        clock: Any,
        kernel: Kernel,
        front: Front,
        status: Status,
        drain_s: float,
        abort_s: float,
    ) -> None:
        self._clock = clock
        self._kernel = kernel
        self._front = front
        self._status = status
        self._drain_s = drain_s
        self._abort_s = abort_s
        self._arrival_s = _ARRIVAL_S
        self._goodbye_s = _GOODBYE_S
        self._waiting: Deferred[None] | None = None

    def hurry(self) -> None:
        """Wait for nothing any more: abort what runs, say a short goodbye."""
        self._arrival_s, self._drain_s, self._abort_s = 0.0, 0.0, _HURRIED_ABORT_S
        self._goodbye_s = 0.1
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)

    def startService(self) -> None:
        """Learn how many files may be open, before the first client comes."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted's has no types
        self._front.fit(open_files())

    @property
    def stop_within_s(self) -> float:
        """The sum of its steps, with half a second to spare."""
        return _ARRIVAL_S + self._drain_s + self._abort_s + _GOODBYE_S + 0.5

    def stopService(self) -> Deferred[None]:
        """Drain, abort the rest, close every connection."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._status.stopping = True
        self._front.close_idle()
        # A client whose connection was accepted a moment ago cannot know that it comes too late,
        # and must not send a call again that may have run: so what it sends is still served.
        await self._arrived()
        drained = self._kernel.drain()
        self._front.close_idle()
        if self._kernel.running:
            _log.info("waiting for {running} requests to finish", running=self._kernel.running)
        await self._wait(drained, self._drain_s)
        if self._kernel.running:
            _log.warn("aborting {running} requests", running=self._kernel.running)
            self._kernel.cancel_all()
            await self._wait(self._kernel.drain(), self._abort_s)
        self._front.close_websockets()
        await self._gone()
        self._front.abort()

    async def _wait(self, work: Deferred[None], limit_s: float) -> None:
        """Wait for ``work``, for the limit, or until ``hurry``, whichever comes first."""
        turn: Deferred[None] = Deferred()
        work.addCallback(lambda _: None if turn.called else turn.callback(None))
        self._waiting = turn
        await ended_within(self._clock, turn, limit_s)

    async def _arrived(self) -> None:
        """Wait until no request is on its way any more, for as long as that may take."""
        began = self._clock.seconds()
        while self._clock.seconds() - began < self._arrival_s and self._front.expects_requests():
            await self._moment()

    async def _gone(self) -> None:
        """Wait until no connection is left, for as long as a goodbye may take."""
        until = self._clock.seconds() + self._goodbye_s
        while self._clock.seconds() < until:
            counts = self._front.counts()
            if not any(kind["connections"] for kind in counts.values()):
                return
            await self._moment()

    def _moment(self) -> Deferred[None]:
        turn: Deferred[None] = Deferred()
        self._clock.callLater(0.05, turn.callback, None)
        return turn


class CertificateWatch(Service):
    """Warns in time of the end of the certificate that is shown."""

    def __init__(self, clock: Any, certificates: Certificates) -> None:
        self._clock = clock
        self._certificates = certificates
        self._next: IDelayedCall | None = None

    def startService(self) -> None:
        """Look now, and twice a day."""
        _log.info("TLS with a certificate that {state}", state=self._certificates.state())
        self._look()

    def stopService(self) -> None:
        """Look no more."""
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _look(self) -> None:
        shown = self._certificates
        if shown.days_left < shown.settings.expiry_warning_days:
            _log.warn(
                "the TLS certificate {state}; replace the file and send SIGHUP",
                state=shown.state(),
            )
        self._next = self._clock.callLater(_LOOK_S, self._look)


class Identification(Service):
    """The keys of the OAuth provider, fetched as long as the server runs."""

    def __init__(self, authentication: Authentication, profiles: Profiles) -> None:
        self._authentication = authentication
        self._profiles = profiles

    def startService(self) -> None:
        """Fetch, in the background, and say who may steer the server without a credential."""
        self._authentication.start()
        if not self._authentication.is_open:
            return
        profile = self._authentication.local.profile
        if self._profiles.may_administer(profile):
            _log.warn(
                "callers without a credential may use the admin surface from this host: "
                "[principals.{profile}] has the right",
                profile=profile,
            )

    def stopService(self) -> None:
        """Fetch no more."""
        self._authentication.stop()


class Stdio(Service):
    """Standard input and output as a service."""

    def __init__(self, reactor: Any, protocol: Callable[[], StdioProtocol]) -> None:
        self._reactor = reactor
        self._protocol = protocol
        self._transport: StandardIO | None = None

    def startService(self) -> None:
        """Begin to read."""
        self._transport = StandardIO(self._protocol(), reactor=self._reactor)

    def stopService(self) -> None:
        """Read no more; what was written goes out."""
        if self._transport is not None:
            self._transport.loseConnection()
