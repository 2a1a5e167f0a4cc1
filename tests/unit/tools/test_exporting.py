"""Whole results as files, through the real connector: what is in them, whose they are, bounds."""

import csv
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from pyarrow import parquet
from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError, Deferred

from snowflake_mcp.config.exports import ExportSettings
from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    PolicySettings,
)
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.exports.links import Links
from snowflake_mcp.exports.spool import Spool
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.registry import Registry, build_registry
from snowflake_mcp.warehouse.service import Warehouse
from snowflake_mcp.warehouse.threads import Threads
from tests.support.demo import demo
from tests.unit.policy.support import DirectGate
from tests.unit.tools.fakes import body, conforming, context, shown
from tests.unit.warehouse.conftest import build
from tests.unit.warehouse.waiting import async_test, clock, until

__all__ = ["build", "demo"]

REACTOR: Any = installed
ANN, EVE = Principal("ann"), Principal("eve")
CONFIG: Final = Config(ConnectionSettings("home", Backend.SNOWFLAKE))
NOW: Final = 1_800_000_000.0

TYPES: Final = (
    "SELECT 7::NUMBER(5,0) AS SMALL, 12345678901234567890123456789012345678::NUMBER(38,0) AS BIG, "
    "-12.50::NUMBER(12,2) AS EXACT, 0.1::FLOAT AS REAL, TRUE AS YES, 'a,\"b\nc' AS TEXT, "
    "'' AS EMPTY, NULL::VARCHAR AS NOTHING, TO_BINARY('AB01', 'HEX') AS BIN, "
    "'2026-01-31'::DATE AS DAY, '12:34:56.789'::TIME AS CLOCK, "
    "'2026-01-31 12:34:56.123456789'::TIMESTAMP_NTZ AS NTZ, "
    "'2026-07-01 14:00:00 +0200'::TIMESTAMP_LTZ AS LTZ, "
    "'2026-01-31 12:34:56.5 +01:00'::TIMESTAMP_TZ AS TZ, "
    "PARSE_JSON('{\"k\": [1, 1.10]}') AS DOC"
)


class Stand:
    """The tools of a process with a spool."""

    def __init__(self, tools: Registry, spool: Spool, warehouse: Warehouse) -> None:
        self.tools = tools
        self.spool = spool
        self.warehouse = warehouse
        self.transport: Any = "http"

    @property
    def suffixes(self) -> list[str]:
        """Of the files that are there."""
        folder = self.spool.folder
        return [] if folder is None else [each.suffix for each in folder.iterdir()]

    async def ask(self, name: str, principal: Principal = ANN, **arguments: Any) -> ToolResult:
        """Call a tool."""
        request = context(clock=clock, deadline=clock.seconds() + 60.0)
        request.facts = Facts(
            self.transport, principal, "2026-07-28", client="probe/1", origin="http://me:8000"
        )
        return await self.tools.call(name, arguments, request)

    async def submitted(self, sql: str, principal: Principal = ANN) -> str:
        """The id of a statement that runs or has ended."""
        found = await self.ask("submit_query", principal, query=sql)
        assert found.failure is None, shown(found)
        query_id: str = body(found)["query_id"]
        return query_id

    async def exported(self, sql: str, form: str) -> tuple[dict[str, Any], Path]:
        """The answer of an export, and its file."""
        result = await self.ask("export_results", query_id=await self.submitted(sql), format=form)
        assert result.failure is None, shown(result)
        answer = conforming(self.tools, "export_results", result)
        path = self.spool.path_of(self.spool.instance, Path(answer["uri"]).name + f".{form}")
        assert path is not None
        return answer, path


Serve = Callable[..., Any]


@pytest.fixture
def serve(demo: dict[str, object], build: Callable[..., Warehouse], tmp_path: Path) -> Serve:
    """Makes stands; keywords are settings of exports."""

    @asynccontextmanager
    async def made(policy: PolicySettings | None = None, **settings: Any) -> AsyncIterator[Stand]:
        config = replace(CONFIG, policy=policy or CONFIG.policy)
        profiles = Profiles(config)
        warehouse = build(demo, profiles)
        spool = Spool(
            REACTOR,
            lambda: NOW,
            Threads(REACTOR, "export", 2),
            ExportSettings(**{"directory": str(tmp_path / "spool"), **settings}),
            Metrics(),
            {},
        )
        spool.startService()
        tools = build_registry(
            warehouse,
            DirectGate(),
            config,
            profiles=profiles,
            mask_key=b"k" * 32,
            spool=spool,
            links=Links(b"k" * 32, lambda: NOW),
        )
        try:
            yield Stand(tools, spool, warehouse)
        finally:
            await spool.stopService()

    return made


