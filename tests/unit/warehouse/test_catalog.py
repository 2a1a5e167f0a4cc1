"""The catalog: its statements, its entries, what it keeps, and its bounds."""

import json
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from snowflake_mcp.config.model import LimitSettings
from snowflake_mcp.policy.objects import rules_about
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.catalog import Asker, Catalog
from snowflake_mcp.warehouse.entries import Listing
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.catalogs import CatalogStatements
from tests.unit.warehouse.conftest import Build
from tests.unit.warehouse.waiting import async_test, clock

ANN = Asker(Principal("ann"), {"request": "r-1"})


def catalog(statements: CatalogStatements) -> Catalog:
    return Catalog(statements, Clock())


def ann(**limits: Any) -> Asker:
    """Ann, who may be told so much."""
    return replace(ANN, limits=LimitSettings(**limits))


def shown(listing: Listing[Any]) -> list[dict[str, Any]]:
    """The list as JSON, which tells the same as the entries."""
    whole: list[dict[str, Any]] = json.loads(bytes(listing.encoded))
    assert [entry["name"] for entry in whole] == [entry.name for entry in listing.entries]
    return whole


@async_test
async def test_statements_are_show_and_describe() -> None:
    """Names are quoted by parts, lists are bounded, and each statement carries its asker."""
    statements = CatalogStatements()
    held = catalog(statements)
    await held.databases(ANN)
    await held.schemas("my db", ANN)
    await held.tables("DEMO", "SALES", ANN)
    await held.views("DEMO", "SALES", ANN)
    await held.columns("DEMO", "SALES", "ORDERS", ANN)
    await held.find("DEMO", 'S"; DROP', "it's\\x_%", ANN)
    assert statements.sql == [
        "SHOW DATABASES LIMIT 10000",
        'SHOW SCHEMAS IN DATABASE "my db" LIMIT 10000',
        'SHOW TABLES IN SCHEMA "DEMO"."SALES" LIMIT 10000',
        'SHOW VIEWS IN SCHEMA "DEMO"."SALES" LIMIT 10000',
        'DESCRIBE TABLE "DEMO"."SALES"."ORDERS"',
        'SHOW OBJECTS LIKE \'it\'\'s_x_%\' IN SCHEMA "DEMO"."S""; DROP" LIMIT 10000',
    ]
    job = statements.jobs[0]
    assert (job.principal.name, job.tag, job.timeout_s) == ("ann", {"request": "r-1"}, 60.0)
    assert (job.database, job.schema) == (None, None)


@async_test
async def test_entries() -> None:
    """Each kind has its facts, and names as SQL takes them."""
    held = catalog(CatalogStatements())
    assert shown(await held.databases(ANN)) == [
        {"name": "DEMO", "comment": "Sales", "default": True},
        {"name": '"my db"'},
    ]
    assert shown(await held.schemas("DEMO", ANN)) == [
        {"name": "PUBLIC"},
        {"name": "SALES", "comment": "What was sold", "default": True},
    ]
    assert shown(await held.tables("DEMO", "SALES", ANN)) == [
        {"name": "ORDERS", "comment": "all", "kind": "TABLE", "rows": 5, "bytes": 1024},
        {"name": '"order lines"', "kind": "TABLE"},
    ]
    assert shown(await held.views("DEMO", "SALES", ANN)) == [
        {"name": "ORDERS_BY_DAY", "secure": True}
    ]
    assert shown(await held.columns("DEMO", "SALES", "ORDERS", ANN)) == [
        {
            "name": "ID",
            "comment": "Key",
            "type": "NUMBER(38,0)",
            "nullable": False,
            "key": "primary, unique",
        },
        {"name": '"at"', "type": "DATE", "nullable": True, "default": "CURRENT_DATE()"},
    ]


