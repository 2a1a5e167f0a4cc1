"""What stands behind the admin surface: one view of the parts, and the levers on them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from heapq import nlargest, nsmallest
from ipaddress import IPv6Address, ip_address
from operator import attrgetter, itemgetter
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.auth.caller import Caller
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.config.reload import Report
from snowflake_mcp.config.showing import shown
from snowflake_mcp.ops.audit import Audit
from snowflake_mcp.ops.doors import Doors
from snowflake_mcp.ops.drain import ended_within
from snowflake_mcp.ops.trend import Trend
from snowflake_mcp.pipeline.refusals import Refusals
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.status import Status
from snowflake_mcp.transports.attendance import Attendance
from snowflake_mcp.transports.exchange import Exchange
from snowflake_mcp.transports.front import Front
from snowflake_mcp.transports.probes import Check
from snowflake_mcp.warehouse.service import Warehouse
from snowflake_mcp.warehouse.standing import Running

__all__ = ["Admin"]

_log = Logger()

_UNIX_SOCKET: Final = "local"
_SHOWN_REFUSALS: Final = 20
_LISTED: Final = 1_000
_ON_PAGE: Final = 100
"""Rows of a list; with ten thousand sessions the rest would hold the reactor for too long."""
_PATIENCE_S: Final = 1.0
_NOT_YET: Final = Check("checks", False, "They have not been made yet.")

Answer = dict[str, Any]


class Admin:
    """The ``AdminSource`` of a server; reactor thread only.

    The right is asked for at each call: a reload that takes it away counts at once.
    """

    def __init__(
        self,
        *,
        kernel: Kernel,
        warehouse: Warehouse,
        profiles: Profiles,
        status: Status,
        doors: Doors,
        trend: Trend,
        refusals: Refusals,
        audit: Audit,
        clock: IReactorTime,
    ) -> None:
        """``clock`` is that of the kernel."""
        self._kernel = kernel
        self._warehouse = warehouse
        self._profiles = profiles
        self._status = status
        self._doors = doors
        self._trend = trend
        self._refusals = refusals
        self._audit = audit
        self._clock = clock
        self._asking: Deferred[Any] | None = None
        self._asked_at = 0.0
        self._known: tuple[bool, Sequence[Check]] = (False, [_NOT_YET])
        self.front: Front | None = None
        """Set once the network side exists."""
        self.reread: Callable[[], Report] | None = None
        """What SIGHUP does; set likewise."""

    @property
    def exists(self) -> bool:
        """Whether the configuration gives anybody the right."""
        return self._profiles.has_admins

    def may(self, caller: Caller, peer: str) -> bool:
        """Whether a caller has the right; without a credential only from this host."""
        if not self._profiles.may_administer(caller.principal.profile):
            return False
        return caller.evidence.method != "anonymous" or _is_this_host(peer)

    def may_go_on(self) -> bool:
        """Whether the audit can be written, where nothing may go unrecorded."""
        return self._audit.may_go_on()

    def record(self, exchange: Exchange, action: str, subject: str, outcome: str) -> None:
        """One record and one line for each call."""
        self._audit.administered(
            principal=exchange.principal.name,
            peer=exchange.peer,
            action=action,
            target=subject,
            outcome=outcome,
        )
        _log.info(
            "admin {action}{subject_part} by {principal} from {peer}: {outcome}",
            action=action,
            subject=subject,
            subject_part=f" ({subject})" if subject else "",
            principal=exchange.principal.name,
            peer=exchange.peer,
            outcome=outcome,
            request_id=exchange.request_id,
        )

    async def overview(self) -> Answer:
        """Everything that the status page shows."""
        ready, checks = await self._readiness()
        status = self._status.status()
        shown = ("status", "version", "uptime_seconds", "timestamp", "backend", "warehouse", "gate")
        return {
            **{name: status[name] for name in shown},
            "ready": ready,
            "checks": [asdict(check) for check in checks],
            **self._doors.snapshot(),
            **_named("statements", self.statements(_ON_PAGE)),
            **_named("sessions", self.sessions(_ON_PAGE)),
            "trend": self._trend.samples(),
            "refusals": self._refusals.last(_SHOWN_REFUSALS),
        }

    async def _readiness(self) -> tuple[bool, Sequence[Check]]:
        """What the checks say; what they said last while Snowflake keeps them waiting.

        An operator looks when something hangs: the page must not hang with it.
        """
        if self._asking is None or self._asking.called:
            self._asked_at = self._clock.seconds()
            self._asking = Deferred.fromCoroutine(self._status.ready())
            self._asking.addCallbacks(self._learn, self._fail)
        if await ended_within(self._clock, self._asking, _PATIENCE_S):
            return self._known
        ready, checks = self._known
        waited_s = self._clock.seconds() - self._asked_at
        late = f"Snowflake has kept the checks waiting for {waited_s:.0f} s; these are the last."
        return ready, [*checks, Check("waiting", False, late, vital=False)]

    def _learn(self, known: tuple[bool, Sequence[Check]]) -> None:
        self._known = known

    def _fail(self, failure: Failure) -> None:
        _log.failure("the readiness checks failed", failure)
        self._known = (False, [Check("checks", False, "The checks could not be made.")])

    def statements(self, most: int = _LISTED) -> Answer:
        """Calls of tools and whatever else has a statement, longest running first."""
        running: dict[str, list[Running]] = {}
        for statement in self._warehouse.statements():
            running.setdefault(statement.request_id, []).append(statement)
        rows = []
        for call in self._kernel.calls():
            mine = running.pop(call.context.request_id, [])
            if mine or call.context.method == "tools/call":
                rows.append(self._of_call(call.context, mine))
        rows += [_of_statement(each) for left in running.values() for each in left]
        longest = nlargest(most, rows, key=itemgetter("elapsed_s"))
        return {"statements": longest, "total": len(rows)}

    def kill(self, request_id: str) -> Answer:
        """Stop a call and abort its statement in Snowflake.

        Raises:
            LookupError: nothing runs under this id.
        """
        statements = self._warehouse.end_statements(request_id) if request_id else 0
        calls = [c for c in self._kernel.calls() if c.context.request_id == request_id]
        if not statements:
            # A call whose statement ends hears of that; only one without needs telling.
            for call in calls:
                call.cancel("operator")
        if not statements and not calls:
            raise LookupError("Nothing runs under this id.")
        return {"request": request_id, "statements_aborted": statements}

    def sessions(self, most: int = _LISTED) -> Answer:
        """Handshake-era sessions, WebSockets and SSE streams, youngest first."""
        now = self._clock.seconds()
        sessions = self._kernel.live_sessions
        connected = self.front.attendance() if self.front is not None else []
        seen = [
            Attendance(
                id=session_id,
                kind="http",
                principal=live.owner,
                client=live.client,
                address="",
                age_s=now - live.began,
                idle_s=now - live.heard,
                in_flight=self._kernel.in_flight(session_id),
            )
            for session_id, live in sessions.newest(most)
        ]
        youngest = nsmallest(most, [*seen, *connected], key=attrgetter("age_s"))
        rows = [_row(each) for each in youngest]
        return {"sessions": rows, "total": len(sessions) + len(connected)}

    def end_session(self, session_id: str) -> Answer:
        """End a session; its calls stop, and a session over HTTP is not known any more.

        Raises:
            LookupError: there is none of this id.
        """
        if session_id in self._kernel.live_sessions:
            self._kernel.end_session(session_id, "operator")
        elif self.front is None or not self.front.end(session_id):
            raise LookupError("There is no session of this id.")
        return {"session": session_id, "ended": True}

    def doors(self) -> Answer:
        """Whether the server drains or is in maintenance, and what still runs."""
        return {**self._doors.snapshot(), "running": self._kernel.running}

    def drain(self, active: bool) -> Answer:
        """Be not ready and refuse new tool calls, or no more."""
        self._doors.draining = active
        return self.doors()

    def maintain(self, message: str | None) -> Answer:
        """Refuse new tool calls with a message, or no more.

        Raises:
            ValueError: the message cannot be shown.
        """
        if message is None:
            self._doors.maintenance = None
        else:
            self._doors.begin_maintenance(message)
        return self.doors()

    def reset_pool(self) -> Answer:
        """Close idle Snowflake sessions; those in use are closed when they come back."""
        return {"idle_sessions_closed": self._warehouse.retire_sessions()}

    def reload(self) -> Answer:
        """Do what SIGHUP does; the names of settings that count now and that wait for a restart.

        Raises:
            ValueError: the configuration cannot be used; nothing is changed.
        """
        if self.reread is None:
            raise ValueError("There is no configuration to read again.")
        report = self.reread()
        if report.problems:
            raise ValueError(f"Nothing is changed: {'; '.join(report.problems)}")
        return {"applied": list(report.applied), "restart": list(report.restart)}

    def breakers(self) -> list[Answer]:
        """The breaker of each Snowflake connection in use."""
        return self._warehouse.breakers()

    def reset_breakers(self) -> Answer:
        """Let all statements try again."""
        return {"breakers_closed": self._warehouse.reset_breakers()}

    def audit(self, last: int) -> Answer:
        """The last records of this process, oldest first; the whole chain is in the file."""
        records = [
            {name: value for name, value in record.items() if name != "statement"}
            for record in self._audit.recent(last)
        ]
        return {"on": self._audit.is_on, "records": records}

    def profiles(self) -> list[str]:
        """The names of the principals' tables."""
        return list(self._profiles.names)

    def profile(self, name: str) -> Answer:
        """The settings that count for a table now.

        Raises:
            LookupError: there is no such table.
        """
        try:
            return shown(self._profiles.of(name))
        except KeyError:
            raise LookupError("There is no table of this name.") from None

    def _of_call(self, context: RequestContext, statements: list[Running]) -> Answer:
        first = statements[0] if statements else None
        return {
            "request": context.request_id,
            "principal": context.facts.principal.name,
            "tool": context.tool or context.method,
            "client": context.facts.client,
            "transport": context.facts.transport,
            "status": first.status if first is not None else "waiting",
            "connection": first.connection if first is not None else "",
            "query_id": first.query_id if first is not None else context.query_id,
            "elapsed_s": round(self._clock.seconds() - context.began, 1),
        }


def _of_statement(statement: Running) -> Answer:
    """One whose caller has gone with the handle, or that the server runs for itself."""
    return {
        "request": statement.request_id,
        "principal": statement.principal,
        "tool": statement.tool,
        "client": statement.client,
        "transport": "",
        "status": "handed over" if statement.handed_over else statement.status,
        "connection": statement.connection,
        "query_id": statement.query_id,
        "elapsed_s": round(statement.elapsed_s, 1),
    }


def _named(name: str, found: Answer) -> Answer:
    """A list and how long it would be in full, as members of the overview."""
    return {name: found[name], f"{name}_total": found["total"]}


def _row(seen: Attendance) -> Answer:
    """As a dictionary; ``asdict`` copies what it finds and takes ten times as long."""
    return {
        "id": seen.id,
        "kind": seen.kind,
        "principal": seen.principal,
        "client": seen.client,
        "address": seen.address,
        "age_s": round(seen.age_s, 1),
        "idle_s": None if seen.idle_s is None else round(seen.idle_s, 1),
        "in_flight": seen.in_flight,
    }


def _is_this_host(address: str) -> bool:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address == _UNIX_SOCKET
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return (mapped or parsed).is_loopback
