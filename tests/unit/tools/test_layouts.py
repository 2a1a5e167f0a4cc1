"""The forms of the rows in a text: what each looks like, and that none grows past its budget."""

import csv
import io
from typing import Any

import pytest

from snowflake_mcp.tools.layouts import LAYOUTS, Format
from tests.unit.tools.fakes import Reply, asynchronous, body, columns, context, registry, shown

ROWS: list[list[Any]] = [["a|b", None, True, ""], ['say "x", y\n', 1.5, [1, "|\\"], "NULL"]]
NAMES = ("A", "B C", "D,E", "F")
FORMS: dict[Format, str] = {
    "table": "A | B C | D,E | F\na\\|b | NULL | true | ''\n"
    'say "x", y\\n | 1.5 | [1,"\\|\\\\\\\\"] | \'NULL\'',
    "records": "A: a\\|b\nB C: NULL\nD,E: true\nF: ''\n\n"
    'A: say "x", y\\n\nB C: 1.5\nD,E: [1,"\\|\\\\\\\\"]\nF: \'NULL\'',
    "columns": 'A: a\\|b | say "x", y\\n\nB C: NULL | 1.5\nD,E: true | [1,"\\|\\\\\\\\"]\n'
    "F: '' | 'NULL'",
    "csv": 'A,B C,"D,E",F\na|b,,true,""\n"say ""x"", y\\n",1.5,"[1,""|\\\\\\\\""]",NULL',
}


@pytest.mark.parametrize("layout", FORMS)
def test_each_form_shows_every_value(layout: Format) -> None:
    """NULL, empty texts and the text NULL stay apart; nothing hidden, one line for a value."""
    made = LAYOUTS[layout](NAMES, 10_000, 100)
    for row in ROWS:
        made.extend([row])
    assert made.text() == FORMS[layout]
    assert (made.rows, made.cut) == (2, 0)


def test_csv_is_read_back() -> None:
    """By a reader of CSV, with the escapes that every text has."""
    made = LAYOUTS["csv"](NAMES, 10_000, 100)
    for row in ROWS:
        made.extend([row])
    heading, first, second = csv.reader(io.StringIO(made.text()))
    assert heading == list(NAMES)
    assert first == ["a|b", "", "true", ""]
    assert second[0] == 'say "x", y\\n'


@pytest.mark.parametrize("layout", FORMS)
def test_each_form_keeps_its_budget(layout: Format) -> None:
    """Rows that do not fit are left out whole; values that are too wide are cut and counted."""
    made = LAYOUTS[layout](("A", "B"), 500, 20)
    for at in range(100):
        made.extend([[at, "x" * 50]])
    assert 0 < made.rows < 100
    assert made.cut == made.rows
    assert len(made.text()) <= 500
    assert made.text().count("…") == made.rows


@pytest.mark.parametrize("layout", FORMS)
def test_without_rows_or_room_there_is_no_text(layout: Format) -> None:
    """Headings alone say nothing; hundreds of them may leave no room."""
    assert LAYOUTS[layout](NAMES, 100, 10).text() == ""
    wide = LAYOUTS[layout](["N" * 60] * 50, 200, 10)
    wide.extend([["v"] * 50])
    assert wide.text() == ""


@asynchronous
async def test_a_caller_chooses_the_form_of_the_text() -> None:
    """The structured content stays as it is, and so does a row alone but for the table."""
    tools, _ = registry({"/*judged*/": Reply(columns("A", "B"), [["1", None]])})
    texts, contents = {}, []
    for layout in (None, *FORMS):
        result = await tools.call("execute_query", {"query": "q", "format": layout}, context())
        texts[layout] = shown(result).partition("\n")[2].partition("\nQuery")[0]
        contents.append({**body(result), "query_id": ""})
    assert texts == {
        None: "A: 1\nB: NULL",
        "table": "A: 1\nB: NULL",
        "records": "A: 1\nB: NULL",
        "columns": "A: 1\nB: NULL",
        "csv": "A,B\n1,",
    }
    assert all(each == contents[0] for each in contents)


@asynchronous
async def test_a_caller_may_give_a_statement_less_time() -> None:
    """Never more than the setting; refused before the statement is judged."""
    tools, warehouse = registry({"/*judged*/": Reply(columns("A"), [["1"]])})
    await tools.call("execute_query", {"query": "q", "timeout_s": 7}, context())
    await tools.call("execute_query", {"query": "q", "timeout_s": 300}, context(remaining_s=40.0))
    assert [job.timeout_s for job in warehouse.jobs] == [7, 39.0]
    for wrong in (301, 0, 1 << 70):
        result = await tools.call("execute_query", {"query": "q", "timeout_s": wrong}, context())
        assert result.failure is not None
        assert "timeout_s: expected" in shown(result)
    assert len(warehouse.jobs) == 2
