"""From rows to what is drawn: lines, points and bars; runs in the drawing child."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import count
from typing import Any

from snowflake_mcp.charts.columns import (
    REST,
    Cloud,
    Columns,
    Scale,
    Series,
    Shaped,
    heaviest,
    name_of,
)
from snowflake_mcp.charts.lines import Question, Values
from snowflake_mcp.charts.tallies import heatmap, histogram
from snowflake_mcp.charts.values import label

__all__ = ["shape"]


def shape(question: Question) -> Shaped:
    """What the picture shows.

    Raises:
        UndrawableError: there is none of such columns.
    """
    columns = Columns(question)
    if question.kind == "histogram":
        return histogram(question, columns)
    if question.kind == "heatmap":
        return heatmap(question, columns)
    if question.kind == "bar":
        return _bars(question, columns)
    return _points(question, columns)


def _places(question: Question, columns: Columns) -> tuple[Values, list[tuple[Any, Any]]]:
    """What the x axis holds, and of each row with an x that and the row itself."""
    values = columns.values(question.x)
    places: list[tuple[Any, Any]] = []
    for row in question.rows:
        at = row[question.x]
        if values == "text":
            if at is None:
                columns.facts.nulls += 1
            else:
                places.append((name_of(at), row))
        elif (found := columns.read(at, values, log=columns.log_x)) is not None:
            places.append((found, row))
    return values, places


def _split(question: Question, columns: Columns) -> Iterator[tuple[int | None, str | None]]:
    """The columns of values with the name of their series, where a column is one.

    No column: rows are counted.
    """
    if not question.y:
        yield None, None
    several = len(question.y) > 1
    for at in question.y:
        yield at, columns.name(at) if several else None


def _points(question: Question, columns: Columns) -> Shaped:
    line = question.kind == "line"
    values, places = _places(question, columns)
    found: dict[str, Series] = {}
    sums: defaultdict[str, float] = defaultdict(float)
    numbering = _Numbers()
    for at, own in _split(question, columns):
        for place, row in places:
            name = own or _series_name(question, row)
            series = found.setdefault(name, Series(name))
            y = 1.0 if at is None else columns.read(row[at], "number", log=columns.log_y)
            if y is None:
                if line and series.x:
                    # A line is broken where a value is missing.
                    series.x.append(numbering(place, values))
                    series.y.append(math.nan)
                continue
            series.x.append(numbering(place, values))
            series.y.append(y)
            sums[name] += abs(y)
    found = {name: each for name, each in found.items() if name in sums}
    if line and values != "text":
        for each in found.values():
            order = sorted(range(len(each.x)), key=each.x.__getitem__)
            each.x, each.y = [each.x[at] for at in order], [each.y[at] for at in order]
    kept = heaviest(sums, question.look.max_series)
    _note_series(question, columns, found, kept)
    for name, each in found.items():
        each.rest, each.name = name not in kept, label(name)
    xs = [x for each in found.values() for x in each.x]
    ys = [y for each in found.values() for y in each.y if not math.isnan(y)]
    columns.facts.points = len(ys)
    scale = Scale(columns.name(question.x), values, numbering.labels)
    if values == "text":
        columns.facts.categories = len(scale.labels), len(scale.labels)
    columns.ranges(scale, xs, ys)
    drawn = [each for each in found.values() if not each.rest]
    rest = [each for each in found.values() if each.rest]
    y_name = columns.name(question.y[0]) if len(question.y) == 1 else ""
    return Shaped(Cloud(scale, y_name, drawn + rest), columns.facts)


def _bars(question: Question, columns: Columns) -> Shaped:
    values, places = _places(question, columns)
    sums: dict[tuple[Hashable, str], float] = {}
    for at, own in _split(question, columns):
        for place, row in places:
            y = 1.0 if at is None else columns.read(row[at], "number", log=columns.log_y)
            if y is None:
                continue
            key = place, own or _series_name(question, row)
            if at is not None and key in sums:
                columns.facts.added_up = True
            sums[key] = sums.get(key, 0.0) + y
    by_series: defaultdict[str, float] = defaultdict(float)
    by_place: defaultdict[Hashable, float] = defaultdict(float)
    for (place, name), y in sums.items():
        by_series[name] += abs(y)
        by_place[place] += abs(y)
    series_kept = heaviest(by_series, question.look.max_series)
    _note_series(question, columns, by_series, series_kept)
    scale, at_place = _bar_places(question, columns, values, by_place)
    merged: defaultdict[str, defaultdict[float, float]] = defaultdict(lambda: defaultdict(float))
    for (place, name), y in sums.items():
        merged[name if name in series_kept else REST][at_place(place)] += y
    rest = len(by_series) - len(series_kept)
    drawn = [
        Series(
            label(name) if name in series_kept else f"{REST} ({rest})",
            sorted(bars),
            [bars[x] for x in sorted(bars)],
            rest=name not in series_kept,
        )
        for name, bars in merged.items()
    ]
    drawn.sort(key=lambda each: each.rest)
    columns.facts.points = sum(len(each.x) for each in drawn)
    columns.ranges(
        scale, [x for each in drawn for x in each.x], [y for each in drawn for y in each.y]
    )
    y_name = "rows" if not question.y else columns.name(question.y[0])
    return Shaped(Cloud(scale, y_name if len(question.y) < 2 else "", drawn), columns.facts)


def _bar_places(
    question: Question,
    columns: Columns,
    values: Values,
    by_place: dict[Hashable, float],
) -> tuple[Scale, Callable[[Any], float]]:
    """The axis of the bars, and where on it each of them stands."""
    if values != "text":
        return Scale(columns.name(question.x), values), lambda place: place
    kept = heaviest(by_place, question.look.max_categories)
    places = {place: at for at, place in enumerate(each for each in by_place if each in kept)}
    labels = [label(place) for place in places]
    columns.facts.categories = len(by_place), len(labels)
    rest = len(by_place) - len(labels)
    if rest:
        labels.append(f"{REST} ({rest})")
    scale = Scale(columns.name(question.x), values, labels, rest > 0)
    return scale, lambda place: float(places.get(place, len(places)))


class _Numbers:
    """Places on an axis of names, in the order in which they come."""

    def __init__(self) -> None:
        self._places: dict[str, int] = defaultdict(count().__next__)

    def __call__(self, place: Any, values: Values) -> float:
        return float(self._places[place]) if values == "text" else float(place)

    @property
    def labels(self) -> list[str]:
        return [label(place) for place in self._places]


def _series_name(question: Question, row: Sequence[Any]) -> str:
    return "" if question.color is None else name_of(row[question.color])


def _note_series(
    question: Question, columns: Columns, found: dict[str, Any], kept: set[str]
) -> None:
    if question.color is not None or len(question.y) > 1:
        columns.facts.series = len(found), len(kept)
        columns.facts.names = [label(name) for name in found if name in kept]
