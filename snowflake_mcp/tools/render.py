"""Collectors: rows become finished JSON and finished text, slice by slice, within budgets."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Generic, Self, TypeVar

import msgspec

from snowflake_mcp.config.model import LimitSettings
from snowflake_mcp.protocol.pieces import Pieces, in_pieces
from snowflake_mcp.tools.layouts import LAYOUTS, Format, Layout, Table, record
from snowflake_mcp.tools.masks import Masks
from snowflake_mcp.tools.taming import tamed, tamed_rows
from snowflake_mcp.warehouse.results import Column, JsonValue
from snowflake_mcp.warehouse.values import text

__all__ = ["Budget", "ItemsCollector", "Rendered", "RowsCollector", "json_text"]

ItemT = TypeVar("ItemT", bound=msgspec.Struct)


class Budget(msgspec.Struct, frozen=True):
    """How large the parts of an answer may become."""

    row_bytes: int
    """Rows as JSON, brackets and commas included."""
    cell_chars: int
    """A longer text, or a longer nested value as JSON text, is cut in the JSON."""
    text_chars: int = 40_000
    """The readable table; about ten thousand tokens."""
    shown_chars: int = 200
    """Width of a value in the table."""
    record_chars: int = 2_000
    """Width of a value when the only row is shown as a record."""

    @classmethod
    def of(cls, limits: LimitSettings) -> Self:
        """The budget that the settings give."""
        return cls(row_bytes=limits.max_result_bytes, cell_chars=limits.max_cell_chars)


class Rendered(msgspec.Struct, frozen=True):
    """A finished result; nothing in it needs more work on the reactor thread."""

    rows: msgspec.Raw | Pieces
    """A JSON array."""
    columns: msgspec.Raw
    """A JSON array of the result's columns."""
    body: bytes
    """The table or record as the inside of a JSON string, without its quotes."""
    row_count: int
    full: bool
    """A row was left out because the byte budget was used up."""
    cells_cut: int
    """Values that were cut in the JSON."""
    shown_rows: int
    """Rows that the text shows; fewer than ``row_count`` when its budget was used up."""
    shown_cut: int
    """Values that only the text shows cut."""
    masked: tuple[str, ...] = ()
    """Columns of which no value is shown."""
    last: str = ""
    """Of a list of items: the name of the last one."""

    def members(self, total_rows: int | None) -> dict[str, Any]:
        """What an answer with these rows has of its own, where there are so many in all."""
        return {
            "columns": self.columns,
            "rows": self.rows,
            "total_rows": total_rows,
            "cells_cut": self.cells_cut,
            "masked": list(self.masked),
            "state": "success",
        }


def json_text(text: str) -> bytes:
    """A text as the inside of a JSON string, without its quotes."""
    return msgspec.json.encode(text)[1:-1]


class _Array:
    """A JSON array of bytes under construction that never grows past its budget."""

    def __init__(self, limit: int) -> None:
        # The first value has no comma before it.
        self._left = limit - 2 + 1
        self._parts: list[bytes] = []
        self.count = 0
        """Of the values in it."""

    def extend(self, values: Sequence[bytes]) -> int:
        """Append as many as fit, in their order; returns how many."""
        size = sum(map(len, values)) + len(values)
        if size > self._left:
            sizes = accumulate(len(value) + 1 for value in values)
            values = [value for value, end in zip(values, sizes, strict=True) if end <= self._left]
            size = sum(map(len, values)) + len(values)
        if values:
            self._left -= size
            self.count += len(values)
            self._parts.append(b",".join([b"", *values] if self._parts else values))
        return len(values)

    def raw(self) -> msgspec.Raw | Pieces:
        """All of it; nothing can be appended any more."""
        if len(self._parts) < 2:
            return msgspec.Raw(b"[%b]" % b"".join(self._parts))
        self._parts[0] = b"[" + self._parts[0]
        self._parts[-1] += b"]"
        return in_pieces(self._parts)


def _empty(value: JsonValue) -> bool:
    """Whether a field of an item says nothing; zero says something."""
    return value is None or value is False or value == ""


def _word(value: JsonValue) -> JsonValue:
    """What the text shows for a field of an item: absent is "-", not NULL."""
    if value is None or value == "":
        return "-"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


