"""Rows become JSON and text within every budget, whatever they hold."""

import json
import unicodedata
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from snowflake_mcp.config.model import LimitSettings
from snowflake_mcp.protocol.pieces import PIECE_BYTES, Pieces
from snowflake_mcp.tools.layouts import Format
from snowflake_mcp.tools.masks import NO_MASKS
from snowflake_mcp.tools.render import Budget, ItemsCollector, Rendered, RowsCollector
from snowflake_mcp.tools.taming import tamed
from snowflake_mcp.warehouse.results import Column
from tests.unit.tools.fakes import columns
from tests.unit.tools.strategies import matrices

WIDE = Budget(row_bytes=1 << 20, cell_chars=16_384)


def collect(heading: list[str], rows: list[list[Any]], budget: Budget = WIDE) -> Rendered:
    """All rows through a collector, one slice each."""
    collector = RowsCollector(budget, NO_MASKS)
    collector.begin(columns(*heading))
    for row in rows:
        if not collector.add([row]):
            break
    return collector.finish()


def text_of(rendered: Rendered) -> str:
    """The readable part, decoded."""
    text = json.loads(b'"' + rendered.body + b'"')
    assert isinstance(text, str)
    return text


@given(matrices(), st.integers(20, 400), st.integers(8, 60), st.integers(10, 300))
def test_any_matrix_stays_within_budget(
    matrix: tuple[list[str], list[list[Any]]], row_bytes: int, cell_chars: int, text_chars: int
) -> None:
    """No value makes rendering fail, exceed its budgets or put a control into the text."""
    heading, rows = matrix
    budget = Budget(row_bytes, cell_chars, text_chars, shown_chars=20, record_chars=40)
    rendered = collect(heading, rows, budget)
    decoded = json.loads(bytes(rendered.rows))
    assert len(bytes(rendered.rows)) <= row_bytes
    assert len(decoded) == rendered.row_count <= len(rows)
    assert rendered.full == (rendered.row_count < len(rows))
    assert all(len(row) == len(heading) for row in decoded)
    text = text_of(rendered)
    assert len(text) <= text_chars
    assert rendered.shown_rows <= rendered.row_count
    assert not any(unicodedata.category(c)[0] == "C" for c in text.replace("\n", ""))
    if rendered.row_count != 1 and text:
        assert text.count("\n") == rendered.shown_rows
    json.loads(bytes(rendered.columns))


ordinary = st.lists(
    st.none()
    | st.integers(-10_000, 10_000)
    | st.booleans()
    | st.floats(0, 9).map(str)
    | st.floats(-1e20, 1e20)
    | st.sampled_from(["é☃", "a|b", "x" * 30, "NULL", "'", "\u200b"])
    | st.just({"k": [1, "v"]}),
    min_size=1,
    max_size=2,
).flatmap(lambda kinds: st.lists(st.sampled_from(kinds), min_size=30, max_size=30))
"""Columns as they mostly are: of one kind, and NULL perhaps."""


@given(
    st.lists(ordinary, min_size=1, max_size=3).map(lambda columns: list(zip(*columns, strict=True)))
    | matrices().map(lambda matrix: matrix[1] * 3),
    st.sampled_from(["table", "records", "columns", "csv"]),
    st.integers(20, 2_000),
    st.sampled_from([8, 25, 60, 16_384]),
    st.integers(10, 2_000),
)
def test_rows_in_one_slice_are_the_same_as_one_by_one(
    rows: list[list[Any]], layout: Format, row_bytes: int, cell_chars: int, text_chars: int
) -> None:
    """Whole columns are looked at where that is enough, and nobody can tell."""
    budget = Budget(row_bytes, cell_chars, text_chars, shown_chars=20, record_chars=40)
    heading = columns(*(f"C{at}" for at in range(len(rows[0]) if rows else 1)))
    ways = []
    for size in (1, max(1, len(rows))):
        collector = RowsCollector(budget, NO_MASKS, layout)
        collector.begin(heading)
        starts = range(0, len(rows), size)
        goes_on = all(collector.add(rows[at : at + size]) for at in starts)
        rendered = collector.finish()
        assert goes_on != rendered.full
        ways.append(replace(rendered, rows=Raw(bytes(rendered.rows)), columns=Raw(b"")))
    assert ways[0] == ways[1]


