"""Arrow columns in Snowflake's encoding as JSON values: the table of docs/results.md."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from snowflake_mcp.warehouse import temporal
from snowflake_mcp.warehouse.columns import converter
from snowflake_mcp.warehouse.results import JsonValue

NTZ = pa.struct([("epoch", pa.int64()), ("fraction", pa.int32())])
TZ3 = pa.struct([("epoch", pa.int64()), ("fraction", pa.int32()), ("timezone", pa.int32())])
TZ2 = pa.struct([("epoch", pa.int64()), ("timezone", pa.int32())])
DECFLOAT = pa.struct([("exponent", pa.int16()), ("significand", pa.binary())])
NINES = "9" * 38


def stamp(epoch: int, fraction: int, offset_minutes: int | None = None) -> dict[str, int]:
    zone = {} if offset_minutes is None else {"timezone": offset_minutes + 1_440}
    return {"epoch": epoch, "fraction": fraction, **zone}


@pytest.mark.parametrize(
    ("kind", "scale", "arrow_type", "raw", "expected"),
    [
        ("FIXED", 0, pa.int8(), -5, -5),
        ("FIXED", 0, pa.int64(), 2**53 - 1, 2**53 - 1),
        ("FIXED", 0, pa.int64(), 2**53, str(2**53)),
        ("FIXED", 0, pa.int64(), -(2**53), str(-(2**53))),
        ("FIXED", 0, pa.decimal128(38, 0), Decimal(NINES), NINES),
        ("FIXED", 0, pa.decimal128(38, 0), Decimal(7), 7),
        ("FIXED", 2, pa.int16(), 1_250, "12.50"),
        ("FIXED", 2, pa.int8(), -5, "-0.05"),
        ("FIXED", 2, pa.int8(), 0, "0.00"),
        ("FIXED", 37, pa.int64(), 1, "0." + "1".rjust(37, "0")),
        ("FIXED", 37, pa.decimal128(38, 37), Decimal("9." + "9" * 37), "9." + "9" * 37),
        ("FIXED", 2, pa.decimal128(38, 2), Decimal("-0.10"), "-0.10"),
        ("REAL", 0, pa.float64(), 1.5, 1.5),
        ("REAL", 0, pa.float64(), float("nan"), "NaN"),
        ("REAL", 0, pa.float64(), float("inf"), "Infinity"),
        ("REAL", 0, pa.float64(), float("-inf"), "-Infinity"),
        ("BOOLEAN", 0, pa.bool_(), True, True),
        ("DATE", 0, pa.int32(), 20_484, "2026-01-31"),
        ("DATE", 0, pa.int32(), -1, "1969-12-31"),
        ("DATE", 0, pa.int32(), 2_932_897, "10000-01-01"),
        ("DATE", 0, pa.int32(), -719_529, "-0001-12-31"),
        ("DATE", 0, pa.int32(), 11_016, "2000-02-29"),
        ("TIME", 9, pa.int64(), 45_296_789_000_000, "12:34:56.789"),
        ("TIME", 0, pa.int32(), 86_399, "23:59:59"),
        ("TIME", 3, pa.int32(), 1, "00:00:00.001"),
        (
            "TIMESTAMP_NTZ",
            9,
            NTZ,
            stamp(1_769_862_896, 123_456_789),
            "2026-01-31T12:34:56.123456789",
        ),
        ("TIMESTAMP_NTZ", 9, NTZ, stamp(0, 0), "1970-01-01T00:00:00"),
        ("TIMESTAMP_NTZ", 3, pa.int64(), 1_769_862_896_120, "2026-01-31T12:34:56.12"),
        ("TIMESTAMP_NTZ", 3, pa.int64(), -1, "1969-12-31T23:59:59.999"),
        ("TIMESTAMP_NTZ", 9, NTZ, stamp(253_402_300_800, 1), "10000-01-01T00:00:00.000000001"),
        ("TIMESTAMP_LTZ", 9, NTZ, stamp(1_769_862_896, 0), "2026-01-31T13:34:56+01:00"),
        ("TIMESTAMP_LTZ", 0, pa.int64(), 1_782_907_200, "2026-07-01T14:00:00+02:00"),
        ("TIMESTAMP_LTZ", 9, NTZ, stamp(253_402_300_800, 0), "10000-01-01T00:00:00+00:00"),
        (
            "TIMESTAMP_TZ",
            9,
            TZ3,
            stamp(1_769_862_896, 5, 60),
            "2026-01-31T13:34:56.000000005+01:00",
        ),
        ("TIMESTAMP_TZ", 9, TZ3, stamp(0, 0, -570), "1969-12-31T14:30:00-09:30"),
        (
            "TIMESTAMP_TZ",
            3,
            TZ2,
            {"epoch": 1_500, "timezone": 1_440},
            "1970-01-01T00:00:01.5+00:00",
        ),
        ("TEXT", 0, pa.string(), "x", "x"),
        ("TEXT", 0, pa.string(), "nul \x00 ☃ 🂡", "nul \x00 ☃ 🂡"),
        ("BINARY", 0, pa.binary(), b"\xab\x00", "AB00"),
        ("VARIANT", 0, pa.string(), '{"a": [1, 2.5, null, "x"]}', {"a": [1, 2.5, None, "x"]}),
        ("VARIANT", 0, pa.string(), '"text"', "text"),
        ("VARIANT", 0, pa.string(), "null", None),
        ("VARIANT", 0, pa.string(), "[1, undefined]", "[1, undefined]"),
        ("ARRAY", 0, pa.string(), "[" * 5_000 + "]" * 5_000, "[" * 5_000 + "]" * 5_000),
        ("ARRAY", 0, pa.string(), "[" * 513 + "]" * 513, "[" * 513 + "]" * 513),
        ("ARRAY", 0, pa.string(), "[" * 512 + "]" * 512, json.loads("[" * 512 + "]" * 512)),
        ("OBJECT", 0, pa.string(), "{}", {}),
        ("MAP", 0, pa.string(), '{"k": 1}', {"k": 1}),
        ("GEOGRAPHY", 0, pa.string(), '{"type": "Point"}', '{"type": "Point"}'),
        ("VECTOR", 0, pa.list_(pa.float32(), 2), [0.5, 1.5], [0.5, 1.5]),
        ("ARRAY", 0, pa.list_(pa.int64()), [1, 2**60], [1, str(2**60)]),
        ("OBJECT", 0, pa.struct([("a", pa.int64())]), {"a": 1}, {"a": 1}),
        ("FIXED", 0, DECFLOAT, {"exponent": -2, "significand": b"\x04\xd2"}, "12.34"),
        ("INTERVAL_YEAR_MONTH", 0, pa.int64(), -14, "-1-02"),
        ("INTERVAL_YEAR_MONTH", 1, pa.int64(), 24, "+2"),
        ("INTERVAL_YEAR_MONTH", 2, pa.int64(), 14, "+14"),
        ("INTERVAL_DAY_TIME", 0, pa.int64(), 90_061_500_000_000, "+1 01:01:01.5"),
        ("INTERVAL_DAY_TIME", 0, pa.decimal128(38, 0), Decimal(-1), "-0 00:00:00.000000001"),
    ],
)
def test_a_value_and_null(
    kind: str, scale: int, arrow_type: Any, raw: Any, expected: JsonValue
) -> None:
    """The value comes out as the table says, NULL as null, and both are valid JSON."""
    column = pa.array([raw, None], arrow_type)
    cells = converter(kind, scale, column.type, temporal.zone("Europe/Berlin"))(column)
    assert cells == [expected, None]
    assert type(cells[0]) is type(expected)
    assert json.loads(msgspec.json.encode(cells)) == cells


def test_null_in_the_members_is_null() -> None:
    """A timestamp whose struct is there and whose epoch is not is NULL."""
    column = pa.array([{"epoch": None, "fraction": None}], NTZ)
    assert converter("TIMESTAMP_NTZ", 9, NTZ, temporal.zone(""))(column) == [None]


def test_text_that_is_no_utf8_is_mended() -> None:
    """A surrogate that was encoded on its own becomes U+FFFD instead of an error."""
    data = pa.py_buffer(b"a\xed\xa0\x80b")
    offsets = pa.py_buffer((0).to_bytes(4, "little") + (5).to_bytes(4, "little"))
    column = pa.StringArray.from_buffers(1, offsets, data)
    (cell,) = converter("TEXT", 0, column.type, temporal.zone(""))(column)
    assert isinstance(cell, str)
    assert (cell[0], cell[-1], set(cell[1:-1])) == ("a", "b", {"�"})


def test_a_zone_that_this_host_does_not_know_is_utc() -> None:
    """The instant stays right: an unknown zone is shown as UTC."""
    column = pa.array([stamp(0, 0)], NTZ)
    convert = converter("TIMESTAMP_LTZ", 9, NTZ, temporal.zone("Mars/Olympus"))
    assert convert(column) == ["1970-01-01T00:00:00+00:00"]