class RowsCollector:
    """Collects any result as rows of values; worker thread only."""

    def __init__(self, budget: Budget, masks: Masks, layout: Format = "table") -> None:
        """``layout`` is of the text alone; the JSON is always an array of arrays."""
        self._layout: Format = layout
        self._budget = budget
        self._masks = masks
        self._masked: tuple[int, ...] = ()
        self._names: tuple[str, ...] = ()
        self._columns = msgspec.Raw(b"[]")
        self._rows = _Array(budget.row_bytes)
        self._table: Layout | None = None
        self._first: Sequence[JsonValue] | None = None
        """A row that is the only one so far, and in no table yet."""
        self._cells_cut = 0
        self._full = False

    def begin(self, columns: Sequence[Column]) -> None:
        """Take the columns, before any row."""
        self._names = tuple(column.name for column in columns)
        self._masked = self._masks.places(self._names)
        try:
            self._columns = msgspec.Raw(msgspec.json.encode(columns))
        except UnicodeEncodeError:
            # A lone surrogate in a name.
            whole = [Column(text(each.name), each.type, each.nullable) for each in columns]
            self._columns = msgspec.Raw(msgspec.json.encode(whole))

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take a slice; ``False`` when the byte budget is used up and a row was left out."""
        if self._full:
            return False
        if self._masked:
            rows = [self._masks.mask(row, self._masked) for row in rows]
        values, encoded, cut = tamed_rows(rows, self._budget.cell_chars)
        fitting = self._rows.extend(encoded)
        if cut:
            self._cells_cut += sum(cut[:fitting])
        self._full = fitting < len(rows)
        if fitting:
            if self._rows.count == 1 and self._layout == "table":
                # Alone it is shown in another way.
                self._first = values[0]
            else:
                self._show(values[:fitting] if self._full else values)
        return not self._full

    def _show(self, rows: Sequence[Sequence[JsonValue]]) -> Layout:
        """The text, with these rows too."""
        table = self._table
        if table is None:
            # Tables are for eyes; who asks for another form wants the values.
            budget = self._budget
            width = budget.shown_chars if self._layout == "table" else budget.record_chars
            table = self._table = LAYOUTS[self._layout](self._names, budget.text_chars, width)
        if self._first is not None:
            table.extend([self._first])
            self._first = None
        table.extend(rows)
        return table

    def finish(self) -> Rendered:
        """The finished result."""
        text, shown, cut = self._text()
        return Rendered(
            rows=self._rows.raw(),
            columns=self._columns,
            body=json_text(text),
            row_count=self._rows.count,
            full=self._full,
            cells_cut=self._cells_cut,
            shown_rows=shown,
            shown_cut=cut,
            masked=tuple([self._names[at] for at in self._masked]),
        )

    def _text(self) -> tuple[str, int, int]:
        """The rows as text, how many it shows, and how many values it shows cut."""
        if self._first is not None:
            budget = self._budget
            labelled = record(self._names, self._first, budget.text_chars, budget.record_chars)
            if labelled is not None:
                text, cut = labelled
                return text, 1, cut
        elif self._table is None:
            return "", 0, 0
        table = self._show(())
        return table.text(), table.rows, table.cut


class ItemsCollector(Generic[ItemT]):
    """Collects the rows of SHOW and DESCRIBE as objects of one kind; worker thread only.

    ``build`` makes an item from a row (values by lower-case column name), or ``None`` to leave
    the row out. The text shows the fields named in ``shown``, without those that are empty in
    every item. Of more than ``most`` items the rest is left out.
    """

    def __init__(
        self,
        build: Callable[[Mapping[str, JsonValue]], ItemT | None],
        shown: Sequence[str],
        budget: Budget,
        most: int | None = None,
    ) -> None:
        self._most = most
        self._build = build
        self._shown = tuple(shown)
        self._budget = budget
        self._names: tuple[str, ...] = ()
        self._rows = _Array(budget.row_bytes)
        self._items: list[ItemT] = []
        self._full = False

    def begin(self, columns: Sequence[Column]) -> None:
        """Take the columns, before any row."""
        self._names = tuple(column.name.lower() for column in columns)

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take a slice; ``False`` when an item was left out: too many of them, or of bytes."""
        for row in rows:
            values = tamed(row, self._budget.cell_chars).value
            item = self._build(dict(zip(self._names, values, strict=True)))
            if item is None:
                continue
            if self._most is not None and len(self._items) >= self._most:
                return False
            if self._full or not self._rows.extend([msgspec.json.encode(item)]):
                self._full = True
                return False
            self._items.append(item)
        return True

    def finish(self) -> Rendered:
        """The finished list."""
        lines = [[getattr(item, name) for name in self._shown] for item in self._items]
        used = [
            index
            for index, name in enumerate(self._shown)
            if index == 0 or any(not _empty(line[index]) for line in lines)
        ]
        budget = self._budget
        heading = [self._shown[index] for index in used]
        table = Table(heading, budget.text_chars, budget.shown_chars)
        table.extend([[_word(line[index]) for index in used] for line in lines])
        return Rendered(
            rows=self._rows.raw(),
            columns=msgspec.Raw(b"[]"),
            body=json_text(table.text()),
            row_count=len(self._items),
            full=self._full,
            cells_cut=0,
            shown_rows=table.rows,
            shown_cut=table.cut,
            last=str(lines[-1][0] or "") if lines else "",
        )
