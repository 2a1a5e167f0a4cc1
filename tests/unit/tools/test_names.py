"""Names: what a caller gives, what Snowflake stores, what SQL takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.tools.names import missing_hint, stored
from snowflake_mcp.warehouse.identifiers import qualified, shown
from tests.unit.tools.strategies import names


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("sales", "SALES"),
        ("Sales_2026$", "SALES_2026$"),
        ('"myTable"', "myTable"),
        ('"a""b"', 'a"b'),
        ("my table", "my table"),
        ("1st", "1st"),
        ("größe", "größe"),
        ("sales\n", "sales\n"),
        ("a.b", "a.b"),
    ],
)
def test_names_are_folded_as_snowflake_does(given_name: str, expected: str) -> None:
    """Plain names go to upper case; quoted and unusual ones are taken literally."""
    assert stored(given_name, "database") == expected


@pytest.mark.parametrize("name", ["", '""', '"a', '"a"b"', '"a"."b"', "x" * 256, "a\x00"])
def test_what_cannot_be_one_name_is_refused(name: str) -> None:
    """Empty, unbalanced, too long and NUL names fail with the argument's name."""
    with pytest.raises(ToolFailure) as failure:
        stored(name, "view_name")
    assert failure.value.family is Family.INVALID_ARGUMENT
    assert failure.value.message.startswith("view_name: ")
    assert failure.value.hint


@given(names)
def test_names_in_answers_can_be_passed_on(name: str) -> None:
    """What a list shows is understood by every tool as the very same name."""
    assert stored(shown(name), "schema") == name


def test_plain_names_are_shown_plain() -> None:
    """Only names that SQL would fold or not take are put in quotes."""
    assert [shown(name) for name in ("ORDERS", "orders", "A B", 'q"q', "É")] == [
        "ORDERS",
        '"orders"',
        '"A B"',
        '"q""q"',
        '"É"',
    ]


@given(st.lists(names, min_size=1, max_size=3))
def test_names_cannot_break_out_of_a_path(parts: list[str]) -> None:
    """Reading the path back by the rules of SQL gives exactly the parts that went in."""
    assert split(qualified(*parts)) == parts


def split(text: str) -> list[str]:
    """The parts of a quoted path, read character by character."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        assert text[at] == '"'
        at += 1
        part = ""
        while text[at] != '"' or text[at : at + 2] == '""':
            step = 2 if text[at] == '"' else 1
            part += text[at]
            at += step
        parts.append(part)
        at += 1
        assert text[at : at + 1] in ("", ".")
        at += 1
    return parts


def test_a_dotted_name_gets_its_own_advice() -> None:
    """A qualified name in one argument is the common mistake, so the hint names it first."""
    assert missing_hint("D", "S", "d.s.t").startswith("Give database, schema and name as separate")
    assert "separate" not in missing_hint("D", "S", "T")
