"""What databases, schemas, tables, views and columns there are, read from DuckDB's catalog."""

# ruff: noqa: S608 the SQL is put together from constants alone; names go in as parameters

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from snowflake_mcp.simulator.failures import missing_object
from snowflake_mcp.simulator.keys import Key
from snowflake_mcp.simulator.notes import Notes, Path
from snowflake_mcp.simulator.types import snowflake_type

__all__ = ["Catalog", "ColumnEntry", "Entry"]

_HIDDEN_DATABASES: Final = "('memory', 'system', 'temp', '_fs_global')"
_HIDDEN_SCHEMAS: Final = "('main', '_fs_information_schema', 'information_schema', 'pg_catalog')"
_MAX_COUNTED: Final = 300
"""Tables whose rows are counted for one listing; of more, DuckDB's estimate is given."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A database, schema, table or view."""

    path: Path
    kind: str
    """DATABASE, SCHEMA, TABLE or VIEW"""
    created: datetime
    comment: str = ""
    rows: int | None = None
    text: str = ""
    """The definition of a view."""

    @property
    def name(self) -> str:
        """The last name of the path."""
        return self.path[-1]


@dataclass(frozen=True, slots=True)
class ColumnEntry:
    """A column of a table or view."""

    table: Path
    name: str
    type: str
    """As Snowflake writes it: NUMBER(38,0), VARCHAR(50), TIMESTAMP_NTZ(9), ..."""
    nullable: bool = True
    default: str | None = None
    comment: str = ""
    primary_key: bool = False
    unique_key: bool = False


