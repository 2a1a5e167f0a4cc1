"""Values bound to the question marks of a statement, as they come over the wire."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from snowflake_mcp.simulator.failures import StatementFailed, not_supported

__all__ = ["bound_values"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def bound_values(bindings: Mapping[str, Any]) -> list[object] | None:
    """The values in order, or None when nothing is bound; any thread.

    :raises StatementFailed: a value cannot be read, or is an array of values.
    """
    if not bindings:
        return None
    try:
        return [_value(bindings[str(number + 1)]) for number in range(len(bindings))]
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise StatementFailed("002049", "42601", "SQL compilation error:\nInvalid bind.") from error


def _value(binding: Mapping[str, Any]) -> object:
    kind, value = binding["type"], binding["value"]
    if value is None:
        return None
    if isinstance(value, list):
        raise not_supported("binding arrays of values")
    match kind:
        case "FIXED":
            return int(value) if value.lstrip("+-").isdecimal() else Decimal(value)
        case "REAL":
            return float(value)
        case "BOOLEAN":
            return value.lower() == "true"
        case "BINARY":
            return bytes.fromhex(value)
        case "DATE":
            return _date(int(value))
        case "TIME":
            return _time(int(value))
        case "TIMESTAMP_NTZ":
            return _moment(int(value)).replace(tzinfo=None)
        case "TIMESTAMP_LTZ":
            return _moment(int(value))
        case "TIMESTAMP_TZ":
            nanoseconds, _, zone = value.partition(" ")
            offset = timedelta(minutes=int(zone or 1440) - 1440)
            return _moment(int(nanoseconds)).astimezone(timezone(offset))
        case _:
            return value


def _moment(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def _date(milliseconds: int) -> date:
    return (_EPOCH + timedelta(milliseconds=milliseconds)).date()


def _time(nanoseconds: int) -> time:
    return _moment(nanoseconds).time()
