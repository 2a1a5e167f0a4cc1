"""Faults of results: too many rows, and values that JSON or Python cannot hold."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.support.fault_record import Measured
from tests.support.lines import READS_HALF_SURROGATES
from tests.support.processes import peak_kib, resident_kib
from tests.support.scripted import scripted
from tests.support.server import Server, serving
from tests.support.simulator import simulating
from tests.support.snowflake_wire import Rows, SnowflakeWire, column

pytestmark = [pytest.mark.process, pytest.mark.statements, pytest.mark.full]

ROOM_MIB = 64
PARTS = 100
PART_ROWS = 100_000
LIMIT = 10_000


def endless(wire: SnowflakeWire) -> None:
    """Ten million rows in parts, from an account that heeds no row limit."""
    numbers = pa.array(range(PART_ROWS), pa.int64())
    words = pa.array([f"row {n % 1_000}" for n in range(PART_ROWS)], pa.string())
    part = pa.RecordBatch.from_arrays([numbers, words], names=["N", "T"])
    columns = [column("N", "fixed", precision=38, scale=0), column("T", "text", length=20)]
    rows = Rows(columns, part.slice(0, 1_000), chunks=[part] * PARTS)
    wire.script("SELECT * FROM HUGE", *[rows] * 4)


def poison(wire: SnowflakeWire) -> None:
    """One row of what is hard to write down, and one of NULLs."""
    moment = pa.struct([("epoch", pa.int64()), ("fraction", pa.int32())])
    zoned = pa.struct([("epoch", pa.int64()), ("fraction", pa.int32()), ("timezone", pa.int32())])
    year_one_s, far_s = -62_135_596_800, 253_402_300_800
    cells: list[tuple[str, str, int | None, Any, object]] = [
        ("NAN", "real", None, pa.float64(), float("nan")),
        ("INF", "real", None, pa.float64(), float("inf")),
        ("NEG_INF", "real", None, pa.float64(), float("-inf")),
        ("BIN", "binary", None, pa.binary(), b"\x00\xff"),
        ("DIGITS", "fixed", 0, pa.decimal128(38, 0), Decimal("9" * 38)),
        ("FAR", "timestamp_ntz", 9, moment, {"epoch": far_s, "fraction": 1}),
        ("BEFORE", "timestamp_ntz", 9, moment, {"epoch": year_one_s - 1, "fraction": 0}),
        ("ZONED", "timestamp_tz", 9, zoned, {"epoch": 0, "fraction": 7, "timezone": 1_500}),
        ("DAY", "date", None, pa.int32(), 2_932_897),
        ("NUL", "text", None, pa.string(), "a\x00b"),
        ("BIG", "variant", None, pa.string(), json.dumps("x" * (16 << 20))),
        ("ODD", "array", None, pa.string(), "[1, undefined]"),
        # Half a surrogate pair, as JSON text in Snowflake can have it.
        ("LONE", "variant", None, pa.string(), '"a\\ud800b"'),
    ]
    for name, kind, scale, arrow_type, value in cells:
        meta = {"logicalType": kind.upper(), "scale": str(scale or 0)}
        array = pa.array([value, None], arrow_type)
        if kind == "date":
            array = array.cast(pa.date32())
        schema = pa.schema([pa.field(name, array.type, metadata=meta)])
        batch = pa.RecordBatch.from_arrays([array], schema=schema)
        rows = Rows([column(name, kind, scale=scale, precision=38)], batch)
        wire.script(f"SELECT * FROM {name}_T", rows)
    as_json = Rows([column("LONE_TEXT", "text", length=9)], [["a\ud800b"], [None]])
    wire.script("SELECT * FROM LONE_TEXT_T", as_json)


SHOWN = {
    "NAN": "NaN",
    "INF": "Infinity",
    "NEG_INF": "-Infinity",
    "BIN": "00FF",
    "DIGITS": "9" * 38,
    "FAR": "10000-01-01T00:00:00.000000001",
    "BEFORE": "0000-12-31T23:59:59",
    "ZONED": "1970-01-01T01:00:00.000000007+01:00",
    "DAY": "10000-01-01",
    "NUL": "a\x00b",
    "BIG": "",
    "ODD": "[1, undefined]",
    "LONE": '"a\\ud800b"',
} | ({"LONE_TEXT": "a\ufffdb"} if READS_HALF_SURROGATES else {})


@pytest.mark.timeout(300)
@pytest.mark.fault("F-30", "10,000,000 rows from an account that heeds no row limit")
def test_a_result_without_end(tmp_path: Path, measured: Measured) -> None:
    """The answer has what the limits allow and says that it was cut; memory hardly grows."""
    with scripted(tmp_path, endless) as environ, serving(tmp_path, environ=environ) as server:
        _huge(server, "SELECT * FROM HUGE", measured, "rows not limited")


@pytest.mark.timeout(300)
@pytest.mark.fault("F-30", "a join of 10,000,000 rows")
def test_a_result_that_snowflake_cuts(tmp_path: Path, measured: Measured) -> None:
    """The same where Snowflake heeds the row limit that rides on the statement."""
    query = "SELECT E.* FROM DEMO.PRODUCT.EVENTS E, TABLE(GENERATOR(ROWCOUNT => 40))"
    with (
        simulating(tmp_path) as account,
        serving(tmp_path, "--no-demo", environ=account.environ) as server,
    ):
        _huge(server, query, measured, "rows limited")


@pytest.mark.fault(
    "F-31", "one row of NaN, infinities, 38 digits, year 10000 and 0, NUL, 16 MiB, …"
)
def test_values_that_are_hard_to_write(tmp_path: Path, measured: Measured) -> None:
    """Each as the table of docs/results.md says, in JSON that every reader takes."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    shown: dict[str, Any] = {}
    with scripted(tmp_path, poison) as environ, serving(tmp_path, environ=environ) as server:
        for name in SHOWN:
            answer = server.call("execute_query", {"query": f"SELECT * FROM {name}_T"})
            told = json.loads(answer.body, parse_constant=refuse)
            shown[name] = told["result"]["rows"] if answer.status == 200 else told["error"]
    ((big,), nothing) = shown.pop("BIG")
    assert shown == {name: [[value], [None]] for name, value in SHOWN.items() if name != "BIG"}
    # So large a cell stays the JSON text that it is.
    assert big.startswith('"xxxx')
    assert len(big) < 20_000
    assert nothing == [None]
    measured("kinds of values", len(SHOWN), "")
    assert "Traceback" not in server.log_text


def _huge(server: Server, sql: str, measured: Measured, way: str) -> None:
    for _ in range(3):
        assert server.call("execute_query", {"query": "SELECT 1"}).status == 200
    base = resident_kib(server.pid)
    for _ in range(3):
        query = {"query": sql, "limit": LIMIT}
        answer = server.call("execute_query", query, within_s=120)
        assert answer.status == 200, answer.body[:500]
        result = answer.json()["result"]
        assert result["truncated"] is True
        assert 1_000 < len(result["rows"]) <= LIMIT
        assert len(answer.body) < 2 << 20
    grown = (peak_kib(server.pid) - base) / 1024
    measured(f"growth of memory, {way}", grown, "MiB", bound=ROOM_MIB)
