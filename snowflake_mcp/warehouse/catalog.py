"""Snowflake's catalog by SHOW and DESCRIBE, kept for a minute and shared by all who ask."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar, cast

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.config.model import LimitSettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.trail import Trail
from snowflake_mcp.warehouse.accounts import Seat
from snowflake_mcp.warehouse.entries import (
    ColumnEntry,
    DatabaseEntry,
    DefinitionEntry,
    EntriesCollector,
    Entry,
    Listing,
    ObjectEntry,
    PlacedColumn,
    SchemaEntry,
    TableEntry,
    ViewEntry,
    column_entry,
    database_entry,
    definition_entry,
    named,
    object_entry,
    placed_column,
    schema_entry,
    table_entry,
    view_entry,
)
from snowflake_mcp.warehouse.identifiers import literal, qualified, shown
from snowflake_mcp.warehouse.recent import Recent
from snowflake_mcp.warehouse.results import Collector, Outcome
from snowflake_mcp.warehouse.shows import Row, text
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["KEEP_S", "Asker", "Catalog", "Statements"]

T = TypeVar("T")
EntryT = TypeVar("EntryT", bound=Entry)

KEEP_S: Final = 60.0
"""How old an answer may be when nobody asks for a younger one."""
_TIMEOUT_S: Final = 60.0
"""Of one statement, waiting for a place and for a login included."""
_SLOW_S: Final = 600.0
"""Of an account whose columns take too long to search: not everybody is to wait for that."""
_MOST_SLOW: Final = 1_000
_SHOW_MOST: Final = 10_000
"""SHOW never gives more rows, so a list of so many may lack some."""
_LISTING_BYTES: Final = 4 << 20
_KEPT_BYTES: Final = 16 << 20
"""Of all lists that are kept, as JSON; as objects they take about four times that."""
_KEPT_LISTINGS: Final = 512


_PERSONAL: Final = frozenset({Family.BUSY, Family.CANCELLED, Family.LIMIT})
"""Failures by what one caller has used up, or had ended: others who wait read for themselves."""


class Statements(Protocol):
    """What runs SQL; ``warehouse.service.Warehouse`` does."""

    def seat(self, principal: Principal, wish: Wish = NO_WISH) -> Seat:
        """Where this caller's statements run; raises ToolFailure."""

    async def run(self, job: Job, collector: Collector[T]) -> Outcome[T]:
        """Run one statement and give its rows to the collector; raises ToolFailure."""


