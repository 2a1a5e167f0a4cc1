"""What the server says of itself: alive, ready, busy with what."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.config.model import Config
from snowflake_mcp.ops import logs
from snowflake_mcp.ops.disk import Disk
from snowflake_mcp.ops.doors import Doors
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.policy.judges import Judges
from snowflake_mcp.policy.ledger import Ledger
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.transports.probes import Check
from snowflake_mcp.transports.tls import Certificates
from snowflake_mcp.version import SERVER_NAME, VERSION
from snowflake_mcp.warehouse.grants import GrantChecks
from snowflake_mcp.warehouse.service import Warehouse

__all__ = ["DEMO_NOTICE", "Status"]

Numbers = dict[str, Any]

DEMO_NOTICE: Final = "Demo data: an embedded demo warehouse answers, not a Snowflake account."


class Status:
    """The source of the probes' answers; reactor thread only.

    ``wall_clock`` gives the time of day, ``clock`` measures the uptime.
    """

    def __init__(
        self,
        *,
        config: Config,
        clock: IReactorTime,
        wall_clock: Callable[[], float],
        kernel: Kernel,
        warehouse: Warehouse,
        metrics: Metrics,
        judges: Judges,
        ledger: Ledger,
        grants: GrantChecks | None = None,
        doors: Doors | None = None,
        state_file: Path | None = None,
        certificates: Certificates | None = None,
        charts: Callable[[], dict[str, object]] | None = None,
        exports: Callable[[], Path | None] | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._wall_clock = wall_clock
        self._kernel = kernel
        self._warehouse = warehouse
        self._metrics = metrics
        self._judges = judges
        self._ledger = ledger
        self._grants = grants
        self._doors = doors or Doors()
        self._disk = Disk(clock, self._folders)
        metrics.watch("disk_free_bytes", self._free_bytes)
        self._certificates = certificates
        self._charts = charts
        self._exports = exports
        self._began = clock.seconds()
        # Now: twistd may change its folder before anybody asks.
        files = {
            "state": state_file,
            "audit": Path(config.audit.file) if config.audit.file else None,
        }
        self._kept_in = {what: file.absolute().parent for what, file in files.items() if file}
        self.stopping = False
        """Set when the server begins to stop: it is no longer ready."""
        self.clients: Callable[[], dict[str, dict[str, int]]] = dict
        """Connections by kind; set once the network side exists."""
        self.callers: Callable[[], dict[str, Any]] = dict
        """In which ways they show who they are; likewise."""

    def health(self) -> dict[str, Any]:
        """That the process serves, since when, and what stands behind it."""
        backend = self._config.connection.backend.value
        answer: dict[str, Any] = {
            "status": "stopping" if self.stopping else "ok",
            "server": SERVER_NAME,
            "version": VERSION,
            "timestamp": datetime.fromtimestamp(self._wall_clock(), UTC).isoformat(
                timespec="seconds"
            ),
            "uptime_seconds": round(self._clock.seconds() - self._began, 1),
            "backend": backend,
        }
        if self._config.is_demo:
            answer["notice"] = DEMO_NOTICE
        return answer

    async def ready(self) -> tuple[bool, Sequence[Check]]:
        """Whether a query would be served now; asks Snowflake, at most once in 10 s."""
        reachable, detail = await self._warehouse.check()
        age_s = round(self._warehouse.checked_s_ago, 1)
        numbers: Any = self._warehouse.snapshot()
        checks = [
            Check("snowflake", reachable, detail, age_s),
            Check("gate", *self._judges.ready()),
            *([Check("grants", *self._grants.ready())] if self._grants else []),
            _lane(numbers["lane"]),
            _pool(numbers["pool"]),
            self._breaker(),
            self._room(),
            self._serving(),
        ]
        return all(check.ok or not check.vital for check in checks), checks

    def _breaker(self) -> Check:
        state = self._warehouse.breaker.state
        # The statement that tries whether all is well must be sent here: half open is ready.
        return Check("breaker", state == "closed", state, vital=state == "open")

    def _room(self) -> Check:
        # The service goes on without its log, and refuses by itself what it must record.
        enough, detail = self._disk.enough()
        return Check(
            "disk", enough, detail or "no file is written", round(self._disk.age_s, 1), False
        )

    def _folders(self) -> dict[str, Path]:
        # The log is opened after the server is built, so it is asked for each time.
        found = {"log": logs.folder(), **self._kept_in}
        if self._exports is not None:
            found["exports"] = self._exports()
        return {what: folder for what, folder in found.items() if folder is not None}

    def _free_bytes(self) -> dict[tuple[str, ...], float]:
        free = self._disk.free_bytes()
        return {(what,): float(left) for what, left in free.items() if left is not None}

    def _serving(self) -> Check:
        doors = self._doors
        if self.stopping or doors.draining:
            return Check("serving", False, "stopping" if self.stopping else "draining")
        # Agents are to read the message of a maintenance, so they must still be sent here.
        if doors.closed:
            return Check("serving", False, "in maintenance", vital=False)
        return Check("serving", True, "accepting")

    def status(self) -> dict[str, Any]:
        """Numbers for operators; no names of users, no SQL, no secrets."""
        return {
            **self.health(),
            "connection": self._config.connection.name,
            "requests_running": self._kernel.running,
            "sessions": len(self._kernel.live_sessions),
            "doors": self._doors.snapshot(),
            "connections": self.clients(),
            **({"tls": self._certificates.snapshot()} if self._certificates is not None else {}),
            "callers": self.callers(),
            "warehouse": self._warehouse.snapshot(),
            "gate": self._judges.snapshot(),
            **({"charts": self._charts()} if self._charts is not None else {}),
            **({"grants": self._grants.snapshot()} if self._grants else {}),
            "used_today": self._ledger.snapshot(),
            "totals": self._metrics.totals(),
        }


def _lane(lane: Numbers) -> Check:
    """Places and the queue for them: degraded when it is half full, not ready when it is full."""
    waiting, most = lane["waiting"], lane["max_waiting"]
    detail = f"{lane['running']} of {lane['max_running']} running, {waiting} of {most} waiting"
    return Check("lane", 2 * waiting < most or not waiting, detail, vital=0 < most <= waiting)


def _pool(pool: Numbers) -> Check:
    """Snowflake sessions: degraded while somebody waits for one."""
    detail = f"{pool['leased']} in use, {pool['idle']} idle, {pool['waiting']} calls waiting"
    return Check("pool", not pool["waiting"], detail, vital=False)
