"""Histograms and heat maps: rows counted or added up in bins and cells; child only."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

from snowflake_mcp.charts.columns import (
    REST,
    Cells,
    Cloud,
    Columns,
    Scale,
    Series,
    Shaped,
    UndrawableError,
    heaviest,
    name_of,
)
from snowflake_mcp.charts.lines import Question, Values
from snowflake_mcp.charts.values import day, figure, label

__all__ = ["heatmap", "histogram"]

_ORDERED: Final = 400
"""Different dates or numbers that an axis of a heat map may have."""
_BINS: Final = 60


def histogram(question: Question, columns: Columns) -> Shaped:
    """How often values of ``x`` are in each bin.

    Raises:
        UndrawableError: it is a column of texts.
    """
    values = columns.values(question.x)
    if values == "text":
        raise UndrawableError("A histogram is of numbers or dates; count texts with kind bar.")
    read = (columns.read(row[question.x], values, log=columns.log_x) for row in question.rows)
    found = sorted(each for each in read if each is not None)
    columns.facts.points = len(found)
    scale = Scale(columns.name(question.x), values)
    edges = _edges(found, columns.log_x) if found else []
    counts = [0.0] * max(0, len(edges) - 1)
    at = 0
    for each in found:
        while at < len(counts) - 1 and each >= edges[at + 1]:
            at += 1
        counts[at] += 1
    columns.facts.bins = len(counts)
    columns.ranges(scale, found, counts)
    return Shaped(Cloud(scale, "rows", [Series("rows", edges, counts)]), columns.facts)


def _edges(found: Sequence[float], log: bool) -> list[float]:
    """Between bins, by the rule of Freedman and Diaconis, or one bin for each whole number."""
    low, high = found[0], found[-1]
    if log and low < high:
        bins = min(_BINS, max(5, math.isqrt(len(found))))
        first, last = math.log10(low), math.log10(high)
        return [low, *(10 ** (first + (last - first) * at / bins) for at in range(1, bins)), high]
    if low == high:
        half = max(0.5, abs(low) * 1e-6)
        return [low - half, low + half]
    whole = all(each.is_integer() for each in found)
    if whole and high - low < _BINS:
        return [low - 0.5 + at for at in range(int(high - low) + 2)]
    spread = found[len(found) * 3 // 4] - found[len(found) // 4]
    width = 2 * spread / len(found) ** (1 / 3)
    wanted = (high - low) / width if width > 0 else 10.0
    bins = math.ceil(min(float(_BINS), max(5.0, wanted)))
    return [low + (high - low) * at / bins for at in range(bins)] + [high]


def heatmap(question: Question, columns: Columns) -> Shaped:
    """A colour for each pair of ``x`` and ``y``.

    Raises:
        UndrawableError: there is not one ``y``, or an axis would have too many places.
    """
    if len(question.y) != 1:
        raise UndrawableError("A heat map takes one column as y; give its value as color.")
    sums: dict[tuple[Any, Any], float] = {}
    kinds = [columns.values(at) for at in (question.x, question.y[0])]
    for row in question.rows:
        keys = [
            _key(columns, row[at], kind)
            for at, kind in zip((question.x, question.y[0]), kinds, strict=True)
        ]
        if None in keys:
            continue
        value: float | None = 1.0
        if question.color is not None:
            value = columns.read(row[question.color], "number", log=columns.log_y)
        if value is None:
            continue
        key = (keys[0], keys[1])
        if key in sums and question.color is not None:
            columns.facts.added_up = True
        sums[key] = sums.get(key, 0.0) + value
    axes = [_axis(question, columns, sums, side, kinds[side]) for side in (0, 1)]
    (x, x_at), (y, y_at) = axes
    cells = [[math.nan] * len(x.labels) for _ in y.labels]
    for (left, lower), value in sums.items():
        row, at = cells[y_at(lower)], x_at(left)
        row[at] = value if math.isnan(row[at]) else row[at] + value
    filled = [each for row in cells for each in row if not math.isnan(each)]
    columns.facts.points = len(filled)
    if filled:
        columns.facts.y_range = figure(min(filled)), figure(max(filled))
    value_name = "rows" if question.color is None else columns.name(question.color)
    return Shaped(Cells(x, y, value_name, cells), columns.facts)


def _key(columns: Columns, value: Any, values: Values) -> float | str | None:
    if values != "text":
        return columns.read(value, values)
    if value is None:
        columns.facts.nulls += 1
        return None
    return name_of(value)


def _axis(
    question: Question, columns: Columns, sums: dict[tuple[Any, Any], float], side: int, of: Values
) -> tuple[Scale, Callable[[Any], int]]:
    """An axis of a heat map, and the place of each of its values."""
    at = question.x if side == 0 else question.y[0]
    weights: defaultdict[Any, float] = defaultdict(float)
    for key, value in sums.items():
        weights[key[side]] += abs(value)
    if of != "text":
        if len(weights) > _ORDERED:
            raise UndrawableError(
                f"{'xy'[side]} has {len(weights)} different values: truncate or round it in SQL."
            )
        ordered = sorted(weights)
        shown = day if of == "date" else figure
        places = {each: place for place, each in enumerate(ordered)}
        return Scale(columns.name(at), of, [shown(each) for each in ordered]), places.__getitem__
    kept = heaviest(weights, question.look.max_categories)
    known = {each: place for place, each in enumerate(key for key in weights if key in kept)}
    labels = [label(each) for each in known]
    total, mine = columns.facts.categories or (0, 0)
    columns.facts.categories = total + len(weights), mine + len(labels)
    if rest := len(weights) - len(labels):
        labels.append(f"{REST} ({rest})")
    return Scale(columns.name(at), of, labels), lambda each: known.get(each, len(known))
