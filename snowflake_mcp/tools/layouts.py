"""Rows as text: the forms that a caller may choose, each within one budget; worker threads."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from snowflake_mcp.tools.cells import cell
from snowflake_mcp.warehouse.results import JsonValue
from snowflake_mcp.warehouse.visible import escaped

__all__ = ["LAYOUTS", "Format", "Layout", "Table", "record"]

Format: TypeAlias = Literal["table", "records", "columns", "csv"]

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

    def add(self, values: Sequence[JsonValue]) -> None:
        """Show one more row if there is room."""

    def text(self) -> str:
        """The whole; without rows there is nothing to show."""


class _Lines:
    """What the forms of one piece of text for each row have in common."""

    _joint = "\n"

    def __init__(self, names: Sequence[str], text_chars: int, width: int) -> None:
        self.rows = 0
        self.cut = 0
        self._names = [escaped(name, _NAME_CHARS, pipes=True)[0] for name in names]
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

    def add(self, values: Sequence[JsonValue]) -> None:
        """Show one more row if there is room."""
        if not self._open:
            return
        piece, cuts = self._row(values)
        if len(piece) + len(self._joint) > self._left:
            self._open = False
            return
        self._left -= len(piece) + len(self._joint)
        self._pieces.append(piece)
        self.rows += 1
        self.cut += cuts

    def _row(self, values: Sequence[JsonValue]) -> tuple[str, int]:
        cells = [cell(value, self._width) for value in values]
        return " | ".join(shown for shown, _ in cells), sum(cut for _, cut in cells)

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

    def _row(self, values: Sequence[JsonValue]) -> tuple[str, int]:
        cells = [cell(value, self._width) for value in values]
        lines = [f"{name}: {shown}" for name, (shown, _) in zip(self._names, cells, strict=True)]
        return "\n".join(lines), sum(cut for _, cut in cells)


class _Csv(_Lines):
    """Comma-separated values with a line of headings; NULL is nothing, the empty text ``""``.

    Quoted as RFC 4180 says. Hidden characters and line ends are escapes here as everywhere in
    texts, so a row is a line.
    """

    def _head(self, line: str) -> None:
        super()._head(",".join(map(_quoted, self._names)))

    def _row(self, values: Sequence[JsonValue]) -> tuple[str, int]:
        cells = [self._cell(value) for value in values]
        return ",".join(shown for shown, _ in cells), sum(cut for _, cut in cells)

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
        self._lines = [[escaped(name, _NAME_CHARS, pipes=True)[0]] for name in names]
        self._left = text_chars - sum(len(line[0]) + 3 for line in self._lines)
        self._width = width
        self._open = True

    def add(self, values: Sequence[JsonValue]) -> None:
        """Show one more row if there is room."""
        cells = [cell(value, self._width) for value in values] if self._open else []
        needed = sum(len(shown) + 3 for shown, _ in cells)
        if not self._open or needed > self._left:
            self._open = False
            return
        self._left -= needed
        for line, (shown, _) in zip(self._lines, cells, strict=True):
            line.append(shown)
        self.rows += 1
        self.cut += sum(cut for _, cut in cells)

    def text(self) -> str:
        """The whole; without rows there is nothing to show."""
        if not self.rows:
            return ""
        return "\n".join(f"{label}: {' | '.join(shown)}" for label, *shown in self._lines)


def _quoted(text: str) -> str:
    if text and not any(character in text for character in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def record(
    names: Sequence[str], values: Sequence[JsonValue], text_chars: int, width: int
) -> tuple[str, int] | None:
    """One row as labelled lines and the count of values cut, or ``None`` when it is too long."""
    records = _Records(names, text_chars, width)
    records.add(values)
    return (records.text(), records.cut) if records.rows else None


LAYOUTS: Final[Mapping[Format, type[Layout]]] = {
    "table": Table,
    "records": _Records,
    "columns": _Columns,
    "csv": _Csv,
}
