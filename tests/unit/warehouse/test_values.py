"""Python values of JSON results as JSON values."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from snowflake_mcp.warehouse.results import JsonValue
from snowflake_mcp.warehouse.values import plain, text

NOON = datetime.fromisoformat("2026-01-31T12:00:00")


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, "TEXT", None),
        (True, "BOOLEAN", True),
        (2**53, "FIXED", str(2**53)),
        (Decimal("12.50"), "FIXED", "12.50"),
        (Decimal("1E+2"), "FIXED", "100"),
        (1.0, "REAL", 1.0),
        (float("nan"), "REAL", "NaN"),
        (bytearray(b"\xab"), "BINARY", "AB"),
        (date(2026, 1, 31), "DATE", "2026-01-31"),
        (time(12, 0, 0, 500_000), "TIME", "12:00:00.5"),
        (NOON.replace(microsecond=120_000), "TIMESTAMP_NTZ", "2026-01-31T12:00:00.12"),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "TIMESTAMP_LTZ", "2026-01-31T12:00:00+00:00"),
        (
            datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
            "TIMESTAMP_TZ",
            "2026-01-31T12:00:00-03:30",
        ),
        (timedelta(days=1, microseconds=1), "INTERVAL_DAY_TIME", "+1 00:00:00.000001"),
        ('{"a": 1}', "VARIANT", {"a": 1}),
        ('{"a": 1}', "TEXT", '{"a": 1}'),
        ("{not json", "OBJECT", "{not json"),
        ({"a": [Decimal("1.5"), None]}, "OBJECT", {"a": ["1.5", None]}),
        ((1, "x"), "ARRAY", [1, "x"]),
        (object, "TEXT", "<class 'object'>"),
    ],
)
def test_a_python_value(value: Any, kind: str, expected: JsonValue) -> None:
    """A driver's Python value becomes the same JSON value as its Arrow form."""
    assert plain(value, kind) == expected


def test_lone_surrogates_become_replacement_characters() -> None:
    """Half a pair cannot be sent as JSON; whole pairs and other text stay."""
    assert text("a\ud800b") == "a\ufffdb"
    assert text("☃🂡") == "☃🂡"
