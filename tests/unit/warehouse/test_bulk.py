"""Many cells at once come out as they do one by one."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.warehouse import bulk, fetching, temporal
from snowflake_mcp.warehouse.columns import converter
from snowflake_mcp.warehouse.results import JsonValue

BERLIN = temporal.zone("Europe/Berlin")
ZONES = (UTC, BERLIN, temporal.zone("America/St_Johns"))
FIRST, LAST = -62_135_596_800, 253_402_300_799
"""The seconds of the years 1 to 9999."""


def nullable(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Columns of them with NULL among them, mostly as long as the kernels want."""
    return st.lists(st.none() | values, max_size=12).map(lambda some: some * 9)


def converted(
    kind: str, scale: int, column: Any, timezone: tzinfo, *, one_by_one: bool
) -> Sequence[JsonValue]:
    """The column as JSON values, whole or each cell as a column of its own."""
    convert = converter(kind, scale, column.type, timezone)
    if not one_by_one:
        return convert(column)
    return [convert(column.slice(at, 1))[0] for at in range(len(column))]


def same(kind: str, scale: int, column: Any, timezone: tzinfo = UTC) -> None:
    """Hold both ways against each other, also for a column that begins further on."""
    for start in (0, 1):
        part = column.slice(start)
        whole = converted(kind, scale, part, timezone, one_by_one=False)
        assert whole == converted(kind, scale, part, timezone, one_by_one=True)


seconds = st.integers(FIRST, LAST) | st.sampled_from([0, -1, FIRST, LAST, FIRST - 1, LAST + 1])
fractions = st.sampled_from([None, 0, 1, 500_000_000, 120_000_000]) | st.integers(0, 999_999_999)
offsets = st.sampled_from([1_440, 1_500, 870, 1_440 + 840, 0])


@given(
    nullable(seconds.flatmap(lambda s: st.tuples(st.just(s), fractions))), st.sampled_from(ZONES)
)
def test_timestamps_with_a_fraction(rows: list[tuple[int, int] | None], zone: tzinfo) -> None:
    """Any second of any year, with or without digits behind it, in any zone."""
    kind = pa.struct([("epoch", pa.int64()), ("fraction", pa.int32())])
    column = pa.array(
        [None if row is None else {"epoch": row[0], "fraction": row[1]} for row in rows], kind
    )
    same("TIMESTAMP_NTZ", 9, column)
    same("TIMESTAMP_LTZ", 9, column, zone)


@given(nullable(st.tuples(seconds, fractions, st.none() | offsets)))
def test_timestamps_with_an_offset(rows: list[tuple[int, int, int] | None]) -> None:
    """Each cell has an offset of its own; some may lack it."""
    kind = pa.struct([("epoch", pa.int64()), ("fraction", pa.int32()), ("timezone", pa.int32())])
    column = pa.array(
        [
            None if row is None else dict(zip(("epoch", "fraction", "timezone"), row, strict=True))
            for row in rows
        ],
        kind,
    )
    same("TIMESTAMP_TZ", 9, column)


@given(nullable(st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**5), 10**5)), st.integers(0, 9))
def test_timestamps_that_count_units(counts: list[int | None], scale: int) -> None:
    """Before 1970 too, where a fraction still counts forwards."""
    column = pa.array(counts, pa.int64())
    same("TIMESTAMP_NTZ", scale, column)
    same("TIMESTAMP_LTZ", scale, column, BERLIN)


@given(nullable(st.tuples(st.integers(-(10**13), 10**13), offsets)), st.integers(0, 3))
def test_timestamps_that_count_units_with_an_offset(
    rows: list[tuple[int, int] | None], scale: int
) -> None:
    """What TIMESTAMP_TZ of few digits comes as."""
    kind = pa.struct([("epoch", pa.int64()), ("timezone", pa.int32())])
    column = pa.array(
        [None if row is None else {"epoch": row[0], "timezone": row[1]} for row in rows], kind
    )
    same("TIMESTAMP_TZ", scale, column)


@given(nullable(st.integers(-(2**31), 2**31 - 1) | st.integers(-800_000, 3_000_000)))
def test_dates(days: list[int | None]) -> None:
    """Years of more digits than four, or before the first, go cell by cell."""
    same("DATE", 0, pa.array(days, pa.int32()))
    same("DATE", 0, pa.array(days, pa.int32()).cast(pa.date32()))


