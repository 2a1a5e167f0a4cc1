"""Names of many objects as columns of an Arrow table: small, and searched without the GIL."""

from collections.abc import Sequence
from typing import Any, Final

from snowflake_mcp.warehouse.results import Column, JsonValue
from snowflake_mcp.warehouse.shows import Row, text, whole

__all__ = ["ShelfCollector", "path_of"]

_COMMENT_CHARS: Final = 200
"""Kept of a comment; descriptions have them whole."""


class ShelfCollector:
    """Collects the rows of a SHOW as an Arrow table; worker threads only.

    ``kind`` is what the rows are; of SHOW OBJECTS, which says it itself, it is empty. A database
    has neither database nor schema, a schema has no schema: what is not there is an empty text.
    """

    def __init__(self, kind: str = "") -> None:
        self._kind = kind
        self._names: tuple[str, ...] = ()
        self._slices: list[Any] = []

    def begin(self, columns: Sequence[Column]) -> None:
        """Take the columns, before any row."""
        self._names = tuple(column.name.lower() for column in columns)

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take a slice; all of them are wanted."""
        import pyarrow as pa

        # Slice by slice: the interpreter is never held for all of them at once.
        values = [self._values(dict(zip(self._names, row, strict=True))) for row in rows]
        columns = list(zip(*values, strict=True))
        if columns:
            schema = _schema()
            arrays = [
                pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)
            ]
            self._slices.append(pa.record_batch(arrays, schema=schema))
        return True

    def finish(self) -> Any:
        """The table: database, schema, name, kind, comment, rows, bytes, created."""
        import pyarrow as pa

        return pa.Table.from_batches(self._slices, schema=_schema()).combine_chunks()

    def _values(self, row: Row) -> tuple[str | int | None, ...]:
        kind = self._kind or _kind(text(row, "kind"))
        in_one = kind != "database"
        in_two = in_one and kind != "schema"
        return (
            _text(row, "database_name", "catalog_name") if in_one else "",
            _text(row, "schema_name") if in_two else "",
            _text(row, "name"),
            kind,
            _text(row, "comment", "description")[:_COMMENT_CHARS],
            whole(row, "rows") if kind != "view" else None,
            whole(row, "bytes") if kind != "view" else None,
            _text(row, "created_on"),
        )


def _schema() -> Any:
    import pyarrow as pa

    texts = ("database", "schema", "name", "kind", "comment")
    numbers = ("rows", "bytes")
    return pa.schema(
        [
            *(pa.field(name, pa.string()) for name in texts),
            *(pa.field(name, pa.int64()) for name in numbers),
            pa.field("created", pa.string()),
        ]
    )


def path_of(row: Row) -> tuple[str, ...]:
    """Where a row of a table is: the stored names of its database, its schema and itself."""
    return tuple(str(row[name]) for name in ("database", "schema", "name") if row[name])


def _kind(told: str | None) -> str:
    return "view" if "VIEW" in (told or "").upper() else "table"


def _text(row: Row, *names: str) -> str:
    value = next((found for name in names if (found := text(row, name))), "")
    # A lone surrogate could not be written as UTF-8.
    return value.encode("utf-8", "replace").decode()