@async_test
async def test_a_name_is_found_exactly() -> None:
    """A pattern matches in any case and more than the name; only the very name counts."""
    held = catalog(CatalogStatements())
    table = await held.find("DEMO", "SALES", "ORDERS", ANN)
    view = await held.find("DEMO", "SALES", "ORDERS_BY_DAY", ANN)
    assert table is not None
    assert view is not None
    assert (table.comment, table.rows, table.is_view) == ("all", 5, False)
    assert (view.rows, view.bytes, view.is_view) == (None, None, True)
    assert await held.find("DEMO", "SALES", "NOPE", ANN) is None
    definition = await held.definition("DEMO", "SALES", "ORDERS_BY_DAY", ANN)
    assert definition is not None
    assert (definition.text, definition.truncated) == (
        "create view ORDERS_BY_DAY as select 1",
        False,
    )


@async_test
async def test_what_was_read_is_kept_for_a_minute_for_everybody() -> None:
    """One statement for the same question of two principals; a younger answer can be had."""
    statements = CatalogStatements()
    time = Clock()
    held = Catalog(statements, time)
    await held.databases(ANN)
    await held.databases(Asker(Principal("bob")))
    assert len(statements.jobs) == 1
    time.advance(10)
    await held.databases(Asker(Principal("bob"), max_age_s=5.0))
    assert len(statements.jobs) == 2
    time.advance(60)
    await held.databases(ANN)
    assert len(statements.jobs) == 3


@async_test
async def test_failures_are_not_kept() -> None:
    """Each who asks learns how it is now."""
    statements = CatalogStatements()
    held = catalog(statements)
    for _ in range(2):
        with pytest.raises(ToolFailure):
            await held.schemas("NOPE", ANN)
    assert len(statements.jobs) == 2


def test_who_asks_at_once_costs_one_statement() -> None:
    """And when all have left, it is aborted."""
    statements = CatalogStatements()
    statements.held = True
    held = catalog(statements)
    asked = [Deferred.fromCoroutine(held.databases(ANN)) for _ in range(3)]
    assert len(statements.jobs) == 1
    for each in asked:
        each.addErrback(lambda _: None)
        each.cancel()
    assert statements.cancelled == 1


@async_test
async def test_a_long_list_is_cut_and_says_so() -> None:
    """By rows where SHOW ends, by bytes where the answer would be too large."""
    many: list[list[Any]] = [[f"T{number:05}", "c" * 20] for number in range(10_000)]
    held = catalog(CatalogStatements({"SHOW": (("name", "comment"), many)}))
    listing = await held.databases(ann(max_result_bytes=4 << 20))
    assert (len(listing.entries), listing.cut) == (10_000, "rows")
    listing = await held.databases(ann(max_result_bytes=10_000))
    assert listing.cut == "bytes"
    assert 4_900 < len(bytes(listing.encoded)) <= 5_000
    shown(listing)


@async_test
async def test_hostile_texts() -> None:
    """Long comments are cut, what hides is spelt out, half a surrogate pair is replaced."""
    rows: list[list[Any]] = [["A\u202eB", "x" * 5_000], ["\ud800", "z\u200b"]]
    statements = CatalogStatements({"SHOW": (("name", "comment"), rows)})
    listing = await catalog(statements).databases(ANN)
    first, second = listing.entries
    assert (first.name, len(first.comment or "")) == ('"A\u202eB"', 1_000)
    assert (second.name, second.comment) == ('"?"', "z\u200b")
    assert b"\\u202e" in bytes(listing.encoded)
    assert b"\\u200b" in bytes(listing.encoded)


@async_test
async def test_a_long_definition_is_cut() -> None:
    """It ends where the settings say, and says so."""
    answers = {"SHOW VIEWS": (("name", "text"), [["V", "s" * 100]])}
    held = catalog(CatalogStatements(answers))  # type: ignore[arg-type]
    definition = await held.definition("D", "S", "V", ann(max_cell_chars=16))
    assert definition is not None
    assert (definition.text, definition.truncated) == ("s" * 16, True)
    whole = await held.definition("D", "S", "V", ANN)
    assert whole is not None
    assert (whole.text, whole.truncated) == ("s" * 100, False)