def read(path: str) -> str:
    """The text of a small file."""
    return Path(path).read_text()


@async_test
async def test_parquet_and_arrow_hold_exact_types(serve: Serve) -> None:
    """Numbers as decimals and integers, instants as timestamps; what has no type there as text."""
    async with serve() as stand:
        for form in ("parquet", "arrow"):
            answer, path = await stand.exported(TYPES, form)
            if form == "parquet":
                table = parquet.read_table(path)
            else:
                table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
            assert table.num_rows == answer["rows"] == answer["row_count"] == 1
            (row,) = table.drop_columns("NTZ").to_pylist()
            assert row["SMALL"] == 7
            assert row["BIG"] == Decimal(12345678901234567890123456789012345678)
            assert str(row["EXACT"]) == "-12.50"
            assert (row["REAL"], row["YES"], row["TEXT"]) == (0.1, True, 'a,"b\nc')
            assert (row["EMPTY"], row["NOTHING"], row["BIN"]) == ("", None, b"\xab\x01")
            assert (row["DAY"].isoformat(), row["CLOCK"].isoformat()) == (
                "2026-01-31",
                "12:34:56.789000",
            )
            assert table["NTZ"][0].value == 1769862896123456789
            assert row["LTZ"].isoformat() == "2026-07-01T12:00:00+00:00"
            assert row["TZ"] == "2026-01-31T12:34:56.5+01:00"
            assert json.loads(row["DOC"]) == {"k": [1, 1.10]}
            assert [str(each) for each in table.schema.types] == [
                *("int64", "decimal128(38, 0)", "decimal128(12, 2)", "double", "bool", "string"),
                *("string", "string", "binary", "date32[day]", "time64[ns]", "timestamp[ns]"),
                *("timestamp[ns, tz=UTC]", "string", "string"),
            ]
            assert answer["columns"][2] == {
                "name": "EXACT",
                "type": "NUMBER(12,2)",
                "stored_as": "decimal128(12, 2)",
            }


@async_test
async def test_text_formats_hold_the_values_of_answers(serve: Serve) -> None:
    """As docs/results.md says, JSON text kept as text; NULL and the empty text differ in CSV."""
    expected = {
        "SMALL": 7,
        "BIG": "12345678901234567890123456789012345678",
        "EXACT": "-12.50",
        "REAL": 0.1,
        "YES": True,
        "TEXT": 'a,"b\nc',
        "EMPTY": "",
        "NOTHING": None,
        "BIN": "AB01",
        "DAY": "2026-01-31",
        "CLOCK": "12:34:56.789",
        "NTZ": "2026-01-31T12:34:56.123456789",
        "LTZ": "2026-07-01T12:00:00+00:00",
        "TZ": "2026-01-31T12:34:56.5+01:00",
    }
    async with serve() as stand:
        _, path = await stand.exported(TYPES, "jsonl")
        (line,) = path.read_text().splitlines()
        row = json.loads(line)
        assert json.loads(row.pop("DOC")) == {"k": [1, 1.10]}
        assert row == expected
        answer, path = await stand.exported(TYPES, "csv")
        content = path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == answer["sha256"]
        assert answer["bytes"] == len(content)
        names, values = csv.reader(io.StringIO(content.decode(), newline=""))
        read = dict(zip(names, values, strict=True))
        assert (read["TEXT"], read["EXACT"], read["YES"]) == ('a,"b\nc', "-12.50", "true")
        assert b'c","",,AB01' in content


@async_test
async def test_masked_columns_stay_masked_in_every_format(serve: Serve) -> None:
    """By the same stand-ins as in answers; a hash is the same text everywhere."""
    sql = "SELECT CUSTOMER_ID, EMAIL FROM DEMO.SALES.CUSTOMERS ORDER BY 1 LIMIT 5"
    for style in ("stars", "hash", "null"):
        async with serve(PolicySettings(mask_columns=("EMAIL",), mask_style=style)) as stand:
            query_id = await stand.submitted(sql)
            fetched = body(await stand.ask("fetch_results", query_id=query_id))
            for form in ("csv", "jsonl", "parquet", "arrow"):
                answer, path = await stand.exported(sql, form)
                assert answer["masked"] == ["EMAIL"]
                assert b"@example" not in path.read_bytes()
                if form == "parquet":
                    assert parquet.read_table(path)["EMAIL"].to_pylist() == [
                        row[1] for row in fetched["rows"]
                    ]
                if form == "jsonl":
                    rows = [json.loads(line) for line in path.read_text().splitlines()]
                    assert [list(row.values()) for row in rows] == fetched["rows"]


