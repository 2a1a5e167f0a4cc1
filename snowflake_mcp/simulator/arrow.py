"""Arrow tables of DuckDB turned into the Arrow that Snowflake sends."""

import gzip
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from snowflake_mcp.simulator.columns import Field
from snowflake_mcp.simulator.exact import MARK

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["gzipped", "to_ipc", "to_snowflake"]

_BATCH_ROWS: Final = 16_384
_UTC: Final = 1440
"""Snowflake sends a zone as minutes east of UTC plus 1440; DuckDB keeps instants in UTC."""
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def to_ipc(batches: Iterable["pa.RecordBatch"], fields: Sequence[Field]) -> "pa.Buffer | bytes":
    """An Arrow IPC stream of ``batches`` as Snowflake would send them; worker threads only.

    No batches make no stream: an empty result travels as an empty text.
    """
    import pyarrow as pa

    converted = [to_snowflake(batch, fields) for batch in batches]
    sink = pa.BufferOutputStream()
    if not converted:
        return b""
    with pa.ipc.new_stream(sink, converted[0].schema) as writer:
        for batch in converted:
            writer.write_batch(batch)
    # Not as bytes: that would be one more copy of a large chunk.
    return sink.getvalue()


def gzipped(data: "pa.Buffer | bytes") -> bytes:
    """``data`` compressed as cheaply as gzip can; worker threads only."""
    return gzip.compress(data, 1, mtime=0)


def to_snowflake(batch: "pa.RecordBatch", fields: Sequence[Field]) -> "pa.RecordBatch":
    """One batch with Snowflake's physical types and metadata; worker threads only."""
    import pyarrow as pa

    arrays = [_column(array, field) for array, field in zip(batch.columns, fields, strict=True)]
    schema = pa.schema(
        [
            pa.field(field.name, array.type, field.nullable, field.metadata())
            for array, field in zip(arrays, fields, strict=True)
        ]
    )
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(array: Any, field: Field) -> Any:
    import pyarrow as pa

    kind = array.type
    if pa.types.is_struct(kind) and kind.num_fields and kind.field(0).name.startswith(MARK):
        return _exact(array, field.type)
    if pa.types.is_fixed_size_list(kind):
        return array
    if pa.types.is_decimal128(kind):
        return _unscaled(array)
    if pa.types.is_timestamp(kind):
        scale = 9 if field.scale is None else field.scale
        return _timestamp(array, scale, zoned=field.type == "timestamp_tz")
    if pa.types.is_time64(kind):
        return _ticks(array, field.scale if field.scale is not None else 9)
    if pa.types.is_nested(kind):
        return pa.array(_json_texts(array), pa.string())
    if pa.types.is_interval(kind):
        return pa.array([_interval_text(value) for value in array.to_pylist()], pa.string())
    return _recast(array)


def _recast(array: Any) -> Any:
    """A column whose type Snowflake never sends, in the next wider one that it does."""
    import pyarrow as pa

    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return array.storage
    if pa.types.is_dictionary(kind):
        return array.cast(kind.value_type)
    wider = {
        pa.null(): pa.string(),
        pa.float32(): pa.float64(),
        pa.uint8(): pa.int64(),
        pa.uint16(): pa.int64(),
        pa.uint32(): pa.int64(),
        pa.uint64(): pa.decimal128(20, 0),
    }
    return array.cast(wider[kind]) if kind in wider else array


def _ticks(array: Any, scale: int) -> Any:
    """A time of day in units of ``10**-scale`` seconds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    nanoseconds = pc.multiply(array.cast(pa.int64()), 1_000_000_000 // _PER_SECOND[array.type.unit])
    return pc.divide(nanoseconds, 10 ** (9 - scale))


_DIGITS_OF_64_BITS: Final = 18


def _unscaled(array: Any) -> Any:
    """A NUMBER as the integers that Snowflake sends; 128 bits only where 64 do not hold them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # The same bytes, read as numbers without a scale.
    whole = pa.Array.from_buffers(
        pa.decimal128(38, 0), len(array), array.buffers(), array.null_count, array.offset
    )
    if array.type.precision <= _DIGITS_OF_64_BITS:
        return whole.cast(pa.int64())
    bounds = pc.min_max(whole).as_py()
    if bounds["min"] is None or -(2**63) <= bounds["min"] <= bounds["max"] < 2**63:
        return whole.cast(pa.int64())
    return array


def _timestamp(array: Any, scale: int, *, zoned: bool) -> Any:
    """Seconds and nanoseconds since 1970, rounded down, with the nulls of ``array``.

    A struct built without a mask is never null: NULL would reach the client as 1970-01-01.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    per_second = _PER_SECOND[array.type.unit]
    value = pc.fill_null(array.cast(pa.int64()), 0)
    quotient = pc.divide(value, per_second)
    rest = pc.subtract(value, pc.multiply(quotient, per_second))
    negative = pc.less(rest, 0)
    epoch = pc.if_else(negative, pc.subtract(quotient, 1), quotient)
    rest = pc.if_else(negative, pc.add(rest, per_second), rest)
    beyond = 10 ** (9 - scale)
    nanoseconds = pc.multiply(rest, 1_000_000_000 // per_second)
    fraction = pc.multiply(pc.divide(nanoseconds, beyond), beyond).cast(pa.int32())
    parts = [epoch, fraction]
    fields = [pa.field("epoch", pa.int64()), pa.field("fraction", pa.int32())]
    if zoned:
        parts.append(pa.repeat(pa.scalar(_UTC, pa.int32()), len(array)))
        fields.append(pa.field("timezone", pa.int32()))
    return pa.StructArray.from_arrays(parts, fields=fields, mask=pc.is_null(array))


def _exact(array: Any, kind: str) -> Any:
    """A column of constants that ``exact`` carried through the engine."""
    import pyarrow as pa
    import pyarrow.compute as pc

    first, *others = array.flatten()
    missing = pc.is_null(array)
    if kind.startswith("timestamp"):
        parts = [pc.fill_null(first, 0).cast(pa.int64())]
        parts += [pc.fill_null(other, 0).cast(pa.int32()) for other in others]
        names = ("epoch", "fraction", "timezone")
        return pa.StructArray.from_arrays(parts, names[: len(parts)], mask=missing)
    if kind == "decfloat":
        cells = [bytes.fromhex(cell or "00") for cell in others[0].to_pylist()]
        parts = [pc.fill_null(first, 0).cast(pa.int16()), pa.array(cells, pa.binary())]
        return pa.StructArray.from_arrays(parts, ("exponent", "significand"), mask=missing)
    target = {"date": pa.int32(), "interval_day_time": pa.decimal128(38, 0)}.get(kind, pa.int64())
    cast = first.cast(target)
    return cast.cast(pa.date32()) if kind == "date" else cast


def _json_texts(array: Any) -> list[str | None]:
    return [
        None if value is None else msgspec.json.encode(value, enc_hook=str).decode()
        for value in array.to_pylist(maps_as_pydicts="lossy")
    ]


def _interval_text(value: Any) -> str | None:
    if value is None:
        return None
    months, days, nanoseconds = value
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if rest:
        clock += f".{rest:09d}".rstrip("0")
    return f"{months} months {days} days {clock}"
