"""Quoting of names and patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.warehouse.identifiers import (
    UnbalancedNameError,
    folded,
    literal,
    qualified,
    quote,
    shown,
)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("ORDERS", '"ORDERS"'),
        ("my table", '"my table"'),
        ('a"b', '"a""b"'),
        ('"; drop table x; --', '"""; drop table x; --"'),
        ("日本", '"日本"'),
        ("x" * 255, '"' + "x" * 255 + '"'),
    ],
)
def test_a_part_is_quoted_as_it_is(part: str, expected: str) -> None:
    """Whatever stands in a part stays inside the quotes."""
    assert quote(part) == expected


@pytest.mark.parametrize("part", ["", "a\x00b", "x" * 256])
def test_what_is_no_name_is_refused(part: str) -> None:
    """Empty, too long or with a NUL: no identifier."""
    with pytest.raises(ValueError, match="name"):
        quote(part)
    with pytest.raises(ValueError, match="name"):
        qualified("DB", part)


def test_parts_are_joined_with_dots() -> None:
    """Each part is quoted on its own, so a dot inside one separates nothing."""
    assert qualified("DB", "a.b", "T") == '"DB"."a.b"."T"'
    with pytest.raises(ValueError, match="no parts"):
        qualified()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ORD%", "'ORD%'"), ("it's", "'it''s'"), ("a\\'b", "'a\\\\''b'"), ("", "''")],
)
def test_a_pattern_cannot_leave_its_quotes(text: str, expected: str) -> None:
    """Quotes and backslashes are doubled."""
    assert literal(text) == expected


def test_a_nul_is_no_pattern() -> None:
    """A NUL is refused."""
    with pytest.raises(ValueError, match="NUL"):
        literal("a\x00")


@pytest.mark.parametrize(
    ("text", "name"),
    [("sales", "SALES"), ("S_1$", "S_1$"), ('"a""b"', 'a"b'), ("my table", "my table")],
)
def test_names_are_folded_as_snowflake_does(text: str, name: str) -> None:
    """Plain names go to upper case; quoted and unusual ones are taken literally."""
    assert folded(text) == name


@pytest.mark.parametrize("text", ['"', '"a', '"a"b"', '"a"."b"'])
def test_quotes_must_be_balanced(text: str) -> None:
    """What begins like a quoted name must be exactly one."""
    with pytest.raises(UnbalancedNameError):
        folded(text)


@given(st.text(min_size=1, max_size=255).filter(lambda name: "\x00" not in name))
def test_what_is_shown_reads_back(name: str) -> None:
    """Every name that Snowflake can store survives the way out and in."""
    assert folded(shown(name)) == name
