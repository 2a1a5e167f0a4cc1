"""Places for values in a statement: each a word of its own, or it is none."""

import pytest

from snowflake_mcp.tools.templates import Template

TYPES = {"a": "string", "t": "identifier"}


@pytest.mark.parametrize(
    ("sql", "filled"),
    [
        ("SELECT {a}", "SELECT 'v'"),
        ("SELECT {a} || '{b}' -- {c}", "SELECT 'v' || '{b}' -- {c}"),
        ("SELECT f({a},{a})", "SELECT f('v','v')"),
        ("SELECT x-{a}", "SELECT x-'v'"),
        ("SELECT {'k': {a}}", "SELECT {'k': 'v'}"),
        ("SELECT {a}::DATE", "SELECT 'v'::DATE"),
    ],
)
def test_values_come_into_their_places(sql: str, filled: str) -> None:
    """And nothing else is touched."""
    template = Template.of(sql, {"a": "string"})
    assert template.filled({"a": "'v'"}) == filled


def test_names_may_stand_next_to_dots() -> None:
    """As a part of a dotted name."""
    template = Template.of("SELECT {a} FROM d.{t}.x", TYPES)
    assert template.filled({"a": "1", "t": '"T"'}) == 'SELECT 1 FROM d."T".x'


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '{a}'",
        'SELECT "{a}"',
        "SELECT 1 -- {a}",
        "SELECT 1 /* {a} */",
        "SELECT $${a}$$",
        "SELECT x{a}",
        "SELECT {a}x",
        "SELECT 1{a}",
        "SELECT .{a}",
        "SELECT {a}.5",
        "SELECT 'it'{a}",
        "SELECT {a}'it'",
        "SELECT {a}{a}",
        "SELECT ${a}",
        "SELECT {a}, '{a}'",
    ],
)
def test_a_place_that_melts_into_its_neighbour_is_none(sql: str) -> None:
    """Inside quotes and comments, and next to what a value would become a part of."""
    with pytest.raises(ValueError, match=r"\{a\} has to stand alone"):
        Template.of(sql, {"a": "string"})


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("SELECT {b}, {a}", "{b} names no parameter"),
        ("SELECT 1", "{a} stands nowhere in it"),
        ("SELECT '{a}'", "{a} has to stand alone"),
        ("SELECT 'x", "never closed|string"),
    ],
)
def test_problems_are_told(sql: str, problem: str) -> None:
    """By the name of the parameter."""
    with pytest.raises(ValueError, match=problem):
        Template.of(sql, {"a": "string"})
