"""One reading of the names in an account: SHOW of all, or place by place where that is cut."""

from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.catalog import Asker, Statements
from snowflake_mcp.warehouse.identifiers import literal, qualified
from snowflake_mcp.warehouse.shelf import ShelfCollector
from snowflake_mcp.warehouse.statement import Job

__all__ = ["OBJECTS", "Crawl"]

OBJECTS: Final = "OBJECTS"
"""Databases, schemas, tables and views; other words are what follows SHOW."""
_SHOW_MOST: Final = 10_000
"""SHOW never gives more rows, so a list of so many may lack some."""
_TIMEOUT_S: Final = 60.0
"""Of one statement."""
_GONE: Final = frozenset({Family.MISSING_OBJECT, Family.FORBIDDEN, Family.STATEMENT})
"""Failures that are about one place alone."""
_MOST_NAMED: Final = 3


class Crawl:
    """Reads place after place on one session of its asker; wakes no warehouse."""

    def __init__(
        self,
        statements: Statements,
        asker: Asker,
        clock: IReactorTime,
        *,
        words: str = OBJECTS,
        kind: str = "",
        first: str = "",
        max_objects: int,
        timeout_s: float,
    ) -> None:
        self._statements = statements
        self._asker = asker
        self._clock = clock
        self._words = words
        self._kind = kind
        self._first = first
        self._left = max_objects
        self._until = clock.seconds() + timeout_s
        self.tables: list[Any] = []
        """What was read so far, as Arrow tables."""

    async def run(self) -> tuple[str, ...]:
        """Read all that may be read; gives what is missing, in a few words each.

        Raises:
            ToolFailure: Snowflake or the way to it failed.
        """
        if self._words != OBJECTS:
            # Not every SHOW takes LIMIT.
            whole = self._add(await self._show(f"SHOW {self._words}", self._kind))
            return () if whole else (f"more than {_SHOW_MOST} {self._words.lower()}",)
        databases = await self._show(f"SHOW DATABASES LIMIT {_SHOW_MOST}", "database")
        schemas = await self._show(f"SHOW SCHEMAS IN ACCOUNT LIMIT {_SHOW_MOST}", "schema")
        self._add(databases)
        knows_schemas = schemas.num_rows < _SHOW_MOST
        if knows_schemas and self._add(schemas):
            objects = await self._show(f"SHOW OBJECTS IN ACCOUNT LIMIT {_SHOW_MOST}")
            if objects.num_rows < _SHOW_MOST:
                self._add(objects)
                return self._gaps([])
        names = databases["name"].to_pylist()
        ordered = sorted(names, key=lambda each: (each != self._first, each))
        return self._gaps(
            [
                name
                for name in ordered
                if self._over or not await self._database(name, knows_schemas)
            ]
        )

    @property
    def _over(self) -> bool:
        return self._left <= 0 or self._clock.seconds() >= self._until

    def _gaps(self, unread: list[str]) -> tuple[str, ...]:
        if not unread:
            return ("more objects than catalog.max_objects",) if self._left <= 0 else ()
        more = len(unread) - _MOST_NAMED
        named = ", ".join(unread[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        return (f"not or not wholly read: databases {named}",)

    async def _database(self, database: str, knows_schemas: bool) -> bool:
        """Read one database; whether nothing of it is missing."""
        try:
            scope = f"IN DATABASE {qualified(database)}"
            whole = True
            schemas = None
            if not knows_schemas:
                schemas = await self._show(f"SHOW SCHEMAS {scope} LIMIT {_SHOW_MOST}", "schema")
                whole = self._add(schemas)
            objects = await self._show(f"SHOW OBJECTS {scope} LIMIT {_SHOW_MOST}")
            if objects.num_rows < _SHOW_MOST:
                return self._add(objects) and whole
            if schemas is None:
                schemas = await self._show(f"SHOW SCHEMAS {scope} LIMIT {_SHOW_MOST}", "schema")
            whole = schemas.num_rows < _SHOW_MOST
            for schema in schemas["name"].to_pylist():
                if self._over:
                    return False
                whole = await self._schema(database, schema) and whole
        except ToolFailure as failure:
            if failure.family not in _GONE:
                raise
            return False
        return whole

    async def _schema(self, database: str, schema: str) -> bool:
        after = ""
        while not self._over:
            sql = f"SHOW OBJECTS IN SCHEMA {qualified(database, schema)} LIMIT {_SHOW_MOST}{after}"
            objects = await self._show(sql)
            self._add(objects)
            if objects.num_rows < _SHOW_MOST:
                return True
            after = f" FROM {literal(objects['name'][-1].as_py())}"
        return False

    async def _show(self, sql: str, kind: str = "") -> Any:
        asker = self._asker
        left_s = max(1.0, self._until - self._clock.seconds())
        job = Job(
            sql=sql,
            principal=asker.principal,
            max_rows=_SHOW_MOST,
            timeout_s=min(_TIMEOUT_S, asker.limits.statement_timeout_s, left_s),
            tag=asker.tag,
            wish=asker.wish,
            on_query=asker.trail.sent,
            on_end=asker.trail.ended,
        )
        return (await self._statements.run(job, ShelfCollector(kind))).value

    def _add(self, table: Any) -> bool:
        """Keep it as far as there is room; whether it is all that SHOW could have given."""
        kept = table.slice(0, max(0, self._left))
        self._left -= table.num_rows
        self.tables.append(kept)
        return bool(kept.num_rows == table.num_rows and table.num_rows < _SHOW_MOST)
