"""Which columns of a result a chart is made of, and the collector of their values."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from snowflake_mcp.charts.lines import Field, Kind, Values
from snowflake_mcp.tools.chart_types import ChartQuery
from snowflake_mcp.tools.masks import Masks
from snowflake_mcp.tools.render import Budget, Rendered, RowsCollector
from snowflake_mcp.warehouse.results import Column, JsonValue
from snowflake_mcp.warehouse.visible import plain

__all__ = ["ChartCollector", "Chosen", "Gathered", "UnfitColumnsError", "chosen"]

_NUMBERS: Final = frozenset({"NUMBER", "FLOAT", "DECFLOAT"})
_DATES: Final = frozenset({"DATE", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"})
_OPEN: Final = frozenset({"VARIANT", "OBJECT", "ARRAY"})
_MOST_LINES: Final = 4
"""Columns of numbers that are drawn where none is named."""
_NAMED: Final = 20


class UnfitColumnsError(Exception):
    """No such chart can be made of these columns; the message is for who asked for it."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Places among a result's columns."""

    x: int
    y: tuple[int, ...]
    color: int | None

    @property
    def all(self) -> tuple[int, ...]:
        """In the order in which they are drawn from and told of."""
        return (self.x, *self.y, *([] if self.color is None else [self.color]))


@dataclass(frozen=True, slots=True)
class Gathered:
    """The values of a chart's columns, or why there is no chart of them."""

    rendered: Rendered
    fields: tuple[Field, ...] = ()
    chosen: Chosen | None = None
    """Places among ``fields``."""
    problem: str = ""
    known: tuple[str, ...] = ()
    """The columns that the result has, for who has to choose others."""


def chosen(asked: ChartQuery, columns: Sequence[Column], masked: Iterable[int] = ()) -> Chosen:
    """The columns that were named, and fitting ones where none was.

    Raises:
        UnfitColumnsError: there is no such column, or none that fits.
    """
    hidden = set(masked)
    kinds = [_values(column, at in hidden) for at, column in enumerate(columns)]
    x = None if asked.x is None else _place("x", asked.x, columns)
    color = None if asked.color is None else _place("color", asked.color, columns)
    y = None if asked.y is None else tuple(_place("y", name, columns) for name in asked.y)
    if not columns:
        raise UnfitColumnsError("The result has no columns.")
    taken = {*(y or ()), color, x}
    choice = _Choice([at for at in range(len(columns)) if at not in taken], kinds)
    found = _DEFAULTS[asked.kind](choice, x, y, color)
    _check(asked.kind, found, columns, kinds, hidden)
    return found


class _Choice:
    """What is left to choose from."""

    def __init__(self, free: list[int], kinds: Sequence[Values]) -> None:
        self._free = free
        self._kinds = kinds

    def first(self, *wanted: Values) -> int | None:
        """The first column of one of these kinds, the kinds in this order; then any."""
        for kind in wanted:
            for at in self._free:
                if self._kinds[at] == kind:
                    self._free.remove(at)
                    return at
        return self._free.pop(0) if self._free else None

    def numbers(self, most: int) -> tuple[int, ...]:
        """The first columns of numbers."""
        return tuple(at for at in self._free if self._kinds[at] in ("number", "any"))[:most]


def _needed(at: int | None) -> int:
    if at is None:
        raise UnfitColumnsError("The result has too few columns for this kind of chart.")
    return at


def _of_series(
    choice: _Choice, x: int | None, y: tuple[int, ...] | None, color: int | None
) -> Chosen:
    """A line or scatter plot."""
    x = _needed(choice.first("date", "text", "number") if x is None else x)
    if y is None:
        y = choice.numbers(_MOST_LINES if color is None else 1)
    if not y:
        raise UnfitColumnsError("y: the result has no other column of numbers.")
    return Chosen(x, y, color)


def _of_points(
    choice: _Choice, x: int | None, y: tuple[int, ...] | None, color: int | None
) -> Chosen:
    x = _needed(choice.first("number", "date", "any") if x is None else x)
    if y is None:
        y = choice.numbers(1)
    return _of_series(choice, x, y, color)


def _of_bars(
    choice: _Choice, x: int | None, y: tuple[int, ...] | None, color: int | None
) -> Chosen:
    x = _needed(choice.first("text", "date", "any") if x is None else x)
    if y is None:
        y = choice.numbers(_MOST_LINES if color is None else 1)
    return Chosen(x, y, color)


def _of_bins(
    choice: _Choice, x: int | None, y: tuple[int, ...] | None, color: int | None
) -> Chosen:
    if y or color is not None:
        raise UnfitColumnsError("A histogram takes x alone: it counts rows.")
    return Chosen(_needed(choice.first("number", "date", "any") if x is None else x), (), None)


