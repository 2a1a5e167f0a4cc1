"""Arrow columns in Snowflake's own encoding as Arrow columns of plain types; worker threads only.

``columns`` tells the encoding. Everything here works on whole columns and lets go of the
interpreter; only types that Arrow has no equal for are written as text, cell by cell.
"""

from datetime import tzinfo
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse import columns, values
from snowflake_mcp.warehouse.results import JsonValue
from snowflake_mcp.warehouse.visible import plain

__all__ = ["TooWideError", "arrow_type", "from_cells", "plain_column", "texts"]

_INT64_DIGITS: Final = 18
_MOST_DIGITS: Final = 38
_UNITS: Final = ((3, "ms"), (6, "us"), (9, "ns"))
"""Arrow's units by the digits of a second that they have."""
_MICROSECONDS: Final = 6


class TooWideError(ToolFailure):
    """A timestamp that nanoseconds in 64 bits cannot hold: before 1677, or after 2262.

    With ``coarse`` it is one that microseconds cannot hold either.
    """

    def __init__(self, column: str, *, coarse: bool) -> None:
        super().__init__(
            Family.STATEMENT,
            f"The column {plain(column, 255)} holds timestamps before 1677 or after 2262 and "
            "others with more than six digits of a second; no one type of this format holds both.",
            "Export as csv or jsonl, or cast the column to TIMESTAMP_NTZ(6) in the statement.",
        )
        self.coarse = coarse


def arrow_type(kind: str, precision: int | None, scale: int | None, *, coarse: bool = False) -> Any:
    """The Arrow type that holds every value of a column of Snowflake's type ``kind``.

    Text where Arrow has no equal. ``coarse``: no timestamp is finer than microseconds.
    """
    import pyarrow as pa

    digits, scale = precision or _MOST_DIGITS, scale or 0
    if kind == "FIXED":
        small = not scale and digits <= _INT64_DIGITS
        return pa.int64() if small else pa.decimal128(digits, scale)
    if kind == "TIME":
        unit = _unit(scale)
        return pa.time32(unit) if unit == "ms" else pa.time64(unit)
    if kind in {"TIMESTAMP_NTZ", "TIMESTAMP_LTZ"}:
        unit = _unit(min(scale, _MICROSECONDS) if coarse else scale)
        return pa.timestamp(unit, tz="UTC" if kind == "TIMESTAMP_LTZ" else None)
    types = {"REAL": pa.float64(), "BOOLEAN": pa.bool_(), "BINARY": pa.binary()}
    return {**types, "DATE": pa.date32()}.get(kind, pa.string())


def plain_column(name: str, kind: str, scale: int, array: Any, target: Any, zone: tzinfo) -> Any:
    """A column as the type that ``arrow_type`` gives for it; ``zone`` is the session's.

    Raises:
        TooWideError: a timestamp has no place in its type.
        pyarrow.ArrowInvalid: a value has none in its, against what Snowflake has said of it.
    """
    from pyarrow import types

    if types.is_null(array.type):
        return array.cast(target)
    if types.is_decimal(target):
        return _decimals(array, target)
    if types.is_time(target):
        return _times(array, scale, target)
    if types.is_timestamp(target):
        return _timestamps(name, array, scale, target)
    if types.is_string(target):
        return texts(kind, scale, array, zone)
    if types.is_date32(target) and types.is_integer(array.type):
        import pyarrow as pa

        return array.cast(pa.int32()).cast(target)
    return array.cast(target)


def texts(kind: str, scale: int, array: Any, zone: tzinfo) -> Any:
    """A column as text: what is text as it is, JSON text as Snowflake wrote it."""
    import pyarrow as pa

    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        try:
            array.validate(full=True)
            return array.cast(pa.string())
        except pa.ArrowInvalid:
            # Not UTF-8; the converter mends it.
            kind = "TEXT"
    convert = columns.converter(kind, scale, array.type, zone)
    return pa.array([_text(value) for value in convert(array)], pa.string())


def from_cells(cells: list[Any], kind: str, target: Any) -> Any:
    """A column from the driver's Python values, for results that come as JSON."""
    import pyarrow as pa

    if pa.types.is_string(target):
        return pa.array([_text(values.plain(cell)) for cell in cells], target)
    if kind == "BINARY":
        cells = [None if cell is None else bytes(cell) for cell in cells]
    return pa.array(cells, target)


def _text(value: JsonValue) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _unit(scale: int) -> str:
    return next(unit for digits, unit in _UNITS if scale <= digits)


def _decimals(array: Any, target: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_integer(array.type):
        # The unscaled value in 128 bits is what a decimal is made of; only the point moves.
        wide = array.cast(pa.decimal128(_MOST_DIGITS, 0))
        array = pa.Array.from_buffers(target, len(wide), wide.buffers(), offset=wide.offset)
        array.validate(full=True)
        return array
    return array.cast(target)


def _times(array: Any, scale: int, target: Any) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    digits = next(digits for digits, unit in _UNITS if unit == target.unit)
    counted = compute.multiply(array.cast(pa.int64()), 10 ** (digits - scale))
    return counted.cast(pa.int32() if pa.types.is_time32(target) else pa.int64()).cast(target)


def _timestamps(name: str, array: Any, scale: int, target: Any) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    digits = next(digits for digits, unit in _UNITS if unit == target.unit)
    coarse = digits < min(scale, 9)
    try:
        if not pa.types.is_struct(array.type):
            counted = _rescaled(array.cast(pa.int64()), digits - scale)
        elif array.type.get_field_index("fraction") < 0:
            counted = _rescaled(
                compute.struct_field(array, "epoch").cast(pa.int64()), digits - scale
            )
        else:
            epoch = compute.struct_field(array, "epoch").cast(pa.int64())
            fraction = compute.struct_field(array, "fraction").cast(pa.int64())
            counted = compute.add_checked(
                compute.multiply_checked(epoch, 10**digits), _rescaled(fraction, digits - 9)
            )
    except (pa.ArrowInvalid, _LostDigitsError):
        raise TooWideError(name, coarse=coarse) from None
    return counted.cast(target)


class _LostDigitsError(Exception):
    """A number does not end in the zeros that were to be taken from it."""


def _rescaled(array: Any, power: int) -> Any:
    """Whole numbers times a power of ten; raises where that is no whole number, or too large."""
    from pyarrow import compute

    if power >= 0:
        return compute.multiply_checked(array, 10**power)
    divided = compute.divide(array, 10**-power)
    if compute.any(compute.not_equal(compute.multiply(divided, 10**-power), array)).as_py():
        raise _LostDigitsError
    return divided