class Catalog:
    """Reads DuckDB's catalog through one session's connection; worker threads only."""

    def __init__(self, duck: Any, notes: Notes) -> None:
        self._duck = duck
        self.notes = notes

    def has_database(self, database: str) -> bool:
        """Whether there is a database of exactly this name."""
        return database in {entry.name for entry in self.databases()}

    def has_schema(self, database: str, schema: str) -> bool:
        """Whether there is a schema of exactly this name."""
        return schema in {entry.name for entry in self.schemas(database)}

    def has_relation(self, path: Path) -> bool:
        """Whether there is a table or view of exactly this full path."""
        return bool(
            self._ask(
                "SELECT 1 FROM duckdb_tables() "
                "WHERE database_name = $1 AND schema_name = $2 AND table_name = $3 "
                "UNION ALL SELECT 1 FROM duckdb_views() "
                "WHERE database_name = $1 AND schema_name = $2 AND view_name = $3",
                [*path[:2], self.notes.stored(path)],
            )
        )

    def taken(self, path: Path) -> bool:
        """Whether DuckDB has a table or view at ``path``, its name in any case."""
        return bool(
            self._ask(
                "SELECT 1 FROM duckdb_tables() WHERE database_name = $1 AND schema_name = $2 "
                "AND lower(table_name) = lower($3) UNION ALL SELECT 1 FROM duckdb_views() "
                "WHERE database_name = $1 AND schema_name = $2 AND lower(view_name) = lower($3)",
                path,
            )
        )

    def databases(self) -> list[Entry]:
        """All databases, by name."""
        rows = self._ask(
            "SELECT database_name FROM duckdb_databases() "
            f"WHERE database_name NOT IN {_HIDDEN_DATABASES} ORDER BY 1"
        )
        return [self._entry((name,), "DATABASE") for (name,) in rows]

    def schemas(self, database: str | None = None) -> list[Entry]:
        """The schemas of one database or of all, by name; INFORMATION_SCHEMA included."""
        rows = self._ask(
            "SELECT database_name, schema_name FROM duckdb_schemas() "
            f"WHERE database_name NOT IN {_HIDDEN_DATABASES} "
            f"AND schema_name NOT IN {_HIDDEN_SCHEMAS} AND ($1 IS NULL OR database_name = $1) "
            "UNION SELECT database_name, 'INFORMATION_SCHEMA' FROM duckdb_databases() "
            f"WHERE database_name NOT IN {_HIDDEN_DATABASES} AND ($1 IS NULL OR database_name = $1)"
            " ORDER BY 1, 2",
            [database],
        )
        return [self._entry((owner, name), "SCHEMA") for owner, name in rows]

    def tables(self, database: str | None = None, schema: str | None = None) -> list[Entry]:
        """Tables with their comments and exact row counts, by name."""
        rows = self._ask(
            "SELECT t.database_name, t.schema_name, t.table_name, t.estimated_size, e.comment "
            "FROM duckdb_tables() t LEFT JOIN _fs_global._fs_information_schema._fs_tables_ext e "
            "ON e.ext_table_catalog = t.database_name AND e.ext_table_schema = t.schema_name "
            "AND e.ext_table_name = t.table_name "
            f"WHERE t.database_name NOT IN {_HIDDEN_DATABASES} "
            f"AND t.schema_name NOT IN {_HIDDEN_SCHEMAS} "
            "AND ($1 IS NULL OR t.database_name = $1) AND ($2 IS NULL OR t.schema_name = $2) "
            "ORDER BY 1, 2, 3",
            [database, schema],
        )
        counts = self._counts([tuple(row[:3]) for row in rows[:_MAX_COUNTED]])
        return [
            self._entry(
                self._known((row[0], row[1], row[2])),
                "TABLE",
                comment=row[4] or "",
                rows=counts.get((row[0], row[1], row[2]), int(row[3] or 0)),
            )
            for row in rows
        ]

    def views(self, database: str | None = None, schema: str | None = None) -> list[Entry]:
        """Views with their comments and definitions, by name."""
        rows = self._ask(
            "SELECT v.database_name, v.schema_name, v.view_name, v.sql, e.comment "
            "FROM duckdb_views() v LEFT JOIN _fs_global._fs_information_schema._fs_tables_ext e "
            "ON e.ext_table_catalog = v.database_name AND e.ext_table_schema = v.schema_name "
            "AND e.ext_table_name = v.view_name "
            f"WHERE NOT v.internal AND v.database_name NOT IN {_HIDDEN_DATABASES} "
            f"AND v.schema_name NOT IN {_HIDDEN_SCHEMAS} "
            "AND ($1 IS NULL OR v.database_name = $1) AND ($2 IS NULL OR v.schema_name = $2) "
            "ORDER BY 1, 2, 3",
            [database, schema],
        )
        return [
            self._entry(
                self._known((owner, schema_name, name)),
                "VIEW",
                comment=comment or "",
                text=self.notes.source(self._known((owner, schema_name, name))) or sql,
            )
            for owner, schema_name, name, sql, comment in rows
        ]

    def sequences(
        self, database: str | None = None, schema: str | None = None
    ) -> list[tuple[Path, int, int]]:
        """Sequences with their next value and their step, by name."""
        rows = self._ask(
            "SELECT database_name, schema_name, sequence_name, "
            "coalesce(last_value + increment_by, start_value), increment_by "
            f"FROM duckdb_sequences() WHERE database_name NOT IN {_HIDDEN_DATABASES} "
            "AND NOT starts_with(sequence_name, '_fs_') "
            "AND ($1 IS NULL OR database_name = $1) AND ($2 IS NULL OR schema_name = $2) "
            "ORDER BY 1, 2, 3",
            [database, schema],
        )
        return [((row[0], row[1], row[2]), int(row[3]), int(row[4])) for row in rows]

    def find(self, path: Sequence[str]) -> Entry:
        """The table or view of exactly this full path.

        :raises StatementFailed: 002003
        """
        database, schema, name = path
        for entry in (*self.tables(database, schema), *self.views(database, schema)):
            if entry.name == name:
                return entry
        raise missing_object("Object", ".".join(path))

    def columns(
        self, database: str | None = None, schema: str | None = None, table: str | None = None
    ) -> list[ColumnEntry]:
        """Columns of tables and views in their order."""
        rows = self._ask(
            "SELECT c.database_name, c.schema_name, c.table_name, c.column_name, c.data_type, "
            "c.is_nullable, c.column_default, c.comment, e.ext_character_maximum_length "
            "FROM duckdb_columns() c "
            "LEFT JOIN _fs_global._fs_information_schema._fs_columns_ext e "
            "ON e.ext_table_catalog = c.database_name AND e.ext_table_schema = c.schema_name "
            "AND e.ext_table_name = c.table_name AND e.ext_column_name = c.column_name "
            f"WHERE NOT c.internal AND c.database_name NOT IN {_HIDDEN_DATABASES} "
            f"AND c.schema_name NOT IN {_HIDDEN_SCHEMAS} "
            "AND ($1 IS NULL OR c.database_name = $1) AND ($2 IS NULL OR c.schema_name = $2) "
            "AND ($3 IS NULL OR c.table_name = $3) ORDER BY 1, 2, 3, c.column_index",
            [database, schema, self._stored_name(database, schema, table)],
        )
        primary, unique = self._keyed("PRIMARY KEY"), self._keyed("UNIQUE")
        found = []
        for owner, schema_name, table_name, name, kind, nullable, default, comment, length in rows:
            path = self._known((owner, schema_name, table_name))
            declared = self.notes.types(path).get(name)
            found.append(
                ColumnEntry(
                    path,
                    name,
                    declared or snowflake_type(kind, length),
                    bool(nullable) and (*path, name) not in primary,
                    default,
                    comment or "",
                    (*path, name) in primary,
                    (*path, name) in unique,
                )
            )
        return found

    def keys(self, kind: str, path: Path = ()) -> list[tuple[Path, Key]]:
        """Constraints of one kind with their tables, of one table or below one place."""
        return [
            (table, key)
            for table, key in self.notes.all_keys()
            if key.kind == kind and table[: len(path)] == tuple(path)
        ]

    def _keyed(self, kind: str) -> set[Path]:
        """Full paths of the columns that belong to a constraint of a kind."""
        return {(*table, column) for table, key in self.keys(kind) for column in key.columns}

    def _known(self, path: Path) -> Path:
        return (*path[:-1], self.notes.known_as(path))

    def _stored_name(
        self, database: str | None, schema: str | None, table: str | None
    ) -> str | None:
        if database is None or schema is None or table is None:
            return table
        return self.notes.stored((database, schema, table))

    def _entry(self, path: Path, kind: str, **facts: Any) -> Entry:
        facts["comment"] = facts.get("comment") or self.notes.comment(path)
        return Entry(path, kind, self.notes.created(path), **facts)

    def _counts(self, paths: Sequence[tuple[str, str, str]]) -> dict[Path, int]:
        if not paths:
            return {}
        parts = [f"SELECT count(*) FROM {_quoted(path)}" for path in paths]
        counts = self._ask(" UNION ALL ".join(f"({part})" for part in parts))
        return {path: int(count) for path, (count,) in zip(paths, counts, strict=True)}

    def _ask(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._duck.execute(sql, list(values)).fetchall()
        return rows


def _quoted(path: Path) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in path)
