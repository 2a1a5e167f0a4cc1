"""The one way of an argument's value into the text of an operator's statement: a typed literal."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

from snowflake_mcp.config.tools import Scalar
from snowflake_mcp.warehouse.identifiers import folded, literal, quote

__all__ = ["NULL", "rendered"]

NULL: Final = "NULL"
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOST_DIGITS: Final = 38
"""Of NUMBER in Snowflake."""


def rendered(kind: str, value: Scalar | None) -> str:
    """A value of the type ``kind`` (one of ``config.tools.TYPES``) as SQL takes it; any thread.

    What comes back is one operand whatever the value is: text between quotes with quotes and
    backslashes doubled, a number with its sign in brackets, a quoted name. So it cannot end the
    place where it stands, nor begin a comment there.

    Raises:
        ValueError: the value is none of that type; the message says what is expected.
    """
    return NULL if value is None else _RENDERING[kind](value)


def _string(value: Scalar) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("expected a string without a NUL character")
    return literal(value)


def _integer(value: Scalar) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 10**_MOST_DIGITS:
        raise ValueError(f"expected an integer of at most {_MOST_DIGITS} digits")
    return str(value) if value >= 0 else f"({value})"


def _number(value: Scalar) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a number")
    if isinstance(value, int):
        return _integer(value)
    if not math.isfinite(value):
        raise ValueError("expected a finite number")
    return f"({value!r})" if math.copysign(1.0, value) < 0 else repr(value)


def _boolean(value: Scalar) -> str:
    if not isinstance(value, bool):
        raise ValueError("expected a boolean")
    return "TRUE" if value else "FALSE"


def _date(value: Scalar) -> str:
    problem = "expected a date as YYYY-MM-DD"
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError(problem)
    try:
        return f"'{date.fromisoformat(value).isoformat()}'::DATE"
    except ValueError:
        raise ValueError(problem) from None


def _timestamp(value: Scalar) -> str:
    problem = "expected a point in time as YYYY-MM-DDTHH:MM:SS, with an offset such as +02:00 or Z"
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(problem) from None
    kind = "TIMESTAMP_NTZ" if moment.tzinfo is None else "TIMESTAMP_TZ"
    return f"'{moment.isoformat(sep=' ')}'::{kind}"


def _identifier(value: Scalar) -> str:
    try:
        return quote(folded(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("expected one name, without dots between quoted parts") from None


_RENDERING: Final[Mapping[str, Callable[[Scalar], str]]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "identifier": _identifier,
}
