"""All tools through the real warehouse and the real connector, over the demo endpoint."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed

from snowflake_mcp.charts.painter import Painter
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import (
    Backend,
    ChartSettings,
    Config,
    ConnectionSettings,
    PolicySettings,
)
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.policy.measured import Judge
from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.policy.verdict import Verdict
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.tools.backing import Lore, Paints
from snowflake_mcp.tools.registry import Registry, build_registry
from snowflake_mcp.tools.wording import DEMO_LINE
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.grants import GrantCheck, GrantChecks
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.spools import spooling
from tests.unit.policy.support import DirectGate
from tests.unit.tools.fakes import asynchronous, body, conforming, context, shown

REACTOR: Any = installed
CONFIG = Config(ConnectionSettings("demo", Backend.DEMO))

DOCUMENT = (Path(__file__).parents[3] / "docs" / "tools.md").read_text(encoding="utf-8")
CORTEX = (Path(__file__).parents[3] / "docs" / "cortex.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r'```json\n(\{"name": .*)\n```\n\n```text\n(.*)\n', DOCUMENT)
"""Documented calls, and the first line of the text that each one gave."""
SUBMITTED = re.findall(r'"query_id": "([^"]+)", "state": "running"', DOCUMENT)
"""The query id of the documented submission."""


FREELY = PolicySettings(tier="ddl", confirm_writes=False)


class Endpoint:
    """The demo endpoint as an account."""

    settings = CONFIG.connection

    def __init__(self, host: str, port: int) -> None:
        self._where = {"host": host, "port": port}

    async def parameters(self) -> Mapping[str, object]:
        """How to log in to it."""
        return {
            **self._where,
            "account": "demo",
            "user": "demo",
            "password": "demo",
            "protocol": "http",
            "database": "DEMO",
            "warehouse": "DEMO_WH",
            "role": "DEMO_ROLE",
        }


class Open:
    """A gate that lets everything pass, for what the real one is not about."""

    async def judge(self, sql: str, terms: Terms, situation: Situation, owner: str = "") -> Verdict:
        """Allowed as it is."""
        return Verdict(True, "select", sql, frozenset(), ())


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """One demo endpoint for all tests here; its standard input holds it alive."""
    command = [sys.executable, "-m", "snowflake_mcp.simulator", "--sample", "--today", "2026-11-21"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        ready = json.loads(child.stdout.readline())
        yield Endpoint(ready["host"], ready["port"])
        assert child.stdin is not None
        child.stdin.close()
        child.wait(10)


@asynccontextmanager
async def demo(
    endpoint: Endpoint,
    gate: Judge | None = None,
    policy: PolicySettings | None = None,
    config: Config = CONFIG,
    painter: Paints | None = None,
) -> AsyncIterator[Registry]:
    """The tools over a warehouse that is stopped afterwards."""
    warehouse = Warehouse(REACTOR, Accounts(endpoint), CONFIG.pool, Metrics())
    warehouse.start()
    spool = spooling(Path(tempfile.gettempdir()))
    try:
        yield build_registry(
            warehouse,
            gate or DirectGate(),
            replace(config, policy=policy or config.policy),
            lore=Lore.over(warehouse, REACTOR),
            spool=spool,
            painter=painter,
            cortex=warehouse.cortex,
        )
    finally:
        spool.stopService()
        await warehouse.stop(5.0)


@asynccontextmanager
async def painting() -> AsyncIterator[Painter]:
    """A painter with its process."""
    painter = Painter(REACTOR, ChartSettings())
    painter.startService()  # type: ignore[no-untyped-call]  # as twisted's
    try:
        yield painter
    finally:
        if (stopped := painter.stopService()) is not None:
            await stopped


async def ask(tools: Registry, name: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and prove that its answer is whole, conforming and marked as demo data."""
    request = context(clock=REACTOR, deadline=REACTOR.seconds() + 30.0)
    result = await tools.call(name, arguments, request)
    assert result.failure is None, shown(result)
    answer = conforming(tools, name, result)
    assert (answer["backend"], answer["connection"]) == ("demo", "demo")
    assert answer["query_id"]
    assert answer["query_id"] == result.meta["snowflake-mcp/query-id"]
    assert shown(result).endswith(DEMO_LINE)
    return answer


