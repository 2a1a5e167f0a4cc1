"""Rows as text: the forms that a caller may choose, each within one budget; worker threads."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from snowflake_mcp.tools.cells import cell, cells
from snowflake_mcp.warehouse.results import JsonValue
from snowflake_mcp.warehouse.visible import escaped

__all__ = ["LAYOUTS", "Format", "Layout", "Table", "record"]

Format: TypeAlias = Literal["table", "records", "columns", "csv"]

_Shown: TypeAlias = tuple[Sequence[str], Sequence[bool]]
"""The values of a column as texts, and which of them are cut; empty: none is."""

_NAME_CHARS: Final = 64
"""Width of a column heading; longer names are cut in the text, not in the JSON."""


class Layout(Protocol):
    """A text under construction that never grows past its budget."""

    rows: int
    """That are shown."""
    cut: int
    """Values that are shown cut."""

    def __init__(self, names: Sequence[str], text_chars: int, width: int) -> None:
        """``names`` of the columns; ``width`` is the most of one value."""

    def extend(self, rows: Sequence[Sequence[JsonValue]]) -> None:
        """Show more rows, until there is no room for one."""

    def text(self) -> str:
        """The whole; without rows there is nothing to show."""


class _Lines:
    """What the forms of one piece of text for each row have in common."""

    _joint = "\n"

    def __init__(self, names: Sequence[str], text_chars: int, width: int) -> None:
        self.rows = 0
        self.cut = 0
        self._names = _labels(names)
        self._left = text_chars
        self._width = width
        self._open = True
        self._pieces: list[str] = []
        self._head(" | ".join(self._names))

    def _head(self, line: str) -> None:
        if len(line) > self._left:
            line = line[: self._left - 1] + "…"
        self._left -= len(line)
        self._pieces.append(line)

    def extend(self, rows: Sequence[Sequence[JsonValue]]) -> None:
        """Show more rows, until there is no room for one."""
        if not self._open or not rows:
            return
        columns = [self._cells(values) for values in _by_columns(rows, self._left)]
        pieces = self._lines(zip(*(texts for texts, _ in columns), strict=True))
        joint, fitting = len(self._joint), len(pieces)
        # Where each of them ends; a loop over all of them would be most of the work.
        ends = [0, *accumulate(map(len, pieces))]
        if ends[-1] + fitting * joint > self._left:
            self._open = False
            counts = range(1, fitting + 1)
            fitting = bisect_right(
                counts, self._left, key=lambda count: ends[count] + count * joint
            )
        self._left -= ends[fitting] + fitting * joint
        self._pieces += pieces[:fitting]
        self.rows += fitting
        self.cut += _count_cut(columns, fitting)

    def _cells(self, values: Sequence[JsonValue]) -> _Shown:
        return cells(values, self._width)

    def _lines(self, rows: Iterable[Sequence[str]]) -> list[str]:
        return list(map(" | ".join, rows))

    def text(self) -> str:
        """The whole; without rows there is nothing to show."""
        return self._joint.join(self._pieces) if self.rows else ""


class Table(_Lines):
    """A line of headings, and a line for each row, with bars between."""


class _Records(_Lines):
    """For each row a line for each value, with its label; an empty line between."""

    _joint = "\n\n"

    def _head(self, line: str) -> None:
        """The labels say it all."""

    def _lines(self, rows: Iterable[Sequence[str]]) -> list[str]:
        return ["\n".join(map(": ".join, zip(self._names, row, strict=True))) for row in rows]


class _Csv(_Lines):
    """Comma-separated values with a line of headings; NULL is nothing, the empty text ``""``.

    Quoted as RFC 4180 says. Hidden characters and line ends are escapes here as everywhere in
    texts, so a row is a line.
    """

    def _head(self, line: str) -> None:
        super()._head(",".join(map(_quoted, self._names)))

    def _cells(self, values: Sequence[JsonValue]) -> _Shown:
        shown, cut = zip(*map(self._cell, values), strict=True)
        return shown, cut

    def _lines(self, rows: Iterable[Sequence[str]]) -> list[str]:
        return list(map(",".join, rows))

    def _cell(self, value: JsonValue) -> tuple[str, bool]:
        if value is None:
            return "", False
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        shown, cut = escaped(text, self._width)
        return _quoted(shown), cut


class _Columns:
    """A line for each column: its label and its values, for few rows of many columns."""

    def __init__(self, names: Sequence[str], text_chars: int, width: int) -> None:
        self.rows = 0
        self.cut = 0
        self._lines = [[label] for label in _labels(names)]
        self._left = text_chars - sum(len(line[0]) + 3 for line in self._lines)
        self._width = width
        self._open = True

    def extend(self, rows: Sequence[Sequence[JsonValue]]) -> None:
        """Show more rows, until there is no room for one."""
        if not self._open or not rows:
            return
        columns = [cells(values, self._width) for values in _by_columns(rows, self._left)]
        fitting = 0
        for row in zip(*(texts for texts, _ in columns), strict=True):
            needed = sum(map(len, row)) + 3 * len(row)
            if needed > self._left:
                self._open = False
                break
            self._left -= needed
            fitting += 1
        for line, (texts, _) in zip(self._lines, columns, strict=True):
            line.extend(texts[:fitting])
        self.rows += fitting
        self.cut += _count_cut(columns, fitting)

    def text(self) -> str:
        """The whole; without rows there is nothing to show."""
        if not self.rows:
            return ""
        return "\n".join(f"{label}: {' | '.join(shown)}" for label, *shown in self._lines)


def _labels(names: Sequence[str]) -> list[str]:
    """The names of columns as a text shows them."""
    return [escaped(name, _NAME_CHARS, pipes=True)[0] for name in names]


def _by_columns(rows: Sequence[Sequence[JsonValue]], left: int) -> Iterable[Sequence[JsonValue]]:
    """The columns of as many rows as may fit: a value and what joins it take a character."""
    return zip(*rows[: max(0, left) // len(rows[0]) + 1], strict=True)


def _count_cut(columns: Sequence[_Shown], rows: int) -> int:
    """How many values of the first rows are cut."""
    return sum([sum(cut[:rows]) for _, cut in columns if cut])


def _quoted(text: str) -> str:
    if text and not any(character in text for character in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def record(
    names: Sequence[str], values: Sequence[JsonValue], text_chars: int, width: int
) -> tuple[str, int] | None:
    """One row as labelled lines and the count of values cut, or ``None`` when it is too long."""
    shown = [cell(value, width) for value in values]
    lines = [f"{label}: {text}" for label, (text, _) in zip(_labels(names), shown, strict=True)]
    whole = "\n".join(lines)
    return (whole, sum([cut for _, cut in shown])) if len(whole) <= text_chars else None


LAYOUTS: Final[Mapping[Format, type[Layout]]] = {
    "table": Table,
    "records": _Records,
    "columns": _Columns,
    "csv": _Csv,
}
