"""How the answers of the task set are held against the truth."""

from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from bench.tasks.question import same
from bench.tasks.run import QUESTIONS, Outcome, tables

NOON = datetime.fromisoformat("2026-01-31T12:00:00")


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        (3, [(3,)]),
        ("3.50", [(Decimal("3.5"),)]),
        ([["a", "1.25"], ["b", None]], [("a", 1.25), ("b", None)]),
        (["x", "y"], [("x",), ("y",)]),
        ([["2026-01-31", "2026-01-31T12:00:00"]], [(date(2026, 1, 31), NOON)]),
        ([[True]], [(True,)]),
    ],
)
def test_values_are_compared_by_what_they_mean(answer: Any, truth: Any) -> None:
    """The wire has decimals and dates as texts; the connector has its own types."""
    assert same(answer, truth, ())


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        (3, [(4,)]),
        (3, []),
        ([], [(3,)]),
        (["y", "x"], [("x",), ("y",)]),
        ([["a", 1]], [("a", None)]),
        ([[1]], [(True,)]),
        ("1.000002", [(Decimal("1.000001"),)]),
    ],
)
def test_a_wrong_answer_is_found(answer: Any, truth: Any) -> None:
    """Another value, another order, too few rows or too many."""
    assert not same(answer, truth, ())


def test_of_some_rows_only_columns_count() -> None:
    """SHOW has more than was asked for."""
    assert same(["D"], [("2026", "D", "x")], (1,))
    assert not same(["D"], [("2026", "E", "x")], (1,))


def test_there_are_enough_questions() -> None:
    """About thirty, none twice, each with a statement of its own for the truth."""
    assert len(QUESTIONS) >= 30
    assert Counter(each.text for each in QUESTIONS).most_common(1)[0][1] == 1


def test_the_tables_say_what_was_wrong() -> None:
    """A wrong answer is counted, and its row says no."""
    right = Outcome("Q1", ("a", "b", "b"), 8, 32, 10)
    whole, each = tables([right, Outcome("Q2", ("a",), 4, 4, 2, "not so")], 100)
    assert ("right answers", "1") in whole.rows
    assert each.rows[0] == ("Q1", "3", "`a`, `b` x2", "8", "32", "10", "yes")
    assert each.rows[1][-1] == "no"