@asynchronous
async def test_an_agent_finds_its_way_to_a_table(endpoint: Endpoint) -> None:
    """From nothing to rows: each answer's names are the next call's arguments."""
    async with demo(endpoint) as tools:
        databases = await ask(tools, "list_databases")
        assert "DEMO" in [item["name"] for item in databases["databases"]]
        schemas = await ask(tools, "list_schemas", database="demo")
        assert "SALES" in [item["name"] for item in schemas["schemas"]]
        tables = await ask(tools, "list_tables", database="demo", schema="sales")
        where = {"database": tables["database"], "schema": tables["schema"]}
        for item in tables["tables"]:
            described = await ask(tools, "describe_table", **where, table_name=item["name"])
            rows = await ask(tools, "query_view", **where, view_name=item["name"], limit=2)
            assert len(described["columns"]) == len(rows["columns"]) > 0
            assert rows["row_count"] <= 2


@asynchronous
async def test_an_agent_finds_its_way_to_a_view(endpoint: Endpoint) -> None:
    """Views are listed, described with their definition, and read."""
    async with demo(endpoint) as tools:
        views = await ask(tools, "list_views", database="demo", schema="sales")
        assert views["views"]
        for item in views["views"]:
            where = {"database": "demo", "schema": "sales", "view_name": item["name"]}
            described = await ask(tools, "describe_view", **where)
            assert "view" in described["ddl"].lower()
            rows = await ask(tools, "query_view", **where, limit=1)
            assert len(described["columns"]) == len(rows["columns"])


@asynchronous
async def test_patterns_and_limits_reach_the_list(endpoint: Endpoint) -> None:
    """LIKE ignores case, and a limit below the count is said."""
    async with demo(endpoint) as tools:
        where = {"database": "demo", "schema": "sales"}
        orders = await ask(tools, "list_tables", **where, like="ord%")
        assert orders["tables"]
        assert all(item["name"].startswith("ORD") for item in orders["tables"])
        none = await ask(tools, "list_tables", **where, like="it's \\ not there")
        assert (none["row_count"], none["truncated"]) == (0, False)
        one = await ask(tools, "list_schemas", database="demo", limit=1)
        assert (one["row_count"], one["truncated_by"]) == (1, "rows")


@asynchronous
async def test_values_keep_their_meaning(endpoint: Endpoint) -> None:
    """NULL, decimals, dates, binary and nested values arrive as documented."""
    query = (
        "SELECT NULL AS A, 'NULL' AS B, 12.50::NUMBER(10,2) AS C, '2026-01-31'::DATE AS D, "
        "'2026-01-31 12:34:56.5'::TIMESTAMP_NTZ AS E, TO_BINARY('AB01', 'HEX') AS F, "
        "PARSE_JSON('{\"k\": [1, null]}') AS G, 9007199254740993 AS H, TRUE AS I, 0.5::FLOAT AS J"
    )
    async with demo(endpoint, Open()) as tools:
        answer = await ask(tools, "execute_query", query=query)
    assert answer["rows"] == [
        [
            None,
            "NULL",
            "12.50",
            "2026-01-31",
            "2026-01-31T12:34:56.5",
            "AB01",
            {"k": [1, None]},
            "9007199254740993",
            True,
            0.5,
        ]
    ]


@asynchronous
async def test_a_long_result_is_cut_at_the_limit(endpoint: Endpoint) -> None:
    """The warehouse stops where the caller wanted, and the answer says that there is more."""
    query = "SELECT SEQ4() AS N FROM TABLE(GENERATOR(ROWCOUNT => 5000))"
    async with demo(endpoint, Open()) as tools:
        answer = await ask(tools, "execute_query", query=query, limit=1_200)
    assert (answer["row_count"], answer["truncated_by"]) == (1_200, "rows")
    assert len(answer["rows"]) == 1_200


@asynchronous
async def test_the_context_of_a_query_can_be_given(endpoint: Endpoint) -> None:
    """Unqualified names are found in the database and schema of the call."""
    async with demo(endpoint) as tools:
        query = "SELECT * FROM ORDERS"
        answer = await ask(
            tools, "execute_query", query=query, database="demo", schema="sales", limit=3
        )
    assert answer["row_count"] == 3
    assert answer["truncated_by"] == "rows"