@async_test
async def test_who_may_see_less_is_told_less() -> None:
    """Lists are kept by what their askers may see; what is not theirs is not known to exist."""
    statements = CatalogStatements()
    held = catalog(statements)
    few = replace(ANN, shows=rules_about(("DEMO.SALES.ORDERS",), ()).shows)
    none = replace(ANN, shows=rules_about(("OTHER",), ()).shows)
    for _ in range(2):
        assert len((await held.tables("DEMO", "SALES", ANN)).entries) > 1
        assert [each.name for each in (await held.tables("DEMO", "SALES", few)).entries] == [
            "ORDERS"
        ]
    assert len(statements.sql) == 2
    asked = (
        held.tables("DEMO", "SALES", none),
        held.columns("DEMO", "SALES", "ORDERS", none),
        held.find("DEMO", "SALES", "ORDERS", none),
        held.definition("DEMO", "SALES", "ORDERS", none),
    )
    for question in asked:
        with pytest.raises(ToolFailure) as raised:
            await question
        assert raised.value.family is Family.MISSING_OBJECT
    assert len(statements.sql) == 2


@async_test
async def test_against_the_demo_warehouse(demo: dict[str, object], build: Build) -> None:
    """Through the real connector: every read, and the family of an unknown name."""
    warehouse: Warehouse = build(demo)
    held = Catalog(warehouse, clock)
    databases = await held.databases(ANN)
    assert [(each.name, each.default) for each in databases.entries] == [
        ("DEMO", True),
        ("MARKETING", False),
    ]
    schemas = await held.schemas("DEMO", ANN)
    assert [each.name for each in schemas.entries if each.default] == ["SALES"]
    assert "ORDERS" in [each.name for each in (await held.tables("DEMO", "SALES", ANN)).entries]
    view = await held.find("DEMO", "SALES", "CUSTOMER_VALUE", ANN)
    assert view is not None
    assert view.is_view
    definition = await held.definition("DEMO", "SALES", "CUSTOMER_VALUE", ANN)
    assert definition is not None
    assert "SELECT" in definition.text
    columns = await held.columns("DEMO", "SALES", "CUSTOMER_VALUE", ANN)
    assert columns.entries[0].name == "CUSTOMER_ID"
    for unknown in (held.schemas("NOPE", ANN), held.tables("DEMO", "NOPE", ANN)):
        with pytest.raises(ToolFailure) as caught:
            await unknown
        assert caught.value.family is Family.MISSING_OBJECT
    assert await held.find("DEMO", "SALES", "NOPE", ANN) is None


@async_test
async def test_columns_that_take_too_long_are_not_searched_again_soon() -> None:
    """The next one who asks is told at once; elsewhere, and later, it is tried."""
    statements = CatalogStatements({"SHOW COLUMNS": ToolFailure(Family.TIMEOUT, "too long")})
    clock = Clock()
    held = Catalog(statements, clock)
    for _ in range(2):
        with pytest.raises(ToolFailure):
            await held.columns_like("mail", ANN)
    assert statements.sql == ["SHOW COLUMNS LIKE '%mail%' IN ACCOUNT"]
    statements.answers["SHOW COLUMNS"] = (
        ("table_name", "schema_name", "column_name", "database_name"),
        [["T", "S", "E_MAIL", "D"], ["T", "S", "EXMAIL", "D"]],
    )
    found = await held.columns_like("e_mail", ANN, "D")
    assert [column.name for column in found.entries] == ["E_MAIL"]
    clock.advance(601)
    assert len((await held.columns_like("mail", ANN)).entries) == 2


@async_test
async def test_what_was_changed_is_read_again() -> None:
    """What is kept, and what is being read, is not given to who asks afterwards."""
    statements = CatalogStatements()
    held = Catalog(statements, Clock())
    await held.databases(ANN)
    held.changed("another")
    await held.databases(ANN)
    assert len(statements.sql) == 1
    held.changed("main")
    await held.databases(ANN)
    assert len(statements.sql) == 2
