"""The columns of a question as they are read, and the forms of what is drawn; child only."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from snowflake_mcp.charts.lines import Facts, Question, Values
from snowflake_mcp.charts.values import day, figure, label, moment, number, resolved

__all__ = [
    "REST",
    "Cells",
    "Cloud",
    "Columns",
    "Scale",
    "Series",
    "Shaped",
    "UndrawableError",
    "heaviest",
    "name_of",
]

KeyT = TypeVar("KeyT", bound=Hashable)

REST = "other"
"""The name of what has no place of its own."""


class UndrawableError(Exception):
    """There can be no such picture; the message says what to do, and holds no data."""


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis."""

    name: str
    values: Values
    labels: Sequence[str] = ()
    """Of its places 0, 1, 2, ... where it has names."""
    rest: bool = False
    """The last place is of all that has none of its own."""


@dataclass(slots=True)
class Series:
    """What is drawn in one colour."""

    name: str
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    rest: bool = False
    """All that has no colour of its own."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Lines, points or bars; of a histogram the edges and one count less."""

    x: Scale
    y: str
    series: list[Series]


@dataclass(frozen=True, slots=True)
class Cells:
    """A heat map; NaN where nothing is."""

    x: Scale
    y: Scale
    value: str
    rows: list[list[float]]


@dataclass(frozen=True, slots=True)
class Shaped:
    """What to draw and what to say of it."""

    drawn: Cloud | Cells
    facts: Facts


class Columns:
    """The rows of a question column by column, and what is left out of them."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self.facts = Facts()
        self.log_x = "x" in question.log
        self.log_y = "y" in question.log

    def name(self, at: int) -> str:
        """The name of a column, as it is shown."""
        return label(self._question.fields[at].name)

    def values(self, at: int) -> Values:
        """What a column holds."""
        rows = self._question.rows
        return resolved(self._question.fields[at].values, (row[at] for row in rows))

    def read(self, value: Any, values: Values, *, log: bool = False) -> float | None:
        """A number or moment; ``None`` for what is left out, which is counted."""
        if value is None:
            self.facts.nulls += 1
            return None
        found = moment(value) if values == "date" else number(value)
        if math.isnan(found):
            self.facts.unreadable += 1
            return None
        if log and found <= 0:
            self.facts.not_positive += 1
            return None
        return found

    def ranges(self, scale: Scale, xs: Sequence[float], ys: Sequence[float]) -> None:
        """Note what the axes span."""
        if xs and scale.values != "text":
            shown = day if scale.values == "date" else figure
            self.facts.x_range = shown(min(xs)), shown(max(xs))
        if ys:
            self.facts.y_range = figure(min(ys)), figure(max(ys))


def name_of(value: Any) -> str:
    """A value by which rows are told apart; what is shown of it may be shorter."""
    return value if isinstance(value, str) else label(value)


def heaviest(weights: Mapping[KeyT, float], most: int) -> set[KeyT]:
    """The heaviest, if they are more than there may be; one place is for the rest."""
    if len(weights) <= most:
        return set(weights)
    return set(sorted(weights, key=lambda each: -weights[each])[: most - 1])