def _everything(_: Sequence[str]) -> bool:
    """Without rules all that the role sees may be seen."""
    return True


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf the catalog is read, what may be told, and how old it may be."""

    principal: Principal
    tag: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    max_age_s: float | None = None
    """``None``: as old as the catalog keeps its answers."""
    shows: Callable[[Sequence[str]], bool] = _everything
    """Whether what is at a path of stored names may be seen. Lists are shared by those whose
    ``shows`` is equal, so give the same one for the same rules."""
    limits: LimitSettings = field(default_factory=LimitSettings)
    """How much an answer may hold."""
    trail: Trail = field(default_factory=Trail)
    """Of the request that asks; what it finds kept leaves nothing in it."""
    timeout_s: float = _TIMEOUT_S
    """Of one statement, waiting for a place and for a login included."""
    wish: Wish = NO_WISH
    """What of the seat is not the caller's own."""

    @property
    def max_bytes(self) -> int:
        """Of one list; two share an answer where tables and views are shown together."""
        return min(_LISTING_BYTES, self.limits.max_result_bytes // 2)

    @property
    def definition_chars(self) -> int:
        """Of the definition of a view."""
        return min(self.limits.max_cell_chars, self.limits.max_result_bytes // 16)


class Catalog:
    """What there is in Snowflake, by stored names; reactor thread only.

    No statement here wakes a warehouse. What is kept is shared by those who have the same
    connection and role in Snowflake, and may see the same and as much. Every method raises
    ``ToolFailure`` when Snowflake or the way to it fails (MISSING_OBJECT: a name in the question
    is not known), ``ValueError`` when a name cannot be one, and ``CancelledError``.
    """

    def __init__(self, statements: Statements, clock: IReactorTime) -> None:
        self._statements = statements
        self._clock = clock
        self._changes: Counter[str] = Counter()
        self._slow: dict[Hashable, float] = {}
        """Where columns could not be searched in time, and until when it is not tried again."""
        self._recent: Recent[Listing[Any]] = Recent(
            clock,
            lambda listing: len(bytes(listing.encoded)),
            keep_s=KEEP_S,
            max_entries=_KEPT_LISTINGS,
            max_weight=_KEPT_BYTES,
            personal=lambda error: isinstance(error, ToolFailure) and error.family in _PERSONAL,
        )

    def changed(self, connection: str) -> None:
        """A statement of ours has changed something there: what is kept is true no longer."""
        self._changes[connection] += 1

    def age_s(self, read_at: float) -> float:
        """How old what was read at this time is."""
        return max(0.0, self._clock.seconds() - read_at)

    def seat(self, asker: Asker) -> Seat:
        """Where in Snowflake, and as what, it is read.

        Raises:
            ToolFailure: the asker's settings are no more.
        """
        return self._statements.seat(asker.principal, asker.wish)

    async def databases(self, asker: Asker) -> Listing[DatabaseEntry]:
        """Every database."""
        return await self._inside((), _show("DATABASES"), database_entry, asker)

    async def schemas(self, database: str, asker: Asker) -> Listing[SchemaEntry]:
        """The schemas of a database."""
        scope = f" IN DATABASE {qualified(database)}"
        return await self._inside((database,), _show("SCHEMAS", scope), schema_entry, asker)

    async def tables(self, database: str, schema: str, asker: Asker) -> Listing[TableEntry]:
        """The tables of a schema."""
        scope = f" IN SCHEMA {qualified(database, schema)}"
        return await self._inside((database, schema), _show("TABLES", scope), table_entry, asker)

    async def views(self, database: str, schema: str, asker: Asker) -> Listing[ViewEntry]:
        """The views of a schema."""
        scope = f" IN SCHEMA {qualified(database, schema)}"
        return await self._inside((database, schema), _show("VIEWS", scope), view_entry, asker)

    async def objects(self, database: str, schema: str, asker: Asker) -> Listing[ObjectEntry]:
        """The tables and views of a schema, in one list."""
        scope = f" IN SCHEMA {qualified(database, schema)}"
        return await self._inside((database, schema), _show("OBJECTS", scope), object_entry, asker)

    async def columns(
        self, database: str, schema: str, name: str, asker: Asker
    ) -> Listing[ColumnEntry]:
        """The columns of a table or view."""
        _seen(asker, database, schema, name)
        # Snowflake takes this for views as well.
        sql = f"DESCRIBE TABLE {qualified(database, schema, name)}"
        return await self._list(sql, column_entry, asker)

    async def columns_like(self, part: str, asker: Asker, *path: str) -> Listing[PlacedColumn]:
        """Columns with this in their names, of everything at a path of at most two names.

        Where that took too long, it is not tried again for ten minutes (TIMEOUT).
        """
        _seen(asker, *path)
        shows = asker.shows
        scope = f"{('ACCOUNT', 'DATABASE', 'SCHEMA')[len(path)]} {qualified(*path) if path else ''}"

        def build(row: Row) -> PlacedColumn | None:
            found = placed_column(row)
            # To a pattern an underscore is any sign.
            fits = part.lower() in found.stored.lower()
            return found if fits and shows(found.path) else None

        seat = self.seat(asker)
        key = (seat.connection, seat.role, scope)
        if self._clock.seconds() < self._slow.get(key, 0.0):
            raise ToolFailure(Family.TIMEOUT, "Columns could not be searched here of late.")
        pattern = part.replace("\\", "_").replace("%", "_")
        sql = f"SHOW COLUMNS LIKE {literal(f'%{pattern}%')} IN {scope.rstrip()}"
        try:
            return await self._list(sql, build, asker, shows)
        except ToolFailure as failure:
            if failure.family is Family.TIMEOUT:
                if len(self._slow) >= _MOST_SLOW:
                    self._slow.clear()
                self._slow[key] = self._clock.seconds() + _SLOW_S
            raise

    async def find(self, database: str, schema: str, name: str, asker: Asker) -> ObjectEntry | None:
        """The table or view of that name; ``None`` when it is not listed."""
        _seen(asker, database, schema, name)
        sql = _show("OBJECTS", _like(database, schema, name))
        return await self._first(sql, named(name, object_entry), asker)

    async def definition(
        self, database: str, schema: str, name: str, asker: Asker
    ) -> DefinitionEntry | None:
        """The statement that defines a view; ``None`` when there is no such view."""
        _seen(asker, database, schema, name)
        most = asker.definition_chars

        def build(row: Row) -> DefinitionEntry:
            return definition_entry(row, most)

        sql = _show("VIEWS", _like(database, schema, name))
        return await self._first(sql, named(name, build), asker)

    async def semantic_model(
        self, database: str, schema: str, view: str, asker: Asker
    ) -> DefinitionEntry | None:
        """A semantic view as the YAML of a semantic model."""
        _seen(asker, database, schema, view)
        most = asker.max_bytes // 2
        name = ".".join(map(shown, (database, schema, view)))
        sql = (
            f'SELECT {literal(view)} AS "name", '  # nosec B608 # both are literals
            f'SYSTEM$READ_YAML_FROM_SEMANTIC_VIEW({literal(name)}) AS "text"'
        )
        return await self._first(sql, lambda row: definition_entry(row, most), asker)

    async def _inside(
        self,
        path: tuple[str, ...],
        sql: str,
        build: Callable[[Row], EntryT | None],
        asker: Asker,
    ) -> Listing[EntryT]:
        """The list of what is at ``path``, without what may not be seen."""
        _seen(asker, *path)
        shows = asker.shows

        def visible(row: Row) -> EntryT | None:
            return build(row) if shows((*path, text(row, "name") or "")) else None

        return await self._list(sql, visible, asker, shows)

    async def _first(
        self, sql: str, build: Callable[[Row], EntryT | None], asker: Asker
    ) -> EntryT | None:
        listing = await self._list(sql, build, asker, asker.definition_chars, first=True)
        return listing.entries[0] if listing.entries else None

    async def _list(
        self,
        sql: str,
        build: Callable[[Row], EntryT | None],
        asker: Asker,
        of: Hashable = None,
        *,
        first: bool = False,
    ) -> Listing[EntryT]:
        """``of`` is what ``build`` depends on beside the row."""
        seat = self.seat(asker)

        async def read() -> Listing[EntryT]:
            collector = EntriesCollector(build, asker.max_bytes, first=first)
            trail = asker.trail
            trail.connection, trail.role = seat.connection, seat.known_role or ""
            trail.runs(sql)
            job = Job(
                sql=sql,
                principal=asker.principal,
                max_rows=_SHOW_MOST,
                timeout_s=min(asker.timeout_s, asker.limits.statement_timeout_s),
                tag=asker.tag,
                wish=asker.wish,
                on_query=trail.sent,
                on_end=trail.ended,
            )
            outcome = await self._statements.run(job, collector)
            listing = replace(outcome.value, read_at=self._clock.seconds())
            if listing.cut is None and outcome.rows >= _SHOW_MOST:
                return replace(listing, cut="rows")
            return listing

        # What is still being read when something changes is not given to who asks afterwards.
        since = self._changes[seat.connection]
        key = (seat.connection, seat.role, since, sql, of, asker.max_bytes)
        return cast("Listing[EntryT]", await self._recent.get(key, read, asker.max_age_s))


def _seen(asker: Asker, *path: str) -> None:
    if path and not asker.shows(path):
        raise ToolFailure(
            Family.MISSING_OBJECT, "There is no such object, or the server may not show it."
        )


def _show(kind: str, scope: str = "") -> str:
    return f"SHOW {kind}{scope} LIMIT {_SHOW_MOST}"


def _like(database: str, schema: str, name: str) -> str:
    # A pattern that may match more than the name, which is compared again: whether and how a
    # pattern's own backslash works is nothing to rely on.
    pattern = name.replace("\\", "_")
    return f" LIKE {literal(pattern)} IN SCHEMA {qualified(database, schema)}"
