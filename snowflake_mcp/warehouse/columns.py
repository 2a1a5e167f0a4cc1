"""Arrow columns in Snowflake's own encoding as lists of JSON values; runs in worker threads.

The encoding: NUMBER as unscaled integers or decimal128, TIME and one-member timestamps as units
of ``10**-scale`` seconds, other timestamps as structs of epoch, fraction and zone offset
(minutes, plus 1440), DATE as days, DECFLOAT as exponent and significand.
"""

from collections.abc import Callable
from datetime import tzinfo
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from snowflake_mcp.warehouse import bulk, temporal, values
from snowflake_mcp.warehouse.results import JsonValue

__all__ = ["Converter", "converter"]

Converter = Callable[[Any], list[JsonValue]]
"""Takes an Arrow array, gives one value per cell; NULL is ``None``."""

_UTC_MINUTES: Final = 1_440


@lru_cache(1_024)
def converter(kind: str, scale: int, arrow_type: Any, timezone: tzinfo) -> Converter:
    """The function for a column of Snowflake's type ``kind`` that arrives as ``arrow_type``.

    ``scale`` is the column's; ``timezone`` is the session's, for TIMESTAMP_LTZ.
    """
    import pyarrow as pa

    types = pa.types
    is_text = types.is_string(arrow_type) or types.is_large_string(arrow_type)
    if types.is_integer(arrow_type):
        return _of_integers(kind, scale, timezone)
    if types.is_struct(arrow_type):
        return _of_structs(kind, scale, arrow_type, timezone)
    if is_text:
        return _json if kind in values.SEMI_STRUCTURED else _texts
    if types.is_date32(arrow_type):
        return _by_kernels(bulk.dates, _dates)
    if types.is_boolean(arrow_type) or types.is_null(arrow_type):
        return lambda column: list(column.to_pylist())
    cell: Callable[[Any], JsonValue] = values.plain
    if types.is_floating(arrow_type):
        return _numbers
    if types.is_decimal(arrow_type):
        cell = _interval if kind == "INTERVAL_DAY_TIME" else values.decimal
    elif types.is_binary(arrow_type):
        cell = values.hexadecimal
    return _mapped(cell)


def _mapped(cell: Callable[[Any], JsonValue]) -> Converter:
    return lambda column: [None if value is None else cell(value) for value in column.to_pylist()]


def _by_kernels(texts: Callable[[Any], Any], each: Converter) -> Converter:
    """Many cells at once where ``texts`` can; cell by cell where it cannot, and for few."""

    def convert(column: Any) -> list[JsonValue]:
        made = texts(column) if len(column) >= bulk.MANY else None
        if made is None:
            return each(column)
        cells: list[JsonValue] = made.to_pylist()
        return cells

    return convert


def _wholes(column: Any) -> list[JsonValue]:
    cells: list[Any] = column.to_pylist()
    if len(cells) >= bulk.MANY and bulk.within(column, -values.SAFE, values.SAFE):
        return cells
    return [None if value is None else values.whole(value) for value in cells]


def _numbers(column: Any) -> list[JsonValue]:
    return [
        value if value is None or isfinite(value) else values.number(value)
        for value in column.to_pylist()
    ]


def _of_integers(kind: str, scale: int, timezone: tzinfo) -> Converter:
    if kind == "DATE":
        return _by_kernels(bulk.dates, _dates)
    if kind == "TIME":
        each = _mapped(lambda value: temporal.time_of_day(value, scale))
        return _by_kernels(lambda column: bulk.times(column, scale), each)
    if kind == "TIMESTAMP_LTZ":
        each = _mapped(lambda value: temporal.local(*temporal.split(value, scale), timezone))
        return _by_kernels(lambda column: bulk.stamps(column, None, scale, timezone), each)
    if kind.startswith("TIMESTAMP"):
        each = _mapped(lambda value: temporal.naive(*temporal.split(value, scale)))
        return _by_kernels(lambda column: bulk.stamps(column, None, scale, None), each)
    if kind == "INTERVAL_YEAR_MONTH":
        return _mapped(lambda value: temporal.year_month(value, scale))
    if kind == "INTERVAL_DAY_TIME":
        return _mapped(temporal.day_time)
    if scale:
        each = _mapped(lambda value: _point(value, scale))
        return _by_kernels(lambda column: bulk.decimals(column, scale), each)
    return _wholes


def _of_structs(kind: str, scale: int, arrow_type: Any, timezone: tzinfo) -> Converter:
    members = {arrow_type.field(index).name for index in range(arrow_type.num_fields)}
    if {"exponent", "significand"} <= members:
        return _mapped(_decfloat)
    if "epoch" not in members:
        return _mapped(values.plain)
    fraction = "fraction" in members

    def cell(value: dict[str, Any]) -> JsonValue:
        if value["epoch"] is None:
            # Some answers mark NULL in the members and not in the struct.
            return None
        epoch, nanoseconds = value["epoch"], 0
        if fraction:
            nanoseconds = value["fraction"] or 0
        else:
            epoch, nanoseconds = temporal.split(epoch, scale)
        offset = value.get("timezone")
        if offset is not None:
            return temporal.zoned(epoch, nanoseconds, (offset - _UTC_MINUTES) * 60)
        if kind == "TIMESTAMP_LTZ":
            return temporal.local(epoch, nanoseconds, timezone)
        return temporal.naive(epoch, nanoseconds)

    def texts(column: Any) -> Any:
        from pyarrow import compute

        found = {name: compute.struct_field(column, name) for name in members}
        zone: Any = timezone if kind == "TIMESTAMP_LTZ" else None
        if "timezone" in found:
            minutes = found["timezone"].cast("int64")
            zone = compute.multiply(compute.subtract(minutes, _UTC_MINUTES), 60)
        return bulk.stamps(found["epoch"], found.get("fraction"), scale, zone)

    return _by_kernels(texts, _mapped(cell))


def _point(unscaled: int, scale: int) -> str:
    digits = str(abs(unscaled)).rjust(scale + 1, "0")
    sign = "-" if unscaled < 0 else ""
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def _interval(value: Decimal) -> str:
    return temporal.day_time(int(value))


def _decfloat(value: dict[str, Any]) -> JsonValue:
    if value["significand"] is None:
        return None
    significand = int.from_bytes(value["significand"], "big", signed=True)
    return str(Decimal(f"{significand}E{value['exponent']}"))


def _dates(column: Any) -> list[JsonValue]:
    import pyarrow as pa

    return [
        None if value is None else temporal.day(value)
        for value in column.cast(pa.int32()).to_pylist()
    ]


def _texts(column: Any) -> list[JsonValue]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        # Not UTF-8, for example a surrogate that was encoded on its own.
        import pyarrow as pa

        wide = pa.types.is_large_string(column.type)
        cells = column.cast(pa.large_binary() if wide else pa.binary()).to_pylist()
        return [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]


def _json(column: Any) -> list[JsonValue]:
    return values.all_parsed(_texts(column))