def _of_cells(
    choice: _Choice, x: int | None, y: tuple[int, ...] | None, color: int | None
) -> Chosen:
    x = _needed(choice.first("text", "date") if x is None else x)
    if y is None:
        y = (_needed(choice.first("text", "date")),)
    if color is None:
        color = next(iter(choice.numbers(1)), None)
    return Chosen(x, y, color)


_DEFAULTS: Final[
    dict[Kind, Callable[[_Choice, int | None, tuple[int, ...] | None, int | None], Chosen]]
] = {
    "line": _of_series,
    "scatter": _of_points,
    "bar": _of_bars,
    "histogram": _of_bins,
    "heatmap": _of_cells,
}


def _check(
    kind: Kind,
    found: Chosen,
    columns: Sequence[Column],
    kinds: Sequence[Values],
    hidden: set[int],
) -> None:
    """Hold the choice against what is drawn as a length or a place.

    Raises:
        UnfitColumnsError: there is no number or date in such a column.
    """
    if kind == "heatmap":
        if len(found.y) != 1:
            raise UnfitColumnsError("y: a heatmap takes one column here; its value is color.")
        measured: dict[str, tuple[int, ...]] = {
            "color": () if found.color is None else (found.color,)
        }
    elif kind == "histogram":
        measured = {"x": (found.x,)}
    else:
        measured = {"y": found.y}
        if len(found.y) > 1 and found.color is not None:
            raise UnfitColumnsError("color: splits one column of y; give one, or leave color out.")
    for argument, places in measured.items():
        for at in places:
            if at in hidden:
                raise UnfitColumnsError(
                    f"{argument}: values of {_shown(columns[at].name)} are masked by this server."
                )
            if kinds[at] == "text" or (kinds[at] == "date" and argument != "x"):
                raise UnfitColumnsError(
                    f"{argument}: {_shown(columns[at].name)} is {columns[at].type}, not a number."
                )


def _place(argument: str, name: str, columns: Sequence[Column]) -> int:
    """The place of a column: by its exact name, or in any case where that means one."""
    exact = [at for at, column in enumerate(columns) if column.name == name]
    if exact:
        return exact[0]
    bare = name[1:-1] if len(name) > 2 and name[0] == name[-1] == '"' else name
    near = [at for at, column in enumerate(columns) if column.name.lower() == bare.lower()]
    if len(near) != 1:
        raise UnfitColumnsError(f"{argument}: the result has no column {_shown(name)}.")
    return near[0]


def _values(column: Column, masked: bool) -> Values:
    kind = column.type.partition("(")[0]
    if masked:
        return "text"
    if kind in _NUMBERS:
        return "number"
    if kind in _DATES:
        return "date"
    return "any" if kind in _OPEN else "text"


def _shown(name: str) -> str:
    return plain(name, 80)


class ChartCollector:
    """Collects the values of a chart's columns, masked and bounded; worker thread only."""

    def __init__(self, asked: ChartQuery, budget: Budget, masks: Masks) -> None:
        self._asked = asked
        self._masks = masks
        # No text is made of the rows.
        self._rows = RowsCollector(structs.replace(budget, text_chars=1), masks)
        self._places: tuple[int, ...] = ()
        self._fields: tuple[Field, ...] = ()
        self._chosen: Chosen | None = None
        self._problem = ""
        self._known: tuple[str, ...] = ()

    def begin(self, columns: Sequence[Column]) -> None:
        """Choose the columns, before any row."""
        masked = self._masks.places([column.name for column in columns])
        try:
            found = chosen(self._asked, columns, masked)
        except UnfitColumnsError as problem:
            self._problem = str(problem)
            self._known = tuple(
                f"{_shown(column.name)} ({column.type})" for column in columns[:_NAMED]
            )
            return
        self._places = found.all
        self._fields = tuple(
            Field(columns[at].name, _values(columns[at], at in masked)) for at in found.all
        )
        count = len(found.y)
        self._chosen = Chosen(
            0, tuple(range(1, count + 1)), None if found.color is None else count + 1
        )
        self._rows.begin([columns[at] for at in found.all])

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take a slice; ``False`` when the byte budget is used up, or there is no chart of it."""
        if self._problem:
            return False
        return self._rows.add([[row[at] for at in self._places] for row in rows])

    def finish(self) -> Gathered:
        """The values."""
        rendered = self._rows.finish()
        return Gathered(rendered, self._fields, self._chosen, self._problem, self._known)