@async_test
async def test_a_result_is_exported_by_its_owner_alone(serve: Serve) -> None:
    """As with every tool that takes an id; and so is the file, as a resource."""
    async with serve() as stand:
        query_id = await stand.submitted("SELECT 'mine' AS A")
        refused = await stand.ask("export_results", EVE, query_id=query_id)
        assert refused.failure is not None
        assert refused.failure.message == "No statement of yours has this query id."
        answer = body(await stand.ask("export_results", query_id=query_id))
        identity = Path(answer["uri"]).name
        assert stand.spool.find(identity, ANN.name) is not None
        assert stand.spool.find(identity, EVE.name) is None


@async_test
async def test_the_answer_says_where_to_fetch_it(serve: Serve) -> None:
    """Over HTTP a link, on standard input a path, where there are no links the resource."""
    async with serve() as stand:
        query_id = await stand.submitted("SELECT 1 AS A")
        result = await stand.ask("export_results", query_id=query_id)
        answer = body(result)
        name = Path(answer["uri"]).name + ".csv"
        assert answer["link"].startswith(f"http://me:8000/exports/{name}?ticket=")
        assert answer["link"] in shown(result)
        (block,) = result.blocks
        assert (block["type"], block["uri"]) == ("resource_link", answer["uri"])
        assert (block["size"], block["mimeType"]) == (answer["bytes"], "text/csv; charset=utf-8")
        assert result.spooled_bytes == answer["bytes"] == 4
        assert answer["expires"] == "2027-01-15T09:00:00+00:00"
        stand.transport = "stdio"
        local = body(await stand.ask("export_results", query_id=query_id))
        assert read(local["link"]) == "A\n1\n"
    async with serve(links="off") as stand:
        query_id = await stand.submitted("SELECT 1 AS A")
        unlinked = body(await stand.ask("export_results", query_id=query_id))
        assert unlinked["link"] is None
        assert unlinked["uri"] in unlinked["next_step"]
    async with serve(base_url="https://data.example.com/") as stand:
        query_id = await stand.submitted("SELECT 1 AS A")
        linked = body(await stand.ask("export_results", query_id=query_id))
        assert linked["link"].startswith("https://data.example.com/exports/")


@async_test
async def test_distant_timestamps_become_microseconds(serve: Serve) -> None:
    """9999-12-31 has no nanoseconds; where both are needed it is said, and text formats do it."""
    distant = "SELECT '9999-12-31 23:59:59'::TIMESTAMP_NTZ AS UNTIL"
    both = f"{distant} UNION ALL SELECT '2026-01-01 00:00:00.000000001'::TIMESTAMP_NTZ"
    async with serve() as stand:
        answer, path = await stand.exported(distant, "parquet")
        assert answer["columns"][0]["stored_as"] == "timestamp[us]"
        assert parquet.read_table(path)["UNTIL"][0].as_py().year == 9999
        query_id = await stand.submitted(both)
        refused = await stand.ask("export_results", query_id=query_id, format="arrow")
        assert refused.failure is not None
        assert refused.failure.family is Family.STATEMENT
        assert "csv" in refused.failure.hint
        _, path = await stand.exported(both, "csv")
        assert "9999-12-31T23:59:59\n" in path.read_text()
        await until(lambda: ".arrow" not in stand.suffixes, 5.0, "nothing half written")


@async_test
async def test_columns_of_one_name_are_told_apart(serve: Serve) -> None:
    """By numbers behind the names, in all formats alike."""
    async with serve() as stand:
        sql = "SELECT 1 AS A, 2 AS A, 3 AS A_2"
        answer, path = await stand.exported(sql, "jsonl")
        assert json.loads(path.read_text()) == {"A": 1, "A_3": 2, "A_2": 3}
        assert [each["name"] for each in answer["columns"]] == ["A", "A_3", "A_2"]
        _, path = await stand.exported(sql, "parquet")
        assert parquet.read_table(path).column_names == ["A", "A_3", "A_2"]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "arrow"])
