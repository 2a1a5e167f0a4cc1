"""Texts of strangers are made visible, and no two values look the same."""

import unicodedata

import pytest
from hypothesis import given

from snowflake_mcp.tools.cells import block, cell, message
from snowflake_mcp.warehouse.results import JsonValue
from tests.unit.tools.strategies import texts


def hidden(text: str) -> list[str]:
    """The characters in a text that nobody can see."""
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "NULL"),
        ("NULL", "'NULL'"),
        ("'NULL'", "''NULL''"),
        ("", "''"),
        ("''", "''''"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (0.5, "0.5"),
        ("12.50", "12.50"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ("a|b", "a\\|b"),
        ("a\\b", "a\\\\b"),
        ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
        ("\x1b[31m", "\\x1b[31m"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("bidi\u202e", "bidi\\u202e"),
        ("selector\U000e0101", "selector\\U000e0101"),
        ("filler\u3164", "filler\\u3164"),
        ("Zürich 東京\u3000🍎", "Zürich 東京\u3000🍎"),
    ],
)
def test_values_are_shown(value: JsonValue, expected: str) -> None:
    """D-01: every kind of value has one readable form; what hides is spelt out."""
    assert cell(value, 200) == (expected, False)


@given(texts, texts)
def test_no_two_texts_look_alike(one: str, other: str) -> None:
    """Two different texts, or a text and NULL, never have the same form."""
    assert (cell(one, 1_000)[0] == cell(other, 1_000)[0]) == (one == other)
    assert cell(one, 1_000)[0] != cell(None, 1_000)[0]


@given(texts)
def test_messages_keep_only_line_ends(text: str) -> None:
    """A message of several lines has no other control character and is bounded."""
    shown = message(text * 50, 300)
    assert len(shown) <= 300
    assert hidden(shown.replace("\n", "")) == []


@given(texts)
def test_definitions_are_indented_line_by_line(text: str) -> None:
    """Every line of a definition is indented, so that none can pose as the server's own."""
    shown = block(text)
    assert all(line.startswith("  ") for line in shown.split("\n"))
    assert hidden(shown.replace("\n", "")) == []


def test_tabs_of_a_definition_become_blanks() -> None:
    """Indentation with tabs stays readable."""
    assert block("select\r\n\ta\n\t, b") == "  select\n      a\n      , b"
