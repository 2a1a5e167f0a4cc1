"""DDL and plans as text."""

from datetime import UTC, datetime

from twisted.internet.task import Clock

from snowflake_mcp.simulator.catalog import ColumnEntry, Entry
from snowflake_mcp.simulator.columns import fields_for
from snowflake_mcp.simulator.ddl import table_ddl, view_ddl
from snowflake_mcp.simulator.explain import Step, plan_text
from snowflake_mcp.simulator.ids import QueryIds
from snowflake_mcp.simulator.keys import Key
from snowflake_mcp.simulator.notes import Notes
from snowflake_mcp.simulator.results import Result, ResultStore
from snowflake_mcp.simulator.types import snowflake_type

PATH = ("DEMO", "SALES", "T")
MADE = datetime(2026, 1, 1, tzinfo=UTC)


def test_table_ddl_has_everything_one_needs_to_make_the_table() -> None:
    """Types, NOT NULL, defaults, comments, keys and odd names."""
    columns = [
        ColumnEntry(PATH, "ID", "NUMBER(38,0)", nullable=False, comment="it's the key"),
        ColumnEntry(PATH, "my Col", "VARCHAR(10)", default="'x'"),
    ]
    keys = [
        Key("PRIMARY KEY", ("ID",), "SYS_CONSTRAINT_1"),
        Key("FOREIGN KEY", ("my Col",), "TO_OTHER", ("DEMO", "SALES", "OTHER"), ("CODE",)),
    ]
    assert table_ddl(Entry(PATH, "TABLE", MADE, comment="all"), columns, keys) == (
        "create or replace TABLE T (\n"
        "\tID NUMBER(38,0) NOT NULL COMMENT 'it''s the key',\n"
        "\t\"my Col\" VARCHAR(10) DEFAULT 'x',\n"
        "\tprimary key (ID),\n"
        '\tconstraint TO_OTHER foreign key ("my Col") references DEMO.SALES.OTHER(CODE)\n'
        ")COMMENT='all'\n;"
    )


def test_view_ddl_keeps_the_query_as_written() -> None:
    """The column list, the comment and the text of the query."""
    view = Entry(PATH, "VIEW", MADE, comment="c", text="select  1 as A")
    assert view_ddl(view, [ColumnEntry(PATH, "A", "NUMBER(38,0)")]) == (
        "create or replace view T(\n\tA\n) COMMENT='c'\nas select  1 as A;"
    )


def test_types_are_named_as_snowflake_names_them() -> None:
    """DuckDB's names do not show."""
    assert snowflake_type("BIGINT") == "NUMBER(38,0)"
    assert snowflake_type("DECIMAL(12,2)") == "NUMBER(12,2)"
    assert snowflake_type("VARCHAR", 50) == "VARCHAR(50)"
    assert snowflake_type("INTEGER[]") == "ARRAY"
    assert snowflake_type("JSON") == "VARIANT"


def test_hints_only_refine_what_the_engine_says() -> None:
    """A hint makes JSON an OBJECT, but never text a timestamp."""
    fields = fields_for(["O", "T"], ["JSON", "VARCHAR"], {"O": "object", "T": "timestamp_tz"})
    assert [field.type for field in fields] == ["object", "text"]


def test_plan_text() -> None:
    """The shape of EXPLAIN USING TEXT."""
    text = plan_text(
        [Step(0, None, "Result", expressions=("A",)), Step(1, 0, "TableScan", "D.S.T", rows=5)]
    )
    assert text.startswith("GlobalStats:\n    partitionsTotal=1\n")
    assert "->TableScan  D.S.T  {partitionsTotal=1," in text


def test_notes_follow_an_object_through_its_life() -> None:
    """Created once, told apart by case, moved, forgotten with everything below."""
    notes = Notes()
    notes.set_created(PATH, MADE, "select 1")
    notes.set_type(PATH, "O", "OBJECT")
    assert notes.created(PATH) == MADE
    assert notes.types(("DEMO", "SALES", "t")) == {}
    moved = ("DEMO", "SALES", "U")
    notes.move(PATH, moved)
    assert (notes.types(PATH), notes.types(moved)) == ({}, {"O": "OBJECT"})
    notes.move(moved, PATH)
    assert notes.types(PATH) == {"O": "OBJECT"}
    notes.forget(("DEMO",))
    assert notes.types(PATH) == {}
    assert notes.source(PATH) == ""


def test_query_ids_look_like_snowflakes_and_never_repeat() -> None:
    """Shaped as a UUID that begins with 01."""
    ids = QueryIds(lambda: 1_800_000_000.0)
    made = [ids.next() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(len(one) == 36 and one.startswith("01") for one in made)


def test_the_result_store_drops_what_was_read_longest_ago() -> None:
    """Bounded by number and by bytes; the newest always stays."""
    clock = Clock()
    store = ResultStore(max_results=2, max_bytes=10, max_filed_bytes=10, now=clock.seconds)
    store.put("a", Result(b"1234", 1))
    store.put("b", Result(b"1234", 1))
    clock.advance(60)
    assert store.get("a") is not None
    store.put("c", Result(b"12", 1))
    assert store.get("b") is None
    assert (len(store), store.size) == (2, 6)
    clock.advance(60)
    store.put("d", Result(b"x" * 50, 1))
    assert (len(store), store.size) == (1, 50)


def test_a_result_in_use_makes_room_only_in_need() -> None:
    """What was made or read within a minute stays, up to four times the bound."""
    clock = Clock()
    store = ResultStore(max_results=1, max_bytes=10, max_filed_bytes=10, now=clock.seconds)
    for name in "abcd":
        store.put(name, Result(b"x" * 10, 1))
    assert (len(store), store.size) == (4, 40)
    store.put("e", Result(b"x", 1))
    assert store.get("a") is None
    clock.advance(61)
    store.put("f", Result(b"x", 1))
    assert len(store) == 1
