"""Many cells of an Arrow column as text at once, by Arrow's own kernels; worker threads only.

The texts are those that ``temporal`` and ``columns`` make cell by cell, for the values that nearly
all columns hold: years of four digits, fractions of a second, offsets that are known. Whatever
else there is, ``None`` says so, and the caller goes cell by cell. A kernel takes microseconds
however few cells there are, but lets go of the interpreter while it works.
"""

from datetime import UTC, tzinfo
from typing import Any, Final

from snowflake_mcp.warehouse import temporal

__all__ = ["MANY", "dates", "decimals", "stamps", "times", "within"]

MANY: Final = 64
"""With fewer cells the kernels take longer than going cell by cell."""

_DAY_S: Final = 86_400
_FIRST_DAY: Final = -719_162
_LAST_DAY: Final = 2_932_896
"""0001-01-01 and 9999-12-31: between them Arrow writes a day as ``temporal.day`` does."""
_NS: Final = 10**9
_DIGITS: Final = 9


def dates(column: Any) -> Any | None:
    """Days since 1970-01-01, as ``temporal.day`` writes them."""
    import pyarrow as pa

    days = column.cast(pa.int32())
    return days.cast(pa.date32()).cast(pa.string()) if within(days, _FIRST_DAY, _LAST_DAY) else None


def times(column: Any, scale: int) -> Any | None:
    """Units of ``10**-scale`` seconds since midnight, as ``temporal.time_of_day`` writes them."""
    import pyarrow as pa
    from pyarrow import compute

    if not within(column, 0, _DAY_S * 10**scale - 1):
        return None
    counted = compute.multiply(column.cast(pa.int64()), 10 ** (_DIGITS - scale))
    return _trimmed(counted.cast(pa.time64("ns")).cast(pa.string()))


def stamps(epoch: Any, fraction: Any, scale: int, zone: Any) -> Any | None:
    """Timestamps, as ``temporal.naive`` writes them, or with a ``zone`` ``temporal.zoned``.

    ``fraction`` is in nanoseconds; ``None``: ``epoch`` counts units of ``10**-scale`` seconds.
    ``zone`` is a time zone, or a column of seconds from UTC; ``None``: there is none.
    """
    import pyarrow as pa
    from pyarrow import compute

    epoch = epoch.cast(pa.int64())
    if fraction is None:
        epoch, fraction = _split(epoch, scale)
    else:
        # NULL where the fraction of a whole second was left out.
        fraction = compute.coalesce(fraction.cast(pa.int64()), 0)
        if not within(fraction, 0, _NS - 1):
            return None
    # A day less at both ends: no clock is further from UTC.
    if not within(epoch, (_FIRST_DAY + 1) * _DAY_S, _LAST_DAY * _DAY_S - 1):
        return None
    ending: Any = None
    if zone is UTC:
        ending = temporal.offset(0)
    elif zone is not None:
        offset = _offsets(epoch, zone) if isinstance(zone, tzinfo) else zone
        if offset.null_count != epoch.null_count or not within(offset, -_DAY_S, _DAY_S):
            return None
        known = offset.dictionary_encode()
        names = [temporal.offset(seconds) for seconds in known.dictionary.to_pylist()]
        ending = pa.array(names, pa.string()).take(known.indices)
        epoch = compute.add(epoch, offset)
    texts = epoch.cast(pa.timestamp("s")).cast(pa.string())
    texts = compute.binary_replace_slice(texts, 10, 11, "T")
    if not within(fraction, 0, 0):
        digits = compute.ascii_lpad(fraction.cast(pa.string()), _DIGITS, "0")
        texts = _trimmed(compute.binary_join_element_wise(texts, digits, "."))
    return texts if ending is None else compute.binary_join_element_wise(texts, ending, "")


def decimals(column: Any, scale: int) -> Any:
    """Unscaled whole numbers with a point before the last ``scale`` digits."""
    import pyarrow as pa
    from pyarrow import compute

    digits = column.cast(pa.string())
    below = compute.less(column, pa.scalar(0, column.type))
    pointed = compute.binary_replace_slice(
        compute.ascii_lpad(compute.ascii_ltrim(digits, "-"), scale + 1, "0"), -scale, -scale, "."
    )
    signs = compute.if_else(below, "-", "")
    return compute.binary_join_element_wise(signs, pointed, "")


def within(column: Any, least: int, most: int) -> bool:
    """Whether every value lies between two numbers, themselves included."""
    from pyarrow import compute

    bounds = compute.min_max(column).as_py()
    return bounds["min"] is None or (least <= bounds["min"] and bounds["max"] <= most)


def _offsets(epoch: Any, zone: tzinfo) -> Any:
    import pyarrow as pa

    offsets = [
        None if each is None else temporal.offset_at(each, zone) for each in epoch.to_pylist()
    ]
    return pa.array(offsets, pa.int64())


def _split(counted: Any, scale: int) -> tuple[Any, Any]:
    """Seconds and nanoseconds of units of ``10**-scale`` seconds; see ``temporal.split``."""
    import pyarrow as pa
    from pyarrow import compute

    if not scale:
        return counted, compute.multiply(counted, 0)
    unit = 10**scale
    seconds = compute.divide(counted, unit)
    left = compute.subtract(counted, compute.multiply(seconds, unit))
    # Arrow divides towards zero, and a fraction always counts forwards.
    below = compute.less(left, 0).cast(pa.int64())
    seconds = compute.subtract(seconds, below)
    left = compute.add(left, compute.multiply(below, unit))
    return seconds, compute.multiply(left, 10 ** (_DIGITS - scale))


def _trimmed(texts: Any) -> Any:
    """Without the zeros at the end of a fraction, and without a point that nothing follows."""
    from pyarrow import compute

    return compute.ascii_rtrim(compute.ascii_rtrim(texts, "0"), ".")
