"""What the tools of a caller stand on: the server's parts, and the settings that count."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final, Protocol, Self, TypeVar

from msgspec import structs
from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.charts.lines import Answer, Question
from snowflake_mcp.config.model import (
    CatalogSettings,
    ChartSettings,
    ConnectionSettings,
    LimitSettings,
    PolicySettings,
    PrincipalSettings,
)
from snowflake_mcp.exports.links import Links
from snowflake_mcp.exports.spool import Spool
from snowflake_mcp.policy.ledger import Allowance, Allowances, Ledger
from snowflake_mcp.policy.measured import Judge
from snowflake_mcp.policy.objects import ObjectRules
from snowflake_mcp.policy.terms import Terms
from snowflake_mcp.policy.tiers import Tier, tier_named
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.tools.confirming import Confirmations
from snowflake_mcp.tools.keeping import KeptResults
from snowflake_mcp.tools.masks import NO_MASKS, Masks, masks_of
from snowflake_mcp.tools.names import stored
from snowflake_mcp.warehouse.catalog import Catalog
from snowflake_mcp.warehouse.cortex import Inquiry
from snowflake_mcp.warehouse.directory import Directory, Reader
from snowflake_mcp.warehouse.handles import Asking, Past
from snowflake_mcp.warehouse.identifiers import shown
from snowflake_mcp.warehouse.rest import Response
from snowflake_mcp.warehouse.results import Collector, Outcome
from snowflake_mcp.warehouse.standing import Standing
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.visible import plain
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["Backing", "Handles", "Lore", "Paints", "Parts", "Services", "Statements", "terms_of"]

T = TypeVar("T")

_ABOUT_HANDLES: Final = frozenset({"get_query_status", "fetch_results"})


class Statements(Protocol):
    """What runs SQL; ``warehouse.service.Warehouse`` does."""

    @property
    def handles(self) -> "Handles":
        """Its statements by query id."""

    async def run(self, job: Job, collector: Collector[T]) -> Outcome[T]:
        """Run one statement and give its rows to the collector; raises ToolFailure."""


class Services(Protocol):
    """What asks Snowflake's AI services; ``warehouse.cortex.Cortex`` does."""

    async def ask(self, question: Inquiry, read: Callable[[Response], T]) -> T:
        """What ``read`` makes of the answer; raises ToolFailure."""


class Handles(Protocol):
    """Statements by query id; ``warehouse.handles.Handles`` is it."""

    async def standing(self, query_id: str, asking: Asking, wait_s: float = 0.0) -> Standing:
        """How a statement of this caller stands; raises ToolFailure."""

    async def place(self, query_id: str, asking: Asking) -> Wish:
        """What of the seat of a statement of this caller is not its own; raises ToolFailure."""

    async def cancel(self, query_id: str, asking: Asking) -> Standing:
        """End a statement of this caller; raises ToolFailure."""

    def history_schema(self, principal: Principal, wish: Wish = NO_WISH) -> str:
        """The INFORMATION_SCHEMA that a caller's session has to ask; raises ToolFailure."""

    def recent(self, asking: Asking, since: float, most: int) -> Sequence[Past]:
        """The caller's statements that this process has sent, newest first."""

    async def read(
        self, query_id: str, asking: Asking, job: Job, collector: Collector[T], wait_s: float
    ) -> Outcome[T]:
        """Read rows of its result; raises ToolFailure and StillRunningError."""


class Paints(Protocol):
    """What draws pictures; ``charts.painter.Painter`` does."""

    @property
    def settings(self) -> ChartSettings:
        """The bounds of a picture."""

    async def paint(self, question: Question, owner: str = "") -> Answer:
        """The picture; raises Unpaintable."""


def _no_time() -> float:
    """Where nobody counts, it is always the same day."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Lore:
    """What is known of the objects that there are."""

    lists: Catalog
    """What is in one place, for a minute."""
    directory: Directory
    """Every name, for longer."""

    @classmethod
    def over(
        cls, warehouse: Reader, clock: IReactorTime, settings: CatalogSettings | None = None
    ) -> Self:
        """Nothing is read before somebody asks."""
        return cls(Catalog(warehouse, clock), Directory(warehouse, clock, settings))

    def changed(self, connection: str, tier: Tier) -> None:
        """A statement of ours has, or may have, changed something behind a connection."""
        self.lists.changed(connection)
        if tier > Tier.DML:
            self.directory.changed(connection)


@dataclass(frozen=True, slots=True)
class Parts:
    """What every caller's tools share."""

    statements: Statements
    gate: Judge
    ledger: Ledger = field(default_factory=lambda: Ledger(_no_time))
    """What each principal has used today."""
    confirmations: Confirmations = field(default_factory=Confirmations)
    lore: Lore | None = None
    """What is known of the objects that there are; ``None``: nothing is."""
    kept: KeptResults = field(default_factory=KeptResults)
    """Results of the operator's own tools."""
    cortex: "Services | None" = None
    """Snowflake's AI services; ``None`` where there are none to reach."""
    mask_key: bytes = field(default=b"", repr=False)
    """Of the hashes that stand for masked values."""
    spool: Spool | None = None
    """Where exports are put; ``None``: there are none."""
    links: Links | None = None
    painter: Paints | None = None
    """``None``: no pictures are drawn here."""


