"""The words of statements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.lexical import Words, projection_texts, statements, tokens
from snowflake_mcp.simulator.waits import take_waits


def test_comments_and_quotes_hide_semicolons() -> None:
    """Only a bare semicolon ends a statement."""
    sql = "select ';' -- ;\n, \";\" /* ; */ , $$;$$ ; // ;\n ;"
    assert len(statements(tokens(sql))) == 1


def test_identifiers_fold_unless_quoted() -> None:
    """Bare names mean upper case, quoted ones themselves."""
    assert Words(tokens('demo."My ""T""".x')).path() == ["DEMO", 'My "T"', "X"]


def test_string_values() -> None:
    """Doubled quotes, backslashes and dollar quotes are undone."""
    assert [token.value for token in tokens(r"'it''s' 'a\nb' $$x'y$$")] == ["it's", "a\nb", "x'y"]


@pytest.mark.parametrize("sql", ["select 'a", 'select "a'])
def test_an_open_quote_is_a_syntax_error(sql: str) -> None:
    """A quote that never closes cannot be read."""
    with pytest.raises(StatementFailed) as failed:
        tokens(sql)
    assert failed.value.code == "001003"


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(sql: str) -> None:
    """No text makes the lexer fail in another way."""
    try:
        found = tokens(sql)
    except StatementFailed:
        return
    assert all(sql[token.start : token.end] == token.text for token in found)


def test_projection_texts_are_those_of_the_outermost_select() -> None:
    """The items of the list, as written, whatever is nested inside."""
    sql = "with x as (select 9) select a, count( * ), (select 1, 2) b from x union select 1, 2, 3"
    assert projection_texts(sql, tokens(sql)) == ["a", "count( * )", "(select 1, 2) b"]


def test_waits_are_taken_out() -> None:
    """Each wait adds its seconds and leaves the text it gives."""
    sql = "select system$wait(2), SYSTEM$WAIT(500, 'milliseconds'), 'system$wait(9)'"
    seconds, rest = take_waits(sql)
    assert seconds == 2.5
    assert rest == "select 'waited 2 seconds', 'waited 500 milliseconds', 'system$wait(9)'"


def test_a_wait_for_no_number_is_an_error() -> None:
    """The argument has to be a literal."""
    with pytest.raises(StatementFailed):
        take_waits("select system$wait(x)")
