"""What of the rows is drawn, what is added up, and what is left out and counted."""

import math
from itertools import pairwise
from typing import Any

import pytest

from snowflake_mcp.charts.columns import Cells, Cloud, UndrawableError
from snowflake_mcp.charts.lines import Facts, Field, Kind, Look, Question, Values
from snowflake_mcp.charts.shaping import shape

LOOK = Look(800, 500, 3, 4)


def asked(
    kind: Kind,
    values: list[Values],
    rows: Any,
    y: int = 1,
    *,
    color: bool = False,
    log: str = "",
) -> Question:
    """A question about columns A, B, C, ... of which the last one may split into series."""
    fields = [Field(chr(65 + at), each) for at, each in enumerate(values)]
    return Question(1, kind, LOOK, fields, 0, list(range(1, y + 1)), y + 1 if color else None, rows)


def cloud(question: Question) -> tuple[Cloud, Facts]:
    shaped = shape(question)
    assert isinstance(shaped.drawn, Cloud)
    return shaped.drawn, shaped.facts


def test_a_line_is_in_the_order_of_its_dates_and_broken_where_a_value_is_missing() -> None:
    """Rows come in any order; NULL is a gap and is counted."""
    rows = [["2026-01-03", "3.5"], ["2026-01-01", 1], ["2026-01-02", None], [None, 4]]
    drawn, facts = cloud(asked("line", ["date", "number"], rows))
    (line,) = drawn.series
    assert [x - line.x[0] for x in line.x] == [0, 1, 2]
    assert (line.y[0], math.isnan(line.y[1]), line.y[2]) == (1, True, 3.5)
    assert (facts.points, facts.nulls) == (2, 2)
    assert facts.x_range == ("2026-01-01", "2026-01-03")
    assert facts.y_range == ("1", "3.5")


def test_names_on_a_line_keep_the_order_of_the_rows() -> None:
    """Months as text are places in the order in which they come."""
    drawn, _ = cloud(asked("line", ["text", "number"], [["Mar", 1], ["Jan", 2], ["Mar", 3]]))
    assert drawn.x.labels == ["Mar", "Jan"]
    assert drawn.series[0].x == [0, 1, 0]


def test_the_largest_series_have_colours_and_the_others_are_grey() -> None:
    """Of more series than may be, one place is for the rest; no point is lost."""
    rows = [[at, weight, f"s{weight}"] for weight in (1, 9, 3, 7) for at in (1, 2)]
    drawn, facts = cloud(asked("line", ["number", "number", "text"], rows, color=True))
    assert [(each.name, each.rest) for each in drawn.series] == [
        ("s9", False),
        ("s7", False),
        ("s1", True),
        ("s3", True),
    ]
    assert (facts.series, facts.names, facts.points) == ((4, 2), ["s9", "s7"], 8)


def test_bars_of_one_place_are_added_up_and_many_names_end_in_other() -> None:
    """The sum of all bars is the sum of all values, in the order of the rows."""
    rows = [[name, value] for name, value in (("a", 5), ("b", 1), ("c", 9), ("d", 2), ("e", 7))]
    drawn, facts = cloud(asked("bar", ["text", "number"], [*rows, ["a", 1], ["z", None]]))
    assert drawn.x.labels == ["a", "c", "e", "other (2)"]
    assert drawn.series[0].y == [6, 9, 7, 3]
    assert (facts.categories, facts.added_up, facts.nulls) == ((5, 3), True, 1)


def test_long_names_that_look_alike_stay_apart() -> None:
    """What is shown of a name is short; what tells it from others is all of it."""
    rows = [["n" * 40 + end, 1] for end in "ab"]
    drawn, _ = cloud(asked("bar", ["text", "number"], rows))
    assert drawn.series[0].y == [1, 1]
    assert drawn.x.labels == ["n" * 27 + "…"] * 2


def test_bars_without_values_count_rows() -> None:
    """A column alone shows how often each of its values is there."""
    drawn, facts = cloud(asked("bar", ["text"], [["a"], ["b"], ["a"]], y=0))
    assert (drawn.y, drawn.series[0].y, facts.added_up) == ("rows", [2, 1], False)


def test_counted_rows_are_split_into_series() -> None:
    """A second column of names colours the bars."""
    question = Question(
        1,
        "bar",
        LOOK,
        [Field("A", "text"), Field("B", "text")],
        0,
        [],
        1,
        [["a", "x"], ["a", "y"], ["a", "x"]],
    )
    drawn, _ = cloud(question)
    assert [(each.name, each.y) for each in drawn.series] == [("x", [2]), ("y", [1])]


def test_columns_of_values_are_series() -> None:
    """Several y are several series by the names of the columns."""
    drawn, facts = cloud(asked("bar", ["text", "number", "number"], [["a", 1, 2]], y=2))
    assert [(each.name, each.y) for each in drawn.series] == [("B", [1]), ("C", [2])]
    assert facts.series == (2, 2)