@pytest.mark.parametrize(
    ("name", "arguments", "advice"),
    [
        ("list_schemas", {"database": "nope"}, "list_databases()"),
        ("list_tables", {"database": "demo", "schema": "nope"}, "list_schemas(database=DEMO)"),
        (
            "describe_table",
            {"database": "demo", "schema": "sales", "table_name": '"orders"'},
            "double quotes",
        ),
        (
            "query_view",
            {"database": "demo", "schema": "sales", "view_name": "nope"},
            "list_tables or list_views(database=DEMO, schema=SALES)",
        ),
    ],
)
@asynchronous
async def test_unknown_names_lead_to_known_ones(
    endpoint: Endpoint, name: str, arguments: dict[str, Any], advice: str
) -> None:
    """The endpoint's own error becomes a failure with a way out."""
    async with demo(endpoint) as tools:
        request = context(clock=REACTOR, deadline=REACTOR.seconds() + 30.0)
        result = await tools.call(name, arguments, request)
    assert result.failure is not None
    assert result.failure.family is Family.MISSING_OBJECT
    assert advice in shown(result)
    assert shown(result).endswith(DEMO_LINE)


@asynchronous
async def test_the_real_gate_refuses_writes(endpoint: Endpoint) -> None:
    """What changes data is refused before anything is sent."""
    async with demo(endpoint) as tools:
        request = context(clock=REACTOR, deadline=REACTOR.seconds() + 30.0)
        result = await tools.call("execute_query", {"query": "DELETE FROM ORDERS"}, request)
    assert result.failure is not None
    assert result.failure.family is Family.REFUSED
    assert result.failure.details["refusals"]


@asynchronous
async def test_the_documented_examples_are_real(endpoint: Endpoint, tmp_path: Path) -> None:
    """Each call in docs/tools.md still begins its answer with the line that is printed there."""
    assert len(EXAMPLES) == DOCUMENT.count("```text")
    file = tmp_path / "c.toml"
    file.write_text(CORTEX.partition("```toml\n")[2].partition("```")[0])
    config = load(Flags(config=str(file)), {})
    async with (
        painting() as painter,
        demo(endpoint, policy=FREELY, config=config, painter=painter) as tools,
    ):
        submitted = ""
        for line, expected in EXAMPLES:
            call = json.loads(line)
            if call["arguments"].get("query_id") in SUBMITTED:
                call["arguments"]["query_id"] = submitted
            request = context(clock=REACTOR, deadline=REACTOR.seconds() + 30.0)
            result = await tools.call(call["name"], call["arguments"], request)
            assert shown(result).split("\n")[0] == expected, line
            if call["name"] == "submit_query":
                submitted = body(result)["query_id"]


@asynchronous
async def test_what_is_written_can_be_read(endpoint: Endpoint) -> None:
    """A table is made, filled, changed and dropped; each answer says what was done."""
    counts = []
    async with demo(endpoint, policy=FREELY) as tools:
        for sql in (
            "CREATE TABLE demo.sales.notes (id INT, text VARCHAR)",
            "INSERT INTO demo.sales.notes VALUES (1, 'a'), (2, 'b')",
            "UPDATE demo.sales.notes SET text = 'c' WHERE id = 1",
            "DELETE FROM demo.sales.notes WHERE id = 2",
        ):
            answer = await ask(tools, "execute_statement", query=sql)
            counts.append(answer["rows"])
        left = await ask(tools, "execute_query", query="SELECT * FROM demo.sales.notes")
        await ask(tools, "execute_statement", query="DROP TABLE demo.sales.notes")
    assert left["rows"] == [["1", "c"]] or left["rows"] == [[1, "c"]]
    assert [row[0][0] for row in counts[1:]] == [2, 1, 1]


@asynchronous
async def test_a_plan_says_what_a_query_reads(endpoint: Endpoint) -> None:
    """With a budget the plan is asked; the numbers of a query over it are told."""
    async with demo(endpoint, policy=PolicySettings(max_scan_bytes=1_000_000)) as tools:
        await ask(tools, "execute_query", query="SELECT * FROM demo.sales.regions")
        request = context(clock=REACTOR, deadline=REACTOR.seconds() + 30.0)
        many = {"query": "SELECT * FROM demo.sales.orders"}
        result = await tools.call("execute_query", many, request)
    assert result.failure is not None
    assert result.failure.family is Family.LIMIT
    assert "3.84 MB (limit 1 MB)" in shown(result)


@asynchronous
async def test_the_grants_of_the_role_are_read(endpoint: Endpoint) -> None:
    """Over the real driver: the demo's role owns its databases, so it can write."""
    warehouse = Warehouse(REACTOR, Accounts(endpoint), CONFIG.pool, Metrics())
    warehouse.start()
    try:
        check = GrantChecks(REACTOR)
        check.take(GrantCheck(warehouse, None), [], refuse=True)
        await check.run()
    finally:
        await warehouse.stop(5.0)
    ready, told = check.ready()
    assert not ready
    assert told.startswith("the role DEMO_ROLE can write: OWNERSHIP (")