def test_rows_become_a_table() -> None:
    """Several rows: a heading, then a line each."""
    rendered = collect(["ID", "NAME"], [[1, "Ada"], [2, None]])
    assert text_of(rendered) == "ID | NAME\n1 | Ada\n2 | NULL"
    assert bytes(rendered.rows) == b'[[1,"Ada"],[2,null]]'
    assert json.loads(bytes(rendered.columns))[0] == {
        "name": "ID",
        "type": "VARCHAR(16777216)",
        "nullable": True,
    }


def test_one_row_becomes_a_record() -> None:
    """A single row is labelled, and its values may be longer than in a table."""
    rendered = collect(["ID", "NOTE"], [[1, "n" * 1_000]])
    assert text_of(rendered) == "ID: 1\nNOTE: " + "n" * 1_000
    assert rendered.shown_cut == 0


def test_a_record_too_long_falls_back_to_the_table() -> None:
    """When even the record is over the budget the narrower table is tried."""
    budget = Budget(1 << 20, 16_384, text_chars=100, shown_chars=20)
    rendered = collect(["ID", "NOTE"], [[1, "n" * 1_000]], budget)
    assert text_of(rendered) == "ID | NOTE\n1 | " + "n" * 19 + "…"
    assert rendered.shown_cut == 1


def test_no_rows_have_no_table() -> None:
    """An empty result shows nothing under its count."""
    rendered = collect(["ID"], [])
    assert text_of(rendered) == ""
    assert bytes(rendered.rows) == b"[]"


def test_a_column_with_a_long_name_is_cut_in_the_heading_only() -> None:
    """Programs get the whole name of a column."""
    rendered = collect(["C" * 200, "D"], [[1, 2], [3, 4]])
    assert text_of(rendered).startswith("C" * 63 + "… | D\n")
    assert json.loads(bytes(rendered.columns))[0]["name"] == "C" * 200


def test_the_text_says_how_many_rows_it_shows() -> None:
    """The text stops at its own budget while the JSON goes on."""
    budget = Budget(1 << 20, 16_384, text_chars=30)
    rendered = collect(["N"], [[1_000_000 + n] for n in range(10)], budget)
    assert (rendered.shown_rows, rendered.row_count, rendered.full) == (3, 10, False)


def test_reading_stops_at_the_byte_budget() -> None:
    """The first row that does not fit ends the reading and is not half there."""
    collector = RowsCollector(Budget(row_bytes=12, cell_chars=100), NO_MASKS)
    collector.begin(columns("N"))
    assert collector.add([[1], [2]])
    assert not collector.add([[3], [4]])
    assert not collector.add([[5]])
    rendered = collector.finish()
    assert bytes(rendered.rows) == b"[[1],[2]]"
    assert rendered.full


def test_an_exact_fit_is_not_full() -> None:
    """A budget that is just large enough leaves nothing out."""
    rendered = collect(["N"], [[1], [2]], Budget(row_bytes=9, cell_chars=100))
    assert (rendered.row_count, rendered.full) == (2, False)


def test_long_values_are_cut_and_counted() -> None:
    """Texts and nested values over the limit are cut, numbers and short values are not."""
    budget = Budget(1 << 20, cell_chars=10)
    rendered = collect(["A", "B", "C"], [["x" * 20, {"k": "v" * 20}, 123456789012345]], budget)
    assert json.loads(bytes(rendered.rows)) == [["x" * 9 + "…", '{"k":"vvv…', 123456789012345]]
    assert rendered.cells_cut == 2


def test_deep_nesting_is_flattened() -> None:
    """A value nested so deep that JSON readers give up is cut at the depth they take."""
    deep: Any = 1
    for _ in range(3_000):
        deep = [deep]
    for value in (deep, deep[0], {"a": deep}):
        row = json.loads(tamed([value], 1 << 20).encoded)
        assert len(row) == 1
    moderate: Any = 1
    for _ in range(80):
        moderate = {"a": [moderate]}
    assert b"\xe2\x80\xa6" in tamed([moderate], 1 << 20).encoded
    wide = [[n] for n in range(200)]
    assert json.loads(tamed([wide], 1 << 20).encoded) == [wide]


