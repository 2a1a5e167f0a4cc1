"""Every type as an Arrow column of plain types: the values of docs/results.md, none changed."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from snowflake_mcp.warehouse import temporal
from snowflake_mcp.warehouse.batching import BATCH_ROWS, distinct
from snowflake_mcp.warehouse.exact import TooWideError, arrow_type
from snowflake_mcp.warehouse.results import BatchCollector, Column, JsonValue
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.snowflake_wire import Rows, SnowflakeWire, column
from tests.unit.warehouse.test_types import CASES, SENT, scripted
from tests.unit.warehouse.waiting import async_test, job

Build = Callable[..., Warehouse]
_DIGITS = {"ms": 3, "us": 6, "ns": 9}


class Batches:
    """Keeps record batches."""

    def __init__(self, *, coarse: bool = False, hidden: Sequence[int] = ()) -> None:
        self.coarse = coarse
        self.sizes: list[int] = []
        self.settled = 0
        self._hidden = hidden
        self._schema: Any = None
        self._kept: list[Any] = []

    def begin(self, columns: Sequence[Column]) -> None:
        """Nothing to learn."""

    def hides(self, place: int) -> bool:
        return place in self._hidden

    def hide(self, cells: Sequence[JsonValue]) -> Sequence[str | None]:
        return [f"hidden {cell}" for cell in cells]

    def shape(self, schema: Any) -> None:
        self._schema = schema

    def add(self, rows: Any) -> bool:
        self.sizes.append(rows.num_rows)
        self._kept.append(rows)
        return True

    def settle(self) -> None:
        self.settled += 1

    def finish(self) -> Any:
        return pa.Table.from_batches(self._kept, schema=self._schema)


def as_json(cell: Any) -> JsonValue:
    """What docs/results.md calls the value of an Arrow scalar; from its numbers, not its words."""
    kind = cell.type
    if not cell.is_valid:
        return None
    if pa.types.is_timestamp(kind):
        moment = temporal.split(cell.value, _DIGITS[kind.unit])
        return temporal.naive(*moment) if kind.tz is None else temporal.zoned(*moment, 0)
    if pa.types.is_time(kind):
        return temporal.time_of_day(cell.value, _DIGITS[kind.unit])
    if pa.types.is_date32(kind):
        return temporal.day(cell.value)
    value = cell.as_py()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, float) and str(value) in ("nan", "inf", "-inf"):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    plain: JsonValue = value
    return plain


def same(found: JsonValue, expected: JsonValue) -> bool:
    """Whether they are one value; JSON text stands for what it says, digits for a number."""
    if isinstance(expected, list | dict):
        return isinstance(found, str) and json.loads(found) == expected
    if isinstance(expected, int) and isinstance(found, str):
        return found == str(expected)
    return found == expected and type(found) is type(expected)


async def read(warehouse: Warehouse, sql: str, **options: Any) -> Any:
    """The result as a table; in microseconds where nanoseconds do not do."""
    try:
        return (await warehouse.run(job(sql), Batches(**options))).value
    except TooWideError:
        return (await warehouse.run(job(sql), Batches(**options, coarse=True))).value


@async_test
async def test_values_of_every_type(demo: dict[str, object], build: Build) -> None:
    """Each is what an answer would hold, whatever type it has now."""
    warehouse = build(demo)
    for case in CASES:
        table = await read(warehouse, f"select {case.sql} as v")
        assert same(as_json(table["v" if "v" in table.column_names else "V"][0]), case.value), (
            case.sql,
            table,
        )


@async_test
async def test_values_keep_their_places(demo: dict[str, object], build: Build) -> None:
    """With NULLs before and behind, and where a batch is cut."""
    warehouse = build(demo)
    for case in CASES[:60:4]:
        if "interval" in case.sql or "time(1)" in case.sql:
            # The embedded endpoint has them as constants only.
            continue
        sql = f"select iff(seq4() = 1, {case.sql}, null) as v from table(generator(rowcount => 3))"
        table = await read(warehouse, sql)
        found = [as_json(cell) for cell in table.column(0)]
        assert same(found[1], case.value), (case.sql, found)
        assert (found[0], found[2]) == (None, None), case.sql


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.described["type"])
@async_test
async def test_values_only_snowflake_sends(sent: Any, wire: SnowflakeWire, build: Build) -> None:
    """What the embedded endpoint has no statement for."""
    wire.script("select v", scripted(sent.described, sent.data))
    table = await read(build(wire.parameters), "select v")
    assert same(as_json(table.column(0)[0]), sent.value)


JSON_CELLS = [
    (column("N", "fixed", precision=38, scale=0), "12345678901234567890", "decimal128(38, 0)"),
    (column("N", "fixed", precision=9, scale=0), "7", "int64"),
    (column("N", "fixed", precision=12, scale=2), "-12.50", "decimal128(12, 2)"),
    (column("N", "real"), "1.5", "double"),
    (column("N", "boolean"), "1", "bool"),
    (column("N", "text", length=9), "", "string"),
    (column("N", "date"), "20484", "date32[day]"),
    (column("N", "binary", length=9, byteLength=9), "AB01", "binary"),
    (column("N", "variant"), '{"a": 1.10}', "string"),
    (column("N", "timestamp_ntz", scale=3), "1700000000.123", "timestamp[ms]"),
]
JSON_VALUES = [
    *("12345678901234567890", 7, "-12.50", 1.5, True, "", "2026-01-31", "AB01", '{"a": 1.10}'),
    "2023-11-14T22:13:20.123",
]


@pytest.mark.parametrize(
    ("described", "text", "stored", "value"),
    [(*cell, value) for cell, value in zip(JSON_CELLS, JSON_VALUES, strict=True)],
    ids=lambda each: each["type"] if isinstance(each, dict) else "",
)
@async_test
async def test_results_that_come_as_json(
    described: dict[str, Any],
    text: str,
    stored: str,
    value: JsonValue,
    wire: SnowflakeWire,
    build: Build,
) -> None:
    """As SHOW and DML do: the same types, NULL too."""
    wire.script("select v", Rows([described], [[text], [None]]))
    table = await read(build(wire.parameters), "select v")
    assert str(table.schema.types[0]) == stored
    assert [as_json(cell) for cell in table.column(0)] == [value, None]


@async_test
async def test_batches_are_small_and_settled(demo: dict[str, object], build: Build) -> None:
    """None is larger than agreed; after each the collector may write, limits cut as ever."""
    kept = Batches()
    sql = "select seq4() as n from table(generator(rowcount => 20000))"
    outcome = await build(demo).run(job(sql, max_rows=15_000), kept)
    assert outcome.value.column(0).to_pylist() == list(range(15_000))
    assert max(kept.sizes) <= BATCH_ROWS
    assert kept.settled == len(kept.sizes)
    assert outcome.cut == "rows"


@async_test
async def test_hidden_columns_never_are_what_they_were(
    demo: dict[str, object], build: Build
) -> None:
    """The collector sees the values of answers, and gives texts in their place."""
    table = await read(build(demo), "select 1 as a, 12.50::number(9,2) as b", hidden=[1])
    assert table.to_pylist() == [{"A": 1, "B": "hidden 12.50"}]


def test_a_batch_collector_is_known() -> None:
    """By what it has."""
    assert isinstance(Batches(), BatchCollector)


def test_names_become_distinct() -> None:
    """Without taking one that is there."""
    assert distinct(["A", "A", "A_2", "A"]) == ["A", "A_3", "A_2", "A_4"]


@pytest.mark.parametrize(
    ("kind", "scale", "coarse", "name"),
    [
        ("TIMESTAMP_NTZ", 0, False, "timestamp[ms]"),
        ("TIMESTAMP_NTZ", 6, False, "timestamp[us]"),
        ("TIMESTAMP_LTZ", 9, False, "timestamp[ns, tz=UTC]"),
        ("TIMESTAMP_LTZ", 9, True, "timestamp[us, tz=UTC]"),
        ("TIME", 0, False, "time32[ms]"),
        ("TIME", 4, False, "time64[us]"),
        ("DECFLOAT", 0, False, "string"),
    ],
)
def test_types(kind: str, scale: int, coarse: bool, name: str) -> None:
    """By the digits that a column has."""
    assert str(arrow_type(kind, None, scale, coarse=coarse)) == name
