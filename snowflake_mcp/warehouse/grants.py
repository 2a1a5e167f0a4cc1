"""What a role of the server may do in Snowflake, read once at the start.

The gate is the first fence and the role the last one: a role that can write is worth a warning on
a server that only reads.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.privileges import MOST_ROWS, Grants, read_grants
from snowflake_mcp.warehouse.results import Collector, Column, JsonValue, Outcome
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["PRINCIPAL", "GrantCheck", "GrantChecks", "Statements"]

T = TypeVar("T")

_log = Logger()

_TIMEOUT_S: Final = 60.0
_AGAIN_S: Final = 60.0
"""After a failure the grants are asked for again."""
PRINCIPAL: Final = "(grants)"
"""Whose sessions it has; no caller is called so."""
_TAG: Final[Mapping[str, str]] = MappingProxyType(
    {"server": "snowflake-mcp", "method": "grant check"}
)


class Statements(Protocol):
    """What runs SQL; ``warehouse.service.Warehouse`` does."""

    async def run(self, job: Job, collector: Collector[T]) -> Outcome[T]:
        """Run one statement and give its rows to the collector; raises ToolFailure."""


class GrantCheck:
    """Reads the grants of one role; reactor thread only."""

    def __init__(
        self,
        statements: Statements,
        role: str | None,
        profile: str = "",
        connection: str = "",
        wish: Wish = NO_WISH,
    ) -> None:
        """``role`` as stored, ``None`` for the login's own; a session of ``profile`` has it."""
        self._statements = statements
        self.role = role
        self._principal = Principal(PRINCIPAL, profile)
        self.connection = connection
        self._wish = wish
        self.problem = "the grants of the role have not been read yet"
        self.found: Grants | None = None

    async def read(self) -> bool:
        """Read the grants; returns whether Snowflake told them.

        Raises:
            CancelledError: the server stops.
        """
        try:
            self.found = await self._read()
        except ToolFailure as failure:
            self.problem = f"the grants of the role are not known: {failure.family.value}"
            _log.warn(
                "{problem} (connection {connection})",
                problem=self.problem,
                connection=self.connection,
            )
            return False
        if self.found.writing:
            _log.warn(
                "{grants}, although whoever has it here only reads; give it a role that can only "
                "read (docs/operations.md), or set policy.on_writable_role",
                grants=self.found.in_words,
            )
        else:
            _log.info("{grants}", grants=self.found.in_words)
        return True

    @property
    def in_words(self) -> str:
        """A sentence for operators."""
        return self.problem if self.found is None else self.found.in_words

    def snapshot(self) -> dict[str, object]:
        """For /status: whether the role can write, and with what."""
        if self.found is None:
            return {"checked": False, "detail": self.problem}
        writing = dict(self.found.writing)
        return {"checked": True, "can_write": bool(writing), "privileges": writing}

    async def _read(self) -> Grants:
        role = self.role or await self._current()
        return await read_grants(role, self._rows)

    async def _current(self) -> str:
        rows = await self._rows("SELECT CURRENT_ROLE() AS name")
        return rows[0].get("name", "") or "PUBLIC" if rows else "PUBLIC"

    async def _rows(self, sql: str) -> list[dict[str, str]]:
        job = Job(sql, self._principal, MOST_ROWS, _TIMEOUT_S, tag=_TAG, wish=self._wish)
        return (await self._statements.run(job, _GrantCollector())).value


class GrantChecks:
    """The roles of all callers that only read, each checked once; reactor thread only.

    ``refuse``: the server is not ready while one of them can write, nor before the grants of the
    server's own role are known. Another connection that does not answer keeps nobody else out.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._own: GrantCheck | None = None
        self._checks: list[GrantCheck] = []
        self._refuse = False

    def __len__(self) -> int:
        return len(self._checks)

    def take(self, own: GrantCheck | None, others: Sequence[GrantCheck], *, refuse: bool) -> None:
        """Check these; what is known of a role counts until it has been read again.

        ``own`` is of the server's own role; ``None``: whoever has that may write.
        """
        known = {(each.connection, each.role): each.found for each in self._checks}
        self._own = own
        self._checks = [*([own] if own is not None else []), *others]
        self._refuse = refuse
        for each in self._checks:
            each.found = known.get((each.connection, each.role))

    async def run(self) -> None:
        """Read the grants, one role after the other, again and again until all are known.

        Raises:
            CancelledError: the server stops.
        """
        unknown = list(self._checks)
        while unknown:
            unknown = [check for check in unknown if not await check.read()]
            if unknown:
                turn: Deferred[None] = Deferred()
                wait = self._clock.callLater(_AGAIN_S, turn.callback, None)
                try:
                    await turn
                finally:
                    if wait.active():
                        wait.cancel()

    def ready(self) -> tuple[bool, str]:
        """Whether the grants let the server be ready, and a sentence."""
        writing = [each for each in self._checks if each.found is not None and each.found.writing]
        unknown = self._own is not None and self._own.found is None
        first = writing[0] if writing else self._own or self._checks[0]
        return not (self._refuse and (writing or unknown)), first.in_words

    def snapshot(self) -> dict[str, object]:
        """For /status: of the server's own role, and of the others by connection."""
        own = self._own.snapshot() if self._own is not None else {}
        others = [each for each in self._checks if each is not self._own]
        told = [{"connection": each.connection, **each.snapshot()} for each in others]
        return {**own, **({"others": told} if told else {})}


class _GrantCollector:
    """Collects what of each row counts; worker thread only."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._rows: list[dict[str, str]] = []

    def begin(self, columns: Sequence[Column]) -> None:
        """Take the columns, before any row."""
        self._names = [column.name.lower().replace("granted_on", "on") for column in columns]

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take a slice."""
        for row in rows:
            values = dict(zip(self._names, row, strict=True))
            self._rows.append({key: str(values.get(key) or "") for key in _KEYS})
        return True

    def finish(self) -> list[dict[str, str]]:
        """The rows."""
        return self._rows


_KEYS: Final = ("privilege", "on", "name")
