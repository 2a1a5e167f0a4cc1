"""The audit: who did what, in records that vouch for each other, or a clear word that it fails."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from snowflake_mcp.ops.journal import Journal
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.ops.syncing import Syncing

__all__ = ["EVENTS", "MEMBERS", "Audit"]

_log = Logger()

_KEPT: Final = 200
"""Records that are kept in memory for whoever wants to see the last ones."""
_TEXT_CHARS: Final = 300
_REFUSED_BURST: Final = 50.0
_REFUSED_PER_S: Final = 1.0
"""Refused logins that get a record of their own; whoever floods gets one that counts the rest."""


MEMBERS: Final = frozenset(
    {
        "request_id",
        "principal",
        "profile",
        "peer",
        "transport",
        "client",
        "session",
        "trace",
        "tool",
        "alias",
        "resource",
        "task",
        "connection",
        "role",
        "warehouse",
        "verdict",
        "kind",
        "tier",
        "rules",
        "objects",
        "objects_more",
        "statement_sha256",
        "statement",
        "confirmation",
        "queries",
        "service_request",
        "masked",
        "export",
        "rows",
        "bytes",
        "outcome",
        "errno",
        "duration_ms",
        "credential",
        "reason",
        "more",
        "action",
        "target",
        "version",
        "chain",
        "pid",
        "applied",
        "waiting",
        "lost",
        "since",
        "torn_bytes",
    }
)
"""Everything that a record may say beside its chain; docs/audit.md explains each."""
EVENTS: Final = frozenset(
    {
        "tools/call",
        "resources/read",
        "tasks/cancel",
        "statement.end",
        "export.download",
        "auth.refused",
        "admin",
        "server.start",
        "server.reload",
        "server.stop",
        "audit.gap",
        "audit.recovered",
    }
)
"""What records are of; and any other method of MCP that has sent something to Snowflake."""


class Audit(Service):
    """Takes records of whatever somebody did; reactor thread only.

    Without a journal it is off: it takes everything and keeps nothing.

    Args:
        journal: where records go.
        syncing: how they come to the disk.
        metrics: counts what is written and what is lost.
        clock: times, for bounds only.
        start: members of the record that tells of the start.
        strict: nothing may be done that cannot be recorded.
    """

    def __init__(
        self,
        journal: Journal | None,
        syncing: Syncing | None,
        metrics: Metrics,
        clock: IReactorTime,
        start: Mapping[str, Any],
        *,
        strict: bool = False,
    ) -> None:
        self._journal = journal
        self._syncing = syncing
        self._metrics = metrics
        self._clock = clock
        self._start = start
        self._strict = strict
        self._recent: deque[Mapping[str, Any]] = deque(maxlen=_KEPT)
        self._allowance = _REFUSED_BURST
        self._allowance_at = 0.0
        self._uncounted = 0

    @property
    def is_on(self) -> bool:
        """Whether there is a file to write to."""
        return self._journal is not None

    def startService(self) -> None:
        """Open the file and record the start."""
        if self._journal is None:
            return
        self._metrics.watch_one("audit_failing", self._failing)
        if self._syncing is not None:
            self._syncing.start()
        self._journal.open()
        self.record("server.start", self._start)
        self._tell_place("opened")

    def stopService(self) -> Deferred[None] | None:
        """Record the stop and close the file."""
        if self._journal is None:
            return None
        self.record("server.stop", {})
        self._tell_place("closed")
        return Deferred.fromCoroutine(self._close(self._journal))

    async def _close(self, journal: Journal) -> None:
        if self._syncing is not None:
            await self._syncing.stop()
        journal.close()

    def reopen(self) -> None:
        """Write on into whatever has the file's name now, for SIGUSR1."""
        if self._journal is not None:
            self._journal.reopen()

    def may_go_on(self) -> bool:
        """Whether something may be done now, as far as its record is concerned."""
        return self._journal is None or not self._strict or self._journal.works()

    def record(self, event: str, members: Mapping[str, Any]) -> bool:
        """Append a record without its empty members; ``False``: it is lost, and that matters.

        Where losing records is allowed, it does not matter.

        Raises:
            ValueError: a member is not among ``MEMBERS``.
        """
        if unknown := members.keys() - MEMBERS:
            raise ValueError(f"records have no members {sorted(unknown)}")
        if self._journal is None:
            return True
        said = {
            name: value if name == "statement" else _bounded(value)
            for name, value in members.items()
            if not _is_empty(value)
        }
        written = self._journal.write(event, said)
        self._recent.append({"seq": self._journal.seq if written else None, "event": event, **said})
        self._metrics.count("audit_records" if written else "audit_lost")
        return written or not self._strict

    def durable(self) -> Deferred[bool] | None:
        """What to wait for before anybody hears of the last record; ``None``: nothing.

        It fires as ``record`` returns: False when the record did not reach the disk, and matters.
        """
        awaited = None if self._syncing is None else self._syncing.written()
        if awaited is not None and not self._strict:
            awaited.addCallback(lambda _: True)
        return awaited

    def refused_authentication(self, peer: str, credential: str, reason: str) -> None:
        """Somebody was not let in; what he tried and why not are fixed words."""
        now = self._clock.seconds()
        gained = (now - self._allowance_at) * _REFUSED_PER_S
        self._allowance = min(_REFUSED_BURST, self._allowance + gained)
        self._allowance_at = now
        if self._allowance < 1.0:
            self._uncounted += 1
            return
        self._allowance -= 1.0
        uncounted, self._uncounted = self._uncounted, 0
        members = {
            "peer": peer,
            "credential": credential,
            "reason": reason,
            "outcome": "refused",
            "more": uncounted or None,
        }
        self.record("auth.refused", members)

    def administered(
        self, *, principal: str, peer: str, action: str, target: str = "", outcome: str = "ok"
    ) -> bool:
        """Somebody used the operators' surface; see ``record`` for what is returned."""
        members = {
            "principal": principal,
            "peer": peer,
            "action": action,
            "target": target,
            "outcome": outcome,
        }
        return self.record("admin", members)

    def recent(self, count: int) -> Sequence[Mapping[str, Any]]:
        """The last records, oldest first; those that were lost have no ``seq``."""
        return list(self._recent)[-count:] if count > 0 else []

    def _failing(self) -> float:
        return float(self._journal is not None and self._journal.failing)

    def _tell_place(self, what: str) -> None:
        """Say in the log where the chain has come to: what was cut off its end is then missed."""
        journal = self._journal
        if journal is not None and not journal.failing:
            _log.info(
                "audit {what} at record {seq}, hash {hash}",
                what=what,
                seq=journal.seq,
                hash=journal.hash,
            )


def _is_empty(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, list | tuple) and not value)


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _TEXT_CHARS:
        return value[:_TEXT_CHARS] + "…"
    return value
