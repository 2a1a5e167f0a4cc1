"""Collectors that write a result into a file of the spool, masks applied; worker threads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec

from snowflake_mcp.exports.draft import Draft
from snowflake_mcp.exports.writers import (
    BATCHES,
    BatchWriter,
    Cell,
    CsvWriter,
    JsonLinesWriter,
    RowWriter,
)
from snowflake_mcp.tools.masks import Masks
from snowflake_mcp.warehouse.batching import distinct
from snowflake_mcp.warehouse.results import Collector, Column, JsonValue

__all__ = ["Written", "exporter"]


_NESTED: Final = ("ARRAY", "MAP", "OBJECT", "VECTOR")
"""Types whose structured kinds come as lists and objects."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds."""

    sha256: str
    columns: list[dict[str, str]]
    masked: tuple[str, ...]


class _Exporter:
    """What both kinds have in common."""

    def __init__(self, draft: Draft, masks: Masks) -> None:
        self._draft = draft
        self._masks = masks
        self._names: list[str] = []
        self._types: list[str] = []
        self._masked: tuple[int, ...] = ()

    def begin(self, columns: Sequence[Column]) -> None:
        """Take the columns, before any row."""
        self._names = distinct([column.name for column in columns])
        self._types = [column.type for column in columns]
        # By what Snowflake calls it: a number behind a name must not show it.
        self._masked = self._masks.places([column.name for column in columns])
        self._draft.open()

    def _written(self, stored: Sequence[str] = ()) -> Written:
        described = [
            {"name": name, "type": kind}
            for name, kind in zip(self._names, self._types, strict=True)
        ]
        for column, kind in zip(described, stored, strict=False):
            column["stored_as"] = kind
        masked = tuple(self._names[at] for at in self._masked)
        return Written(self._draft.done(), described, masked)


class _RowExporter(_Exporter):
    """Writes rows: CSV and JSON Lines."""

    def __init__(
        self, draft: Draft, masks: Masks, writer: type[CsvWriter | JsonLinesWriter]
    ) -> None:
        super().__init__(draft, masks)
        self._kind = writer
        self._nests = False
        self._writer: RowWriter | None = None
        self._ready: list[bytes] = []

    def begin(self, columns: Sequence[Column]) -> None:
        """Take the columns, before any row."""
        super().begin(columns)
        self._nests = any(kind.startswith(_NESTED) for kind in self._types)
        self._writer = self._kind(self._names)
        self._ready.append(self._writer.head)

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take a slice; ``False`` when nobody wants the file any more."""
        if self._draft.given_up or self._writer is None:
            return False
        masks, masked = self._masks, self._masked
        shown: Sequence[Sequence[Any]] = rows
        if masked:
            shown = [masks.mask(row, masked) for row in rows]
        if self._nests:
            shown = [[_flat(value) for value in row] for row in shown]
        self._ready.append(self._writer.encode(shown))
        return True

    def settle(self) -> None:
        """Write what was made of the slice."""
        ready, self._ready = self._ready, []
        for part in ready:
            self._draft.write(part)

    def finish(self) -> Written:
        """The finished file."""
        self.settle()
        return self._written()


class _BatchExporter(_Exporter):
    """Writes record batches: Parquet and Arrow."""

    def __init__(self, draft: Draft, masks: Masks, format: str, *, coarse: bool) -> None:  # noqa: A002 - as the tool has it
        super().__init__(draft, masks)
        self._format = format
        self.coarse = coarse
        self._schema: Any = None
        self._writer: BatchWriter | None = None

    def hides(self, place: int) -> bool:
        """Whether values of this column are masked."""
        return place in self._masked

    def hide(self, cells: Sequence[JsonValue]) -> Sequence[str | None]:
        """What stands for the values of a masked column."""
        hidden = [self._masks.mask([cell], (0,))[0] for cell in cells]
        return cast("list[str | None]", hidden)

    def shape(self, schema: Any) -> None:
        """Learn the schema."""
        self._schema = schema
        self._writer = BatchWriter(self._draft, self._format, schema)

    def add(self, batch: Any) -> bool:
        """Take a batch; ``False`` when nobody wants the file any more."""
        if self._draft.given_up or self._writer is None:
            return False
        self._writer.add(batch)
        return True

    def settle(self) -> None:
        """Write a group of rows where there is enough for one."""
        if self._writer is not None:
            self._writer.settle()

    def finish(self) -> Written:
        """The finished file."""
        if self._writer is not None:
            self._writer.close()
        return self._written([str(each) for each in self._schema.types])


def exporter(form: str, draft: Draft, masks: Masks, *, coarse: bool) -> Collector[Written]:
    """What writes a result in this format; ``coarse``: no timestamp finer than microseconds."""
    if form in BATCHES:
        return _BatchExporter(draft, masks, form, coarse=coarse)
    return _RowExporter(draft, masks, CsvWriter if form == "csv" else JsonLinesWriter)


def _flat(value: JsonValue) -> Cell:
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return value