def test_a_deep_value_among_flat_rows_is_flattened() -> None:
    """Rows that come together are looked at together, and the one that needs it is found."""
    deep: Any = 1
    for _ in range(80):
        deep = [deep]
    collector = RowsCollector(WIDE, NO_MASKS)
    collector.begin(columns("A"))
    assert collector.add([["[" * 80], [deep], [{"a": 1}]])
    first, second, third = json.loads(bytes(collector.finish().rows))
    assert (first, third) == (["[" * 80], [{"a": 1}])
    assert "…" in json.dumps(second, ensure_ascii=False)


def test_values_that_json_refuses_are_mended() -> None:
    """Lone surrogates and integers without end do not make an answer fail."""
    rendered = collect(["A", "B", "C"], [["\ud800x", {"k\udfff": ["\udc00"]}, 16**5_000]])
    text, nested, number = json.loads(bytes(rendered.rows))[0]
    assert (text, nested) == ("\ufffdx", {"k\ufffd": ["\ufffd"]})
    assert number == "0x1" + "0" * 5_000


def test_items_are_built_and_empty_columns_left_out() -> None:
    """A list shows only fields that some item has; absent ones are a dash, flags words."""

    class Item(msgspec.Struct, omit_defaults=True):
        name: str
        kind: str | None = None
        secure: bool = False
        comment: str | None = None

    collector = ItemsCollector(
        lambda row: Item(str(row["name"]), None, row["flag"] == 1, None) if row["name"] else None,
        ("name", "kind", "secure", "comment"),
        WIDE,
    )
    collector.begin([Column("NAME", "TEXT", True), Column("FLAG", "NUMBER", True)])
    assert collector.add([["a|b", 1], [None, 0], ["c", 0]])
    rendered = collector.finish()
    assert text_of(rendered) == "name | secure\na\\|b | yes\nc | no"
    assert bytes(rendered.rows) == b'[{"name":"a|b","secure":true},{"name":"c"}]'
    assert rendered.row_count == 2


def test_zero_is_not_empty() -> None:
    """A list of empty tables shows that they are empty."""

    class Item(msgspec.Struct):
        name: str
        rows: int

    collector = ItemsCollector(lambda row: Item("T", 0), ("name", "rows"), WIDE)
    collector.begin(columns("name"))
    assert collector.add([["T"]])
    assert text_of(collector.finish()) == "name | rows\nT | 0"


def test_items_stop_at_the_byte_budget() -> None:
    """A list too long for an answer ends with a whole item."""

    class Item(msgspec.Struct):
        name: str

    collector = ItemsCollector(lambda row: Item(str(row["name"])), ("name",), Budget(30, 100))
    collector.begin(columns("name"))
    assert not collector.add([["a"], ["b"], ["c"]])
    assert not collector.add([["d"]])
    rendered = collector.finish()
    assert (rendered.row_count, rendered.full) == (2, True)


def test_the_budget_comes_from_the_settings() -> None:
    """The operator's limits bound the answer."""
    budget = Budget.of(LimitSettings(max_result_bytes=2_000, max_cell_chars=50))
    assert (budget.row_bytes, budget.cell_chars) == (2_000, 50)


def test_a_large_result_is_in_pieces() -> None:
    """Nobody joins it: slices are gathered to pieces of one size, which are one array."""
    collector = RowsCollector(WIDE, NO_MASKS)
    collector.begin(columns("N", "T"))
    rows: list[list[Any]] = [[number, "x" * 90] for number in range(9_000)]
    for start in range(0, len(rows), 250):
        assert collector.add(rows[start : start + 250])
    found = collector.finish().rows
    assert isinstance(found, Pieces)
    assert min(map(len, found.parts[:-1])) > PIECE_BYTES // 2
    assert max(map(len, found.parts)) <= PIECE_BYTES
    assert json.loads(bytes(found)) == rows
