"""Large cells, many columns, many rows: memory stays bounded and the answer is honest JSON."""

from collections.abc import Callable

import msgspec
import pyarrow as pa

from snowflake_mcp.config.model import LimitSettings
from snowflake_mcp.tools.masks import NO_MASKS
from snowflake_mcp.tools.render import Budget, RowsCollector
from snowflake_mcp.warehouse import values
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.snowflake_wire import Rows, SnowflakeWire, column
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.waiting import async_test, job

Build = Callable[..., Warehouse]
MEGABYTE = 1 << 20


@async_test
async def test_large_rows_come_in_small_slices(wire: SnowflakeWire, build: Build) -> None:
    """500 rows of 200 kB would be 100 MB in one slice: a slice ends at about 4 MB."""
    schema = pa.schema([pa.field("V", pa.string(), metadata={"logicalType": "TEXT"})])
    batch = pa.RecordBatch.from_arrays([pa.array(["x" * 200_000] * 50)], schema=schema)
    wire.script("select v", Rows([column("V", "text", length=200_000)], batch))
    kept = Kept()
    await build(wire.parameters).run(job("select v"), kept)
    assert sum(kept.slices) == len(kept.rows) == 50
    assert max(kept.slices) * 200_000 <= 4 * MEGABYTE


@async_test
async def test_a_cell_of_16_megabytes(demo: dict[str, object], build: Build) -> None:
    """The largest VARIANT is not taken apart; the answer holds its beginning and says so."""
    collector = RowsCollector(Budget.of(LimitSettings()), NO_MASKS)
    sql = "select parse_json('[\"' || repeat('x', 16777000) || '\"]') v, 1 n"
    outcome = await build(demo).run(job(sql), collector)
    rows = msgspec.json.decode(bytes(outcome.value.rows))
    assert (outcome.rows, outcome.value.cells_cut) == (1, 1)
    assert rows[0][0].startswith('["xxx')
    assert len(outcome.value.rows) < MEGABYTE
    assert rows[0][1] == 1


@async_test
async def test_a_cell_of_a_megabyte_is_a_value(demo: dict[str, object], build: Build) -> None:
    """Up to 1,048,576 characters a semi-structured cell is the value itself."""
    kept = Kept()
    await build(demo).run(job("select parse_json('[\"' || repeat('x', 1000000) || '\"]')"), kept)
    assert kept.rows == [[["x" * 1_000_000]]]


def test_longer_semi_structured_text_stays_text() -> None:
    """A short text of many numbers would become many Python values: the limit is on the text."""
    longest = "[" + "1," * ((MEGABYTE - 3) // 2) + "1]"
    assert isinstance(values.parsed(longest), list)
    assert isinstance(values.parsed(longest + "  "), str)


@async_test
async def test_five_hundred_columns(demo: dict[str, object], build: Build) -> None:
    """A wide result is whole in its columns; rows that do not fit are left out, which is told."""
    wide = ", ".join(f"seq8() + {number} as c{number}" for number in range(500))
    collector = RowsCollector(Budget.of(LimitSettings()), NO_MASKS)
    sql = f"select {wide} from table(generator(rowcount => 5000))"
    outcome = await build(demo).run(job(sql, max_rows=5_000), collector)
    rows = msgspec.json.decode(bytes(outcome.value.rows))
    assert len(msgspec.json.decode(outcome.value.columns)) == len(rows[0]) == 500
    assert outcome.value.full
    assert 0 < len(rows) == outcome.value.row_count < 5_000
    assert rows[1] == list(range(1, 501))


@async_test
async def test_a_million_rows_stop_at_the_limit(demo: dict[str, object], build: Build) -> None:
    """Of a million rows only those within the limit are computed, sent and kept."""
    collector = RowsCollector(Budget.of(LimitSettings()), NO_MASKS)
    sql = "select seq8() n from table(generator(rowcount => 1000000))"
    outcome = await build(demo).run(job(sql, max_rows=10_000), collector)
    assert (outcome.rows, outcome.total_rows, outcome.cut) == (10_000, None, "rows")
    assert msgspec.json.decode(bytes(outcome.value.rows))[-1] == [9_999]
