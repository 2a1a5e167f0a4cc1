"""Single values as JSON values; docs/results.md is the table. Runs in worker threads."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from snowflake_mcp.warehouse import temporal
from snowflake_mcp.warehouse.results import JsonValue

__all__ = [
    "SAFE",
    "SEMI_STRUCTURED",
    "all_parsed",
    "decimal",
    "hexadecimal",
    "number",
    "parsed",
    "plain",
    "text",
    "whole",
]

SEMI_STRUCTURED: Final = frozenset({"VARIANT", "OBJECT", "ARRAY", "MAP"})
"""Types whose cells are JSON text and become the value that it stands for."""
_PARSED_CHARS: Final = 1 << 20
"""A longer semi-structured cell stays text: as Python values it takes many times the memory."""
_MAX_LEVELS: Final = 512
"""Deeper nesting stays text; every supported Python can read and write this much."""
SAFE: Final = 2**53 - 1
"""Beyond it a JSON number changes its value in clients that know only doubles."""


_decode: Final = msgspec.json.Decoder().decode


def plain(value: Any, kind: str = "") -> JsonValue:
    """A Python value of a row, or of a nested structure, as a JSON value; never raises.

    ``kind`` is Snowflake's name of the column's type.
    """
    if value is None:
        return None
    for types, convert in _PLAIN:
        if isinstance(value, types):
            converted = convert(value)
            return (
                parsed(converted) if kind in SEMI_STRUCTURED and value == converted else converted
            )
    return text(str(value))


def whole(value: int) -> JsonValue:
    """An integer; as text where a double could not hold it."""
    return value if -SAFE <= value <= SAFE else str(value)


def number(value: float) -> JsonValue:
    """A FLOAT; JSON has no words for what is not finite, so that becomes text."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def decimal(value: Decimal) -> JsonValue:
    """A NUMBER: an integer when it has no scale, else text with every digit of the scale."""
    if value.is_finite() and value.as_tuple().exponent == 0:
        return whole(int(value))
    return format(value, "f")


def hexadecimal(value: bytes | bytearray) -> str:
    """A BINARY in upper-case hexadecimal digits."""
    return value.hex().upper()


def parsed(value: JsonValue) -> JsonValue:
    """The value that a semi-structured cell's JSON text stands for.

    The text itself if it is no JSON, too deep or too long.
    """
    if not isinstance(value, str) or len(value) > _PARSED_CHARS:
        return value
    try:
        decoded: JsonValue = _decode(value)
    except (msgspec.DecodeError, RecursionError):
        # Snowflake writes `undefined`, NaN and Infinity inside arrays.
        return value
    # Where recursion ends differs from one version of Python to the next by a factor of ten.
    if value.count("[") + value.count("{") > _MAX_LEVELS and _is_deeper(decoded, _MAX_LEVELS):
        return value
    return decoded


def all_parsed(cells: Sequence[Any]) -> list[JsonValue]:
    """What ``parsed`` makes of each text; NULL is ``None``."""
    decode = _decode
    try:
        # Without a call for each: what has so few characters cannot have more levels.
        return [
            None if cell is None else decode(cell) if len(cell) <= _MAX_LEVELS else parsed(cell)
            for cell in cells
        ]
    except (msgspec.DecodeError, RecursionError):
        return [parsed(cell) for cell in cells]


def _is_deeper(value: JsonValue, levels: int) -> bool:
    level: list[Any] = [value] if isinstance(value, list | dict) else []
    for _ in range(levels):
        level = [
            member
            for each in level
            for member in (each.values() if isinstance(each, dict) else each)
            if isinstance(member, list | dict)
        ]
        if not level:
            return False
    return True


def text(value: str) -> str:
    """The text with lone surrogates, which no JSON can carry, replaced by U+FFFD."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _moment(value: datetime) -> str:
    days, seconds = value.toordinal() - _EPOCH_DAY, value.hour * 3_600 + value.minute * 60
    epoch, nanoseconds = days * 86_400 + seconds + value.second, value.microsecond * 1_000
    offset = value.utcoffset()
    if offset is None:
        return temporal.naive(epoch, nanoseconds)
    offset_s = int(offset.total_seconds())
    return temporal.zoned(epoch - offset_s, nanoseconds, offset_s)


def _time(value: time) -> str:
    seconds = value.hour * 3_600 + value.minute * 60 + value.second
    return temporal.clock(seconds, value.microsecond * 1_000)


def _interval(value: timedelta) -> str:
    return temporal.day_time(value // timedelta(microseconds=1) * 1_000)


def _object(value: Mapping[Any, Any]) -> JsonValue:
    return {str(plain(name)): plain(item) for name, item in value.items()}


def _array(value: Sequence[Any]) -> JsonValue:
    return [plain(item) for item in value]


_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_PLAIN: Final[tuple[tuple[Any, Callable[[Any], JsonValue]], ...]] = (
    # bool is an int and datetime is a date, so their order matters.
    (str, text),
    (bool, bool),
    (int, whole),
    (float, number),
    (Decimal, decimal),
    ((bytes, bytearray), hexadecimal),
    (datetime, _moment),
    (date, date.isoformat),
    (time, _time),
    (timedelta, _interval),
    (Mapping, _object),
    (Sequence, _array),
)
