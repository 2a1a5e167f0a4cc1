"""Every row of the table in docs/results.md, through the real connector into the product's JSON."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.warehouse import connect
from snowflake_mcp.warehouse.results import JsonValue
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.snowflake_wire import Rows, SnowflakeWire, column
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.waiting import async_test, job

Build = Callable[..., Warehouse]
DOCS = Path(__file__).parents[3] / "docs" / "results.md"


@dataclass(frozen=True)
class Case:
    """One value: what the embedded endpoint computes, and what it is in JSON."""

    row: str
    """First cell of the row of docs/results.md that it belongs to."""
    sql: str
    value: JsonValue
    type: str | None = None
    """As the product tells it; None: not looked at."""


NINES = "9" * 38
TZ = "TIMESTAMP_TZ(9)"
NTZ = "TIMESTAMP_NTZ(9)"
LTZ = "TIMESTAMP_LTZ(9)"
NULL = "any, NULL"
SMALL = "NUMBER with scale 0, within ±(2⁵³ \N{MINUS SIGN} 1)"
LARGE = "NUMBER with scale 0, beyond"
SCALED = "NUMBER with a scale"
ENDLESS = "FLOAT that is not finite"
SEMI = "VARIANT, OBJECT, ARRAY, MAP"
SHAPES = "GEOGRAPHY, GEOMETRY and every other type"
MONTHS = "INTERVAL YEAR TO MONTH"
SECONDS = "INTERVAL DAY TO SECOND"
POINT = '{\n  "coordinates": [\n    1,\n    2\n  ],\n  "type": "Point"\n}'

NULLS = [
    Case(NULL, f"null::{name}", None, told)
    for name, told in (
        ("number(38,0)", "NUMBER(38,0)"),
        ("number(12,2)", "NUMBER(12,2)"),
        ("decfloat", None),
        ("float", "FLOAT"),
        ("boolean", "BOOLEAN"),
        ("varchar", None),
        ("binary", "BINARY(8388608)"),
        ("date", "DATE"),
        ("time", "TIME(9)"),
        ("time(3)", "TIME(3)"),
        ("timestamp_ntz", NTZ),
        ("timestamp_ntz(0)", "TIMESTAMP_NTZ(0)"),
        ("timestamp_ltz", LTZ),
        ("timestamp_tz", TZ),
        ("variant", "VARIANT"),
        ("object", "OBJECT"),
        ("array", "ARRAY"),
        ("geography", "GEOGRAPHY"),
        ("geometry", "GEOMETRY"),
        ("vector(float, 3)", "VECTOR"),
        ("interval year to month", "INTERVAL_YEAR_MONTH"),
        ("interval day to second", "INTERVAL_DAY_TIME"),
    )
]

CASES = [
    *NULLS,
    Case(SMALL, "42", 42),
    Case(SMALL, "-9007199254740991::number(38,0)", -9007199254740991, "NUMBER(38,0)"),
    Case(LARGE, "9007199254740992::number(38,0)", "9007199254740992", "NUMBER(38,0)"),
    Case(LARGE, f"{NINES}::number(38,0)", NINES, "NUMBER(38,0)"),
    Case(LARGE, f"-{NINES}::number", f"-{NINES}", "NUMBER(38,0)"),
    Case(SCALED, "12.5::number(12,2)", "12.50", "NUMBER(12,2)"),
    Case(SCALED, f"'-0.{NINES}'::number(38,38)", f"-0.{NINES}", "NUMBER(38,38)"),
    Case(SCALED, f"'9.{NINES[1:]}'::number(38,37)", f"9.{NINES[1:]}", "NUMBER(38,37)"),
    Case("DECFLOAT", "'12.34'::decfloat", "12.34"),
    Case("DECFLOAT", f"'-{NINES}'::decfloat", f"-{NINES}"),
    Case("FLOAT", "1.5::float", 1.5, "FLOAT"),
    Case("FLOAT", "1e300::float", 1e300),
    Case(ENDLESS, "'NaN'::float", "NaN"),
    Case(ENDLESS, "'inf'::float", "Infinity"),
    Case(ENDLESS, "'-inf'::float", "-Infinity"),
    Case("BOOLEAN", "true", True, "BOOLEAN"),
    Case("VARCHAR", "'naïve ☃ 🎉'", "naïve ☃ 🎉"),
    Case("VARCHAR", "'a' || chr(0) || 'b'", "a\0b"),
    Case("VARCHAR", "''", ""),
    Case("BINARY", "to_binary('AB00', 'hex')", "AB00", "BINARY(8388608)"),
    Case("DATE", "'2026-01-31'::date", "2026-01-31", "DATE"),
    Case("DATE", "'10000-01-01'::date", "10000-01-01", "DATE"),
    Case("DATE", "'0000-02-29'::date", "0000-02-29"),
    Case("DATE", "'-0001-12-31'::date", "-0001-12-31"),
    Case("TIME", "'12:34:56.789'::time", "12:34:56.789", "TIME(9)"),
    Case("TIME", "'23:59:59.999999999'::time", "23:59:59.999999999", "TIME(9)"),
    Case("TIME", "'12:34:56.789'::time(1)", "12:34:56.7", "TIME(1)"),
    Case(
        "TIMESTAMP_NTZ",
        "'2026-01-31 12:34:56.123456789'::timestamp_ntz",
        "2026-01-31T12:34:56.123456789",
        NTZ,
    ),
    Case("TIMESTAMP_NTZ", "'2026-01-31'::timestamp_ntz(3)", "2026-01-31T00:00:00"),
    Case("TIMESTAMP_NTZ", "'12026-01-31 01:02:03'::timestamp_ntz", "12026-01-31T01:02:03"),
    Case("TIMESTAMP_NTZ", "'-0044-03-15 12:00:00.5'::timestamp_ntz", "-0044-03-15T12:00:00.5"),
    Case(
        "TIMESTAMP_TZ",
        "'2026-01-31 12:34:56.123456789 +01:00'::timestamp_tz",
        "2026-01-31T12:34:56.123456789+01:00",
        TZ,
    ),
    Case("TIMESTAMP_TZ", "'1969-12-31 14:30 -0930'::timestamp_tz", "1969-12-31T14:30:00-09:30"),
    Case(
        "TIMESTAMP_TZ",
        "to_timestamp_tz('10000-01-01 00:00:00 +0530')",
        "10000-01-01T00:00:00+05:30",
    ),
    Case(
        "TIMESTAMP_LTZ",
        "'2026-07-01 14:00:00 +0200'::timestamp_ltz",
        "2026-07-01T12:00:00+00:00",
        LTZ,
    ),
    Case(
        "TIMESTAMP_LTZ",
        "'2026-07-01 14:00:00.000000001'::timestamp_ltz",
        "2026-07-01T14:00:00.000000001+00:00",
    ),
    Case(SEMI, "parse_json('{\"a\": [1, null]}')", {"a": [1, None]}, "VARIANT"),
    Case(SEMI, "object_construct('k', 1)", {"k": 1}, "OBJECT"),
    Case(SEMI, "array_construct(1, 2)", [1, 2], "ARRAY"),
    Case(SEMI, "{'k': 1}::map(varchar, int)", {"k": 1}, "MAP"),
    Case("structured OBJECT, ARRAY, MAP; VECTOR", "{'a': 1}::object(a int)", {"a": 1}, "OBJECT"),
    Case(
        "structured OBJECT, ARRAY, MAP; VECTOR",
        "[0.5, 1.5]::vector(float, 2)",
        [0.5, 1.5],
        "VECTOR",
    ),
    Case("structured OBJECT, ARRAY, MAP; VECTOR", "[1, -2]::vector(int, 2)", [1, -2], "VECTOR"),
    Case(SHAPES, "to_geography('POINT(1 2)')", POINT, "GEOGRAPHY"),
    Case(SHAPES, "st_x(st_makepoint(1.5, 2))", 1.5, "FLOAT"),
    Case(SHAPES, 'to_geometry(\'{"type":"Point","coordinates":[1,2]}\')', POINT, "GEOMETRY"),
    Case(MONTHS, "interval '-1-2' year to month", "-1-02", "INTERVAL_YEAR_MONTH"),
    Case(SECONDS, "interval '1 02:03:04.5' day to second", "+1 02:03:04.5", "INTERVAL_DAY_TIME"),
    Case(
        SECONDS,
        "'-999999999 00:00:00.000000001'::interval day to second",
        "-999999999 00:00:00.000000001",
    ),
]


@dataclass(frozen=True)
class Sent:
    """One value that no engine produces: what comes over the wire, and what it is in JSON."""

    row: str
    described: dict[str, Any]
    data: Any
    """An Arrow array, or the text of a cell in a JSON result."""
    value: JsonValue


UNDEFINED = "the same where the cell is no JSON"
MEMBERS = pa.struct([("d", pa.decimal128(4, 2)), ("b", pa.binary())])
LONG = "the same beyond 1,048,576 characters"
LONG_TEXT = '["' + "x" * (1 << 20) + '"]'
SENT = [
    Sent(LONG, column("V", "variant"), pa.array([LONG_TEXT]), LONG_TEXT),
    Sent(UNDEFINED, column("V", "variant"), pa.array(["[1, undefined]"]), "[1, undefined]"),
    Sent(
        UNDEFINED,
        column("V", "array"),
        pa.array(["[" * 5_000 + "]" * 5_000]),
        "[" * 5_000 + "]" * 5_000,
    ),
    Sent(
        "structured OBJECT, ARRAY, MAP; VECTOR",
        column("V", "object"),
        pa.array([{"d": None, "b": b"\xab"}], MEMBERS),
        {"d": None, "b": "AB"},
    ),
    Sent(MONTHS, column("V", "interval_year_month", scale=1), pa.array([-24]), "-2"),
    Sent(
        "TIMESTAMP_NTZ",
        column("V", "timestamp_ntz", scale=3),
        pa.array([1_120]),
        "1970-01-01T00:00:01.12",
    ),
]


def rows_of_the_docs() -> list[str]:
    """First cells of the first table, without its header and without remarks in brackets."""
    table = DOCS.read_text("utf-8").partition("| Snowflake type |")[2].partition("\n\n")[0]
    firsts = [re.split(r"(?<!\\)\|", line)[1].strip() for line in table.splitlines()[2:]]
    return [first.partition(" (")[0] for first in firsts]


def test_every_row_of_the_docs_has_a_case() -> None:
    """A row of docs/results.md without a case here, or a case without a row, is a mistake."""
    cases: Sequence[Case | Sent] = [*CASES, *SENT]
    assert {case.row for case in cases} == set(rows_of_the_docs())


@async_test
async def test_values_of_every_type(demo: dict[str, object], build: Build) -> None:
    """Each value becomes what docs/results.md says, in one result beside all others."""
    kept = Kept()
    await build(demo).run(job("select " + ", ".join(case.sql for case in CASES)), kept)
    (row,) = kept.rows
    for case, described, value in zip(CASES, kept.columns, row, strict=True):
        assert (case.sql, value) == (case.sql, case.value)
        assert case.type in {None, described.type}, case.sql


@async_test
async def test_empty_results_of_every_type(demo: dict[str, object], build: Build) -> None:
    """Without rows the columns are described just the same."""
    kept = Kept()
    texts = ", ".join(f"{case.sql} as c{place}" for place, case in enumerate(CASES))
    await build(demo).run(job(f"select {texts} where false"), kept)
    assert kept.rows == []
    for case, described in zip(CASES, kept.columns, strict=True):
        assert case.type in {None, described.type}, case.sql


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.described["type"])
@async_test
async def test_values_only_snowflake_sends(sent: Sent, wire: SnowflakeWire, build: Build) -> None:
    """What the embedded endpoint has no statement for, as a scripted endpoint sends it."""
    wire.script("select v", scripted(sent.described, sent.data))
    kept = Kept()
    await build(wire.parameters).run(job("select v"), kept)
    assert kept.rows == [[sent.value]]


HALF = [
    pytest.param("a\ud83db", id="json"),
    pytest.param(pa.array([b"a\xed\xa0\xbdb"]).cast(pa.string(), safe=False), id="arrow"),
]


@pytest.mark.parametrize("data", HALF)
@async_test
async def test_half_a_surrogate_pair(data: Any, wire: SnowflakeWire, build: Build) -> None:
    """Connector 4.8 hands it on and it is replaced; connector 5 refuses the answer as a whole."""
    warehouse = build(wire.parameters)
    wire.script("select v", scripted(column("V", "text", length=9), data))
    kept = Kept()
    if connect.connector_line() == "5":
        with pytest.raises(ToolFailure):
            await warehouse.run(job("select v"), kept)
    else:
        await warehouse.run(job("select v"), kept)
        assert [
            [str(cell).strip("\N{REPLACEMENT CHARACTER}ab") for cell in row] for row in kept.rows
        ] == [[""]]
    assert warehouse.snapshot()["lane"]["running"] == 0  # type: ignore[index]


def scripted(described: dict[str, Any], data: Any) -> Rows:
    """A result of one cell."""
    if isinstance(data, str):
        return Rows([described], [[data]])
    facts = {"logicalType": described["type"].upper(), "precision": "38", "charLength": "0"}
    metadata = facts | {"scale": str(described["scale"] or 0)}
    schema = pa.schema([pa.field("V", data.type, metadata=metadata)])
    return Rows([described], pa.RecordBatch.from_arrays([data], schema=schema))