def terms_of(counts: PrincipalSettings) -> Terms:
    """The terms on which the gate judges for these callers.

    Raises:
        ValueError: a capability is unknown, or a pattern is none.
    """
    policy = counts.policy
    return Terms(
        counts.limits.max_sql_bytes,
        frozenset(policy.capabilities),
        policy.allow_objects,
        policy.deny_objects,
        counts.section("policy"),
        policy.mask_columns,
    )


@dataclass(frozen=True)
class Backing:
    """What the tools of the callers of one table stand on, as long as its settings count.

    What follows from its parts is found out once, by the first call that asks.
    """

    parts: Parts
    counts: PrincipalSettings
    connection: ConnectionSettings
    tier: Tier
    terms: Terms
    """The gate holds statements against these, and the tools what they read themselves."""
    allowances: Allowances
    """What each of these callers may use in an hour, and on a day."""
    names: frozenset[str]
    """The tools that these callers have."""
    masks: Masks = NO_MASKS
    """The columns whose values these callers are not shown."""
    wish: Wish = NO_WISH
    """What of the seat is not the callers' own."""

    @classmethod
    def of(
        cls,
        parts: Parts,
        counts: PrincipalSettings,
        connection: ConnectionSettings,
        names: Iterable[str],
    ) -> Self:
        """The backing by the settings that count.

        Raises:
            ValueError: a setting has no such value.
        """
        policy = counts.policy
        return cls(
            parts,
            counts,
            connection,
            tier_named(policy.tier),
            terms_of(counts),
            Allowances(
                Allowance(
                    policy.hourly_statements, policy.hourly_seconds, policy.hourly_scan_bytes
                ),
                Allowance(policy.daily_statements, policy.daily_seconds, policy.daily_scan_bytes),
            ),
            frozenset(names),
            masks_of(policy, parts.mask_key),
        )

    @property
    def handles(self) -> Handles:
        """Statements by query id."""
        return self.parts.statements.handles

    @cached_property
    def limits(self) -> LimitSettings:
        """Bounds of what these callers ask for."""
        return self.counts.limits

    @cached_property
    def policy(self) -> PolicySettings:
        """What SQL of these callers may do."""
        return self.counts.policy

    @cached_property
    def rules(self) -> ObjectRules:
        """The rules about objects."""
        return self.terms.rules

    @cached_property
    def role(self) -> str:
        """The Snowflake role that counts, as far as the settings name one; empty: the login's."""
        named = self.counts.role or str(self.connection.parameters.get("role") or "")
        return shown(self.wish.role) or named

    @cached_property
    def warehouse(self) -> str:
        """Likewise the virtual warehouse."""
        named = self.counts.warehouse or str(self.connection.parameters.get("warehouse") or "")
        return shown(self.wish.warehouse) or named

    @property
    def sight(self) -> Hashable:
        """All that what a statement gives depends on, beside its text: equal ones see the same."""
        parameters = self.connection.parameters
        login = [parameters.get(name) for name in ("account", "user", "database", "schema")]
        place = (self.connection.name, *map(str, login), self.role, self.warehouse)
        # Where the operator sets them is for remedies alone.
        return place, structs.replace(self.terms, section=""), self.tier, self.masks, self.limits

    @cached_property
    def place(self) -> tuple[str | None, str | None]:
        """Database and schema of the connection's login, as stored; ``None``: it names none.

        Raises:
            ToolFailure: what it names cannot be a name.
        """
        parameters = self.connection.parameters
        names = (parameters.get("database"), parameters.get("schema"))
        database, schema = (
            stored(name, "connection") if isinstance(name, str) and name else None for name in names
        )
        return database, schema

    @cached_property
    def chosen(self) -> Mapping[str, str]:
        """What of the seat is not the callers' own, in words."""
        return MappingProxyType(self.wish.words)

    @cached_property
    def source(self) -> str:
        """The connection's name as it stands in a sentence."""
        return plain(self.connection.name)

    @cached_property
    def backend(self) -> str:
        """What answers them: Snowflake or the sample warehouse."""
        return self.connection.backend.value

    @cached_property
    def budgeted(self) -> bool:
        """Whether the operator bounds what a query of theirs may read."""
        policy = self.policy
        return bool(
            policy.max_scan_partitions
            or policy.max_scan_bytes
            or policy.hourly_scan_bytes
            or policy.daily_scan_bytes
        )

    @cached_property
    def gives_handles(self) -> bool:
        """Whether these callers can do something with the query id of a statement that goes on."""
        return self.names >= _ABOUT_HANDLES

    def setting(self, name: str) -> str:
        """Where the operator sets this setting of the section ``policy`` for these callers."""
        return f"{self.terms.section}.{name}"
