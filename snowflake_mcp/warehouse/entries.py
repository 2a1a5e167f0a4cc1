"""What the catalog holds: databases, schemas, tables, views, columns, and lists of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

import msgspec

from snowflake_mcp.warehouse.identifiers import shown
from snowflake_mcp.warehouse.results import Column, JsonValue
from snowflake_mcp.warehouse.shows import Row, flag, text, whole
from snowflake_mcp.warehouse.visible import visible_json

__all__ = [
    "ColumnEntry",
    "DatabaseEntry",
    "DefinitionEntry",
    "EntriesCollector",
    "Entry",
    "Listing",
    "ObjectEntry",
    "PlacedColumn",
    "SchemaEntry",
    "TableEntry",
    "ViewEntry",
    "column_entry",
    "database_entry",
    "definition_entry",
    "named",
    "object_entry",
    "placed_column",
    "schema_entry",
    "table_entry",
    "view_entry",
]

_COMMENT_CHARS: Final = 1_000
"""Longer comments are cut; a description has them whole nowhere else either."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A thing with a name, as SQL takes it; what is absent is not known or empty."""

    name: str
    comment: str | None = None


class DatabaseEntry(Entry, frozen=True, omit_defaults=True, kw_only=True):
    """A database; ``default`` when the connection's sessions begin in it."""

    default: bool = False


class SchemaEntry(Entry, frozen=True, omit_defaults=True, kw_only=True):
    """A schema; ``default`` when the connection's sessions begin in it."""

    default: bool = False


class TableEntry(Entry, frozen=True, omit_defaults=True, kw_only=True):
    """A table."""

    kind: str | None = None
    rows: int | None = None
    bytes: int | None = None


class ViewEntry(Entry, frozen=True, omit_defaults=True, kw_only=True):
    """A view."""

    secure: bool = False
    materialized: bool = False


class ObjectEntry(TableEntry, frozen=True, omit_defaults=True, kw_only=True):
    """A table or a view, looked up by its name."""

    @property
    def is_view(self) -> bool:
        """Whether a statement defines it."""
        return "VIEW" in (self.kind or "").upper()


class DefinitionEntry(Entry, frozen=True, omit_defaults=True, kw_only=True):
    """The statement that defines a view; empty when the role may not see it."""

    text: str = ""
    truncated: bool = False


class ColumnEntry(Entry, frozen=True, omit_defaults=True, kw_only=True):
    """A column of a table or view."""

    type: str
    nullable: bool
    key: str | None = None
    """"primary", "unique" or both."""
    default: str | None = None


class PlacedColumn(Entry, frozen=True, omit_defaults=True, kw_only=True):
    """A column, looked up by its name in many tables."""

    stored: str
    path: tuple[str, str, str]
    """The stored names of its table's database, schema and table."""


EntryT = TypeVar("EntryT", bound=Entry)


@dataclass(frozen=True, slots=True)
class Listing(Generic[EntryT]):
    """What one statement told of the catalog."""

    entries: tuple[EntryT, ...]
    encoded: msgspec.Raw
    """The same as a JSON array, with nothing hidden in it."""
    cut: Literal["rows", "bytes"] | None
    """Why more exists than this holds."""
    read_at: float = 0.0
    """Seconds of the reactor's clock when it was read."""


