"""A question, the plan that answers it, and what the connector says to it."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from bench.tasks.agent import Agent

__all__ = ["Plan", "Question", "asked", "same"]

Plan: TypeAlias = Callable[[Agent], Awaitable[Any]]
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_PLACES: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Question:
    """What an analyst wants to know."""

    text: str
    truth: str
    """SQL whose rows, by the connector alone, are the answer."""
    plan: Plan
    columns: tuple[int, ...] = ()
    """Of these rows the ones that count; none: all."""


def asked(
    into: list[Question], text: str, truth: str, columns: Sequence[int] = ()
) -> Callable[[Plan], Plan]:
    """Puts the plan below it into a list."""

    def put(plan: Plan) -> Plan:
        into.append(Question(text, truth, plan, tuple(columns)))
        return plan

    return put


def same(answer: object, truth: Sequence[Sequence[Any]], columns: Sequence[int]) -> bool:
    """Whether an answer is the rows of the truth; a single value or column need not be rows."""
    rows = [[row[each] for each in columns] if columns else list(row) for row in truth]
    return _rows(answer) == _rows(rows)


def _rows(value: object) -> list[list[object]]:
    given = value if isinstance(value, list) else [value]
    return [[_plain(each) for each in (row if isinstance(row, list) else [row])] for row in given]


def _plain(value: object) -> object:
    """A value in the one form in which the wire's and the connector's are compared."""
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, int | float | Decimal) or _NUMBER.fullmatch(str(value)):
        return Decimal(str(value)).quantize(_PLACES)
    return str(value)
