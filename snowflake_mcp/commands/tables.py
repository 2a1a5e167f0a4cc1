"""Answers of the server as text for a terminal: rows in columns, settings one a line."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

__all__ = ["listed", "table"]

_MAX_CELL_CHARS: Final = 60

Rows = Sequence[Mapping[str, Any]]


def table(rows: Rows, columns: Mapping[str, str], nothing: str) -> Iterator[str]:
    """Lines of a table; ``columns`` gives a heading to each key, ``nothing`` is said of no rows."""
    if not rows:
        yield nothing
        return
    cells = [[*columns.values()], *([_cell(row.get(key)) for key in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()


def listed(value: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """``name = value`` lines, the parts of a part as ``part.name``."""
    for name, each in value.items():
        if isinstance(each, Mapping):
            yield from listed(each, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name} = {_cell(each, None)}"


def _cell(value: Any, most: int | None = _MAX_CELL_CHARS) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(map(str, value)) or "-"
    # A client chose some of these names: nothing of them may steer a terminal.
    text = "".join(ch if ch.isprintable() else "?" for ch in str(value))
    return text if most is None or len(text) <= most else text[: most - 1] + "…"
