"""Figures of columns: the one statement that asks for all of them, and the reading of its row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from snowflake_mcp.tools.inquiry_answers import ProfileItem
from snowflake_mcp.tools.render import Budget, ItemsCollector, Rendered
from snowflake_mcp.warehouse.identifiers import quote, shown
from snowflake_mcp.warehouse.results import Column, JsonValue

__all__ = ["Figured", "FiguresCollector", "select_of"]

_TOP: Final = 5
_VALUE_CHARS: Final = 100
_TEXTS: Final = frozenset({"CHAR", "CHARACTER", "STRING", "TEXT", "VARCHAR"})
_BYTES: Final = frozenset({"BINARY", "VARBINARY"})
_FIELDS: Final = ("name", "type", "nulls", "distinct", "min", "max", "top")


def select_of(columns: Mapping[str, str], source: str) -> str:
    """One SELECT of all figures of these columns (types by stored names), over ``source``.

    ``source`` is what stands behind FROM: a quoted table with its sampling or limit.
    """
    asked = ["COUNT(*)"]
    for at, kind in enumerate(columns.values()):
        asked += _figures(f"C{at}", kind)
    inner = ", ".join(f"{quote(name)} AS C{at}" for at, name in enumerate(columns)) or "1 AS C"
    return f"SELECT {', '.join(asked)} FROM (SELECT {inner} FROM {source})"  # nosec B608 # noqa: S608 - quoted


def _figures(column: str, kind: str) -> Iterator[str]:
    """What is asked of a column; NULL where its type has no such figure."""
    head = kind.partition("(")[0].strip().upper()
    value = f"LEFT({column}, {_VALUE_CHARS})" if head in _TEXTS else column
    ordered = head not in _BYTES | {"BOOLEAN"}
    yield f"COUNT({column})"
    yield f"APPROX_COUNT_DISTINCT({column})"
    yield f"MIN({value})" if ordered else "NULL"
    yield f"MAX({value})" if ordered else "NULL"
    word = value if head in _TEXTS else f"TO_VARCHAR({value})"
    yield "NULL" if head in _BYTES else f"APPROX_TOP_K({word}, {_TOP})"


@dataclass(frozen=True, slots=True)
class Figured:
    """The figures of a table."""

    rows: int
    """That were read."""
    rendered: Rendered


class FiguresCollector:
    """Reads the one row of ``select_of`` and renders an item for each column.

    Worker thread only.
    """

    def __init__(self, columns: Mapping[str, str], budget: Budget) -> None:
        self._columns = columns
        self._rows = 0
        self._items = ItemsCollector(_item, _FIELDS, budget)

    def begin(self, columns: Sequence[Column]) -> None:
        """The columns of the items are known without these."""
        self._items.begin([Column(name, "", nullable=True) for name in _FIELDS])

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take the one row."""
        for row in rows:
            self._rows = _whole(row[0])
            for at, (name, kind) in enumerate(self._columns.items()):
                there, distinct, least, most, top = row[1 + 5 * at : 6 + 5 * at]
                nulls = self._rows - _whole(there)
                self._items.add(
                    [[shown(name), kind, nulls, _whole(distinct), least, most, _pairs(top)]]
                )
        return True

    def finish(self) -> Figured:
        """The figures."""
        return Figured(self._rows, self._items.finish())


def _item(row: Mapping[str, JsonValue]) -> ProfileItem:
    return msgspec.convert(row, ProfileItem)


def _whole(value: JsonValue) -> int:
    """A count, however large."""
    return int(value) if isinstance(value, int | str) else 0


def _pairs(top: JsonValue) -> JsonValue:
    """Values and how often each is there, whether the driver gives JSON or its text.

    What is there once is no common value.
    """
    found = msgspec.json.decode(top) if isinstance(top, str) else top
    pairs = found if isinstance(found, list) else []
    return [pair for pair in pairs if isinstance(pair, list) and _whole(pair[-1]) > 1]