@pytest.mark.parametrize(
    ("values", "rows", "unreadable"),
    [
        ("number", [["NaN"], ["Infinity"], ["1e301"], ["x"], [1.5]], 4),
        ("date", [["+12026-01-01"], ["-0044-03-15"], ["x"], ["2026-01-01T00:00:00.123456789Z"]], 3),
        ("any", [[1], [2.5]], 0),
    ],
)
def test_what_has_no_place_on_an_axis_is_left_out_and_counted(
    values: Values, rows: list[list[Any]], unreadable: int
) -> None:
    """No value of a result ends a picture."""
    _, facts = cloud(asked("histogram", [values], rows, y=0))
    assert (facts.unreadable, facts.points) == (unreadable, len(rows) - unreadable)


def test_a_logarithmic_axis_leaves_out_what_is_not_positive() -> None:
    """On both axes, and says how many."""
    question = asked("scatter", ["number", "number"], [[1, 0], [-1, 5], [2, 3]])
    drawn, facts = cloud(
        Question(1, "scatter", LOOK, question.fields, 0, [1], None, question.rows, "", "xy")
    )
    assert (drawn.series[0].x, drawn.series[0].y, facts.not_positive) == ([2], [3], 2)


@pytest.mark.parametrize(
    ("numbers", "bins"),
    [
        ([5, 5, 5], 1),
        ([1, 2, 2, 6], 6),
        ([at / 100 for at in range(1_000)], 10),
        ([0.0] * 999 + [1e299], 10),
    ],
)
def test_every_value_is_in_one_bin(numbers: list[float], bins: int) -> None:
    """The number of bins follows the data and is bounded, whatever lies far out."""
    drawn, facts = cloud(asked("histogram", ["number"], [[each] for each in numbers], y=0))
    (series,) = drawn.series
    assert sum(series.y) == len(numbers) == facts.points
    assert len(series.x) == len(series.y) + 1
    assert facts.bins == bins


def test_a_histogram_on_a_logarithmic_axis_has_bins_of_equal_width_there() -> None:
    """Each edge is the same multiple of the one before."""
    rows = [[10**at] for at in range(4)]
    question = Question(1, "histogram", LOOK, [Field("A", "number")], 0, [], None, rows, "", "x")
    drawn, _ = cloud(question)
    edges = drawn.series[0].x
    steps = [b / a for a, b in pairwise(edges)]
    assert max(steps) - min(steps) < 1e-6
    assert sum(drawn.series[0].y) == 4


def test_a_heat_map_has_a_cell_for_each_pair() -> None:
    """Dates and numbers in their order, names in that of the rows; nothing is NaN."""
    rows = [["a", 2, 1], ["b", 1, 5], ["a", 2, 2], [None, 1, 9]]
    shaped = shape(asked("heatmap", ["text", "number", "number"], rows, color=True))
    assert isinstance(shaped.drawn, Cells)
    assert (shaped.drawn.x.labels, shaped.drawn.y.labels) == (["a", "b"], ["1", "2"])
    (first, second) = shaped.drawn.rows
    assert (math.isnan(first[0]), first[1], second[0]) == (True, 5, 3)
    assert (shaped.facts.points, shaped.facts.added_up, shaped.facts.nulls) == (2, True, 1)


def test_names_of_a_heat_map_that_are_too_many_are_added_up() -> None:
    """On either axis."""
    rows = [[f"n{at}", "y", at] for at in range(6)]
    shaped = shape(asked("heatmap", ["text", "text", "number"], rows, color=True))
    assert isinstance(shaped.drawn, Cells)
    assert shaped.drawn.x.labels == ["n3", "n4", "n5", "other (3)"]
    assert shaped.drawn.rows == [[3, 4, 5, 3]]
    assert shaped.facts.categories == (7, 4)


@pytest.mark.parametrize(
    "question",
    [
        asked("histogram", ["text"], [["a"]], y=0),
        asked("heatmap", ["number", "text"], [[at, "a"] for at in range(401)]),
    ],
)
def test_what_cannot_be_is_said(question: Question) -> None:
    """With what to do, and without data."""
    with pytest.raises(UndrawableError, match=r"bar|SQL"):
        shape(question)


def test_labels_hide_nothing() -> None:
    """Characters that turn, end or hide a line are replaced; NULL is a series of its own."""
    rows = [["a\n\u202eb", 1, None], [True, 1, {"k": 1}]]
    drawn, _ = cloud(asked("bar", ["text", "number", "text"], rows, color=True))
    assert drawn.x.labels == ["a\ufffd\ufffdb", "true"]
    assert [each.name for each in drawn.series] == ["NULL", "{'k': 1}"]