class EntriesCollector(Generic[EntryT]):
    """Collects the rows of SHOW and DESCRIBE as entries and as JSON; worker threads only.

    ``build`` makes an entry from a row, or ``None`` to leave it out. With ``first`` the first
    entry is all that is wanted.
    """

    def __init__(
        self, build: Callable[[Row], EntryT | None], max_bytes: int, *, first: bool = False
    ) -> None:
        self._build = build
        self._left = max_bytes - 2
        self._first = first
        self._names: tuple[str, ...] = ()
        self._entries: list[EntryT] = []
        self._encoded: list[bytes] = []
        self._full = False

    def begin(self, columns: Sequence[Column]) -> None:
        """Take the columns, before any row."""
        self._names = tuple(column.name.lower() for column in columns)

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take a slice; ``False`` when this is enough."""
        for row in rows:
            values: Mapping[str, JsonValue] = dict(zip(self._names, row, strict=True))
            entry = self._build(values)
            if entry is None:
                continue
            encoded = visible_json(msgspec.json.encode(entry))
            self._left -= len(encoded) + 1
            if self._left < 0:
                self._full = True
                return False
            self._entries.append(entry)
            self._encoded.append(encoded)
            if self._first:
                return False
        return True

    def finish(self) -> Listing[EntryT]:
        """The list."""
        return Listing(
            tuple(self._entries),
            msgspec.Raw(b"[" + b",".join(self._encoded) + b"]"),
            "bytes" if self._full else None,
        )


def named(name: str, build: Callable[[Row], EntryT | None]) -> Callable[[Row], EntryT | None]:
    """The same for the one row of exactly this stored name; patterns match more than that."""

    def only(row: Row) -> EntryT | None:
        return build(row) if row.get("name") == name else None

    return only


def database_entry(row: Row) -> DatabaseEntry:
    """A row of SHOW DATABASES."""
    return DatabaseEntry(name=_name(row), comment=_comment(row), default=flag(row, "is_current"))


def schema_entry(row: Row) -> SchemaEntry:
    """A row of SHOW SCHEMAS."""
    return SchemaEntry(name=_name(row), comment=_comment(row), default=flag(row, "is_current"))


def table_entry(row: Row) -> TableEntry:
    """A row of SHOW TABLES."""
    return TableEntry(
        name=_name(row),
        comment=_comment(row),
        kind=_text(row, "kind"),
        rows=whole(row, "rows"),
        bytes=whole(row, "bytes"),
    )


def view_entry(row: Row) -> ViewEntry:
    """A row of SHOW VIEWS."""
    return ViewEntry(
        name=_name(row),
        comment=_comment(row),
        secure=flag(row, "is_secure"),
        materialized=flag(row, "is_materialized"),
    )


def object_entry(row: Row) -> ObjectEntry:
    """A row of SHOW OBJECTS."""
    table = table_entry(row)
    return ObjectEntry(
        name=table.name,
        comment=table.comment,
        kind=table.kind,
        # A view has neither, and some releases say 0.
        rows=table.rows if "VIEW" not in (table.kind or "").upper() else None,
        bytes=table.bytes if "VIEW" not in (table.kind or "").upper() else None,
    )


def definition_entry(row: Row, max_chars: int) -> DefinitionEntry:
    """A row of SHOW VIEWS, for its definition."""
    definition = _text(row, "text") or ""
    return DefinitionEntry(
        name=_name(row), text=definition[:max_chars], truncated=len(definition) > max_chars
    )


def column_entry(row: Row) -> ColumnEntry | None:
    """A row of DESCRIBE TABLE; ``None`` for what is no column."""
    if (text(row, "kind") or "COLUMN").upper() != "COLUMN":
        return None
    keys = [word for word in ("primary", "unique") if flag(row, f"{word} key")]
    return ColumnEntry(
        name=_name(row),
        comment=_comment(row),
        type=_text(row, "type") or "",
        nullable=flag(row, "null?"),
        key=", ".join(keys) or None,
        default=_cut(_text(row, "default")),
    )


def placed_column(row: Row) -> PlacedColumn:
    """A row of SHOW COLUMNS."""
    stored = _text(row, "column_name") or ""
    places = (_text(row, f"{name}_name") or "" for name in ("database", "schema", "table"))
    database, schema, table = places
    return PlacedColumn(name=shown(stored), stored=stored, path=(database, schema, table))


def _name(row: Row) -> str:
    return shown(_text(row, "name") or "")


def _comment(row: Row) -> str | None:
    return _cut(_text(row, "comment"))


def _text(row: Row, name: str) -> str | None:
    value = text(row, name)
    # A lone surrogate could not be written as UTF-8.
    return None if value is None else value.encode("utf-8", "replace").decode()


def _cut(value: str | None) -> str | None:
    if value is None or len(value) <= _COMMENT_CHARS:
        return value
    return value[: _COMMENT_CHARS - 1] + "…"