@async_test
async def test_a_result_without_rows_is_a_whole_file(serve: Serve, form: str) -> None:
    """With its columns, where the format has them."""
    async with serve() as stand:
        answer, path = await stand.exported("SELECT 1 AS A WHERE FALSE", form)
        assert (answer["rows"], answer["bytes"]) == (0, path.stat().st_size)
        if form == "parquet":
            assert parquet.read_table(path).column_names == ["A"]
        if form == "csv":
            assert path.read_text() == "A\n"


@pytest.mark.parametrize("form", ["csv", "parquet"])
@async_test
async def test_too_many_rows_make_no_file(serve: Serve, form: str) -> None:
    """A part must not pass for the whole."""
    async with serve(max_rows=100) as stand:
        sql = "SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => {}))"
        query_id = await stand.submitted(sql.format(101))
        refused = await stand.ask("export_results", query_id=query_id, format=form)
        assert refused.failure is not None
        assert refused.failure.details["limit"] == "exports.max_rows"
        await until(lambda: not stand.suffixes, 5.0, "nothing half written")
        answer, _ = await stand.exported(sql.format(100), form)
        assert answer["rows"] == 100


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "arrow"])
@async_test
async def test_too_large_a_file_is_given_up(serve: Serve, form: str) -> None:
    """While it is written, and nothing of it stays."""
    async with serve(max_file_bytes=100_000) as stand:
        sql = (
            "SELECT SEQ4() AS N, RANDSTR(20, RANDOM()) AS T FROM TABLE(GENERATOR(ROWCOUNT=>20000))"
        )
        query_id = await stand.submitted(sql)
        refused = await stand.ask("export_results", query_id=query_id, format=form)
        assert refused.failure is not None
        assert refused.failure.family is Family.LIMIT, shown(refused)
        await until(lambda: not stand.suffixes, 5.0, "nothing half written")


@async_test
async def test_a_caller_that_leaves_leaves_no_file(serve: Serve) -> None:
    """Cancelled while it reads: the writing stops, the file goes, the statement stays."""
    async with serve() as stand:
        sql = "SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => 300000))"
        query_id = await stand.submitted(sql)
        await stand.ask("get_query_status", query_id=query_id, wait_s=20)
        export = Deferred.fromCoroutine(stand.ask("export_results", query_id=query_id))
        await until(lambda: stand.suffixes, 20.0, "the file")
        export.cancel()
        with pytest.raises(CancelledError):
            await export
        await until(lambda: not stand.suffixes, 20.0, "no file")
        await until(lambda: not stand.warehouse.statements(), 20.0, "the end of reading")
        answer, _ = await stand.exported("SELECT 1 AS A", "csv")
        assert answer["rows"] == 1


@async_test
async def test_a_result_that_was_cut_by_its_statement_is_told(serve: Serve) -> None:
    """What execute_query ran is kept as far as it was asked for."""
    async with serve() as stand:
        sql = "SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => 5000))"
        ran = body(await stand.ask("execute_query", query=sql, limit=10))
        answer = body(await stand.ask("export_results", query_id=ran["query_id"]))
        assert answer["rows"] == 11
        assert "submit_query" in answer["next_step"]


@async_test
async def test_without_a_spool_there_are_no_exports(
    demo: dict[str, object], build: Callable[..., Warehouse]
) -> None:
    """And the answer says what else to do."""
    tools = build_registry(build(demo), DirectGate(), CONFIG)
    refused = await tools.call("export_results", {"query_id": "x"}, context(clock=clock))
    assert refused.failure is not None
    assert "fetch_results" in refused.failure.hint


@async_test
async def test_a_long_export_tells_that_it_goes_on(serve: Serve) -> None:
    """Once a second, to who asked for progress."""
    async with serve() as stand:
        sql = (
            "SELECT SEQ4() AS N, RANDSTR(9, RANDOM()) AS T FROM TABLE(GENERATOR(ROWCOUNT => 50000))"
        )
        query_id = await stand.submitted(sql)
        await stand.ask("get_query_status", query_id=query_id, wait_s=20)
        told: list[bytes] = []
        request = context(clock=clock, deadline=clock.seconds() + 60.0, progress_token="t")
        request.facts = Facts("http", ANN, "2026-07-28", client="probe/1")
        request.send = told.append
        gate = stand.warehouse._means.gate
        gate.__enter__()
        asked = stand.tools.call("export_results", {"query_id": query_id}, request)
        export = Deferred.fromCoroutine(asked)
        await until(lambda: told, 10.0, "progress")
        gate.__exit__(None, None, None)
        assert (await export).failure is None
        assert b"notifications/progress" in told[0]