@given(st.integers(0, 9), st.data())
def test_times(scale: int, data: st.DataObject) -> None:
    """With the zeros of their fraction gone, and those of a full minute kept."""
    units = 86_400 * 10**scale
    counts = data.draw(
        nullable(st.integers(0, units - 1) | st.sampled_from([0, units, units // 24]))
    )
    same("TIME", scale, pa.array(counts, pa.int64()))


@given(st.sampled_from([8, 16, 32, 64]), st.data(), st.integers(0, 37))
def test_numbers(bits: int, data: st.DataObject, scale: int) -> None:
    """Whole numbers of every width, with and without a point in them."""
    most = 2 ** (bits - 1)
    counts = data.draw(nullable(st.integers(-most, most - 1) | st.integers(-100, 100)))
    same("FIXED", scale, pa.array(counts, pa.int64()).cast(f"int{bits}"))


@given(nullable(st.floats()))
def test_floats(numbers: list[float | None]) -> None:
    """What is not finite is text."""
    column = pa.array(numbers, pa.float64())
    whole = converted("REAL", 0, column, UTC, one_by_one=False)
    assert whole == converted("REAL", 0, column, UTC, one_by_one=True)


def test_ordinary_columns_go_by_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """And few cells do not: a kernel takes longer than they do."""
    counted = pa.array(range(bulk.MANY), pa.int64())
    stamps = pa.array(
        [{"epoch": at, "fraction": at} for at in range(bulk.MANY)],
        pa.struct([("epoch", pa.int64()), ("fraction", pa.int32())]),
    )
    ways = [("DATE", 0, counted), ("TIME", 3, counted), ("FIXED", 2, counted)]
    ways += [("TIMESTAMP_LTZ", 3, counted), ("TIMESTAMP_NTZ", 9, stamps)]
    for name in ("day", "time_of_day", "naive", "local", "zoned"):
        monkeypatch.delattr(temporal, name)
    monkeypatch.delattr("snowflake_mcp.warehouse.columns._point")
    for kind, scale, column in ways:
        convert = converter(kind, scale, column.type, BERLIN)
        assert len(convert(column)) == bulk.MANY
        with pytest.raises((AttributeError, NameError)):
            convert(column.slice(1))


def test_a_slice_is_small_in_every_way() -> None:
    """In rows, in cells and in bytes; one row alone may be larger, and then it is alone."""
    numbers = pa.array(range(1_200), pa.int64())
    narrow = pa.RecordBatch.from_arrays([numbers], names=["A"])
    assert [piece.num_rows for piece in fetching.slices(narrow)] == [500, 500, 200]
    wide = pa.RecordBatch.from_arrays([numbers] * 100, names=[f"C{n}" for n in range(100)])
    assert [piece.num_rows for piece in fetching.slices(wide)] == [50] * 2 + [25] * 44
    texts = pa.array(["x"] * 300 + ["x" * 1_000_000] + ["x"] * 300)
    pieces = list(fetching.slices(pa.RecordBatch.from_arrays([texts], names=["A"])))
    assert sum(piece.num_rows for piece in pieces) == 601
    assert [piece.num_rows for piece in pieces if piece.nbytes > 300_000] == [1]
    assert pa.Table.from_batches(pieces).column(0).to_pylist() == texts.to_pylist()


def test_later_slices_are_finer() -> None:
    """Also where the first ones were in another batch; nothing is lost between them."""
    batch = pa.RecordBatch.from_arrays([pa.array(range(1_300), pa.int64())], names=["A"])
    assert [piece.num_rows for piece in fetching.slices(batch)] == [500, 500, 250, 50]
    behind = list(fetching.slices(batch, before=700))
    assert [piece.num_rows for piece in behind] == [500, 250, 250, 250, 50]
    assert pa.Table.from_batches(behind).column(0).to_pylist() == list(range(1_300))


class _Cursor:
    """Gives rows as a driver does."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken


def test_rows_of_the_driver_come_in_small_slices_too() -> None:
    """A long row is alone; nothing is lost, and nothing comes twice."""
    rows = [("x" * 10, at, None) for at in range(700)]
    rows[3] = ("x" * 1_000_000, 3, None)
    pieces = [list(piece) for piece in fetching.python_rows(_Cursor(list(rows)), 2)]
    assert [row for piece in pieces for row in piece] == rows[2:]
    assert [len(piece) for piece in pieces] == [1, 1, 498, 198]
