"""Values of a result as numbers, dates and labels; runs in the drawing child."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from snowflake_mcp.charts.lines import Values

__all__ = ["UNREADABLE", "day", "figure", "label", "moment", "number", "resolved", "unit"]

UNREADABLE: Final = math.nan
"""What a value becomes that is there and cannot be drawn."""
_MOST: Final = 1e300
"""A larger number leaves an axis no room around it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_LABEL_CHARS: Final = 28


def number(value: Any) -> float:
    """A number; texts that are numbers count, as decimals come so."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return UNREADABLE
    return found if abs(found) < _MOST else UNREADABLE


def moment(value: Any) -> float:
    """Days since 1970-01-01; a zone is taken into account."""
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", str(value)))
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return (found - _EPOCH) / timedelta(days=1)
    except (ValueError, OverflowError):
        return UNREADABLE


def resolved(values: Values, column: Iterable[Any]) -> Values:
    """What a column holds, where its type alone does not say."""
    if values != "any":
        return values
    present = [each for each in column if each is not None]
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in present)
    return "number" if present and numbers else "text"


def label(value: Any) -> str:
    """A value as a short text of one line with nothing invisible in it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    return shown if len(shown) <= _LABEL_CHARS else shown[: _LABEL_CHARS - 1] + "…"


def figure(value: float) -> str:
    """A number for people."""
    return f"{value:,.10g}"


def day(days: float) -> str:
    """A moment for people: the date, and the time where it is not midnight."""
    found = _EPOCH + timedelta(days=days)
    if not (found.hour or found.minute or found.second):
        return found.strftime("%Y-%m-%d")
    return found.strftime("%Y-%m-%d %H:%M" if not found.second else "%Y-%m-%d %H:%M:%S")


def unit(values: Sequence[float]) -> float:
    """The least distance between different values; 1 where there is none."""
    ordered = sorted(set(values))
    return min((b - a for a, b in pairwise(ordered)), default=1.0)
