"""How the lexer cuts, and where it refuses to."""

import pytest

from snowflake_mcp.policy.lexer import LexicalError, check_bytes, scan
from snowflake_mcp.policy.rules import Rule
from snowflake_mcp.policy.tokens import Kind, place


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("a->>b->c=>d::e", ["a", "->>", "b", "->", "c", "=>", "d", "::", "e"]),
        ("1.5e-3+.5-1.", ["1.5e-3", "+", ".5", "-", "1."]),
        ("'it''s' 'a\\'b' $$x'y$$", ["'it''s'", "'a\\'b'", "$$x'y$$"]),
        ('"a""b"."c"', ['"a""b"', ".", '"c"']),
        ("a--b\nc//d\ne/*f*/g", ["a", "c", "e", "g"]),
        ('@~ @%t/x @a."b c".d/e-f.csv)'[:-1], ["@~", "@%t/x", '@a."b c".d/e-f.csv']),
        ("$1:a.b[0] ?", ["$1", ":", "a", ".", "b", "[", "0", "]", "?"]),
        ("a<=b<>c!=d||e", ["a", "<=", "b", "<>", "c", "!=", "d", "||", "e"]),
        ("X'41' date'2026-01-01'", ["X", "'41'", "date", "'2026-01-01'"]),
    ],
)
def test_tokens(sql: str, texts: list[str]) -> None:
    """The longest sign wins, literals stay whole, comments are no tokens."""
    assert [token.text for token in scan(sql).tokens] == texts


def test_words_are_upper_case_and_quoted_names_are_not_words() -> None:
    """A quoted name never equals a keyword; its name has the quotes undone."""
    word, quoted = scan('from "FROM"""').tokens
    assert (word.word, word.name, word.kind) == ("FROM", "FROM", Kind.WORD)
    assert (quoted.word, quoted.name, quoted.kind) == ('"FROM"""', 'FROM"', Kind.QUOTED)


@pytest.mark.parametrize(
    ("sql", "rule", "column"),
    [
        ("SELECT 'a", Rule.UNTERMINATED, 8),
        ('SELECT "a""', Rule.UNTERMINATED, 8),
        ("SELECT $$a$", Rule.UNTERMINATED, 8),
        ("SELECT 1 /* a", Rule.UNTERMINATED, 10),
        ("SELECT 1 /* /* */", Rule.NESTED_COMMENT, 13),
        ("SELECT 1 /*/ 2 */", Rule.NESTED_COMMENT, 10),
        ("SELECT 1 -- a\u2028b", Rule.COMMENT_CHARACTER, 14),
        ("SELECT e'a'", Rule.STRING_PREFIX, 8),
        ("SELECT a$$b", Rule.DOLLAR_QUOTE, 8),
        ("SELECT $$$a$$", Rule.DOLLAR_QUOTE, 8),
        ("SELECT 1a", Rule.NUMBER, 8),
        ("SELECT 1.2.3", Rule.NUMBER, 8),
        ("SELECT a FROM @s->>b", Rule.STAGE_PATH, 15),
        ("SELECT a FROM @s/a//b", Rule.STAGE_PATH, 15),
        ("SELECT a << 1", Rule.CHARACTER, 10),
        ("SELECT a\uff1bb", Rule.CHARACTER, 9),
        ("SELECT (a", Rule.BRACKETS, 8),
        ("SELECT a)", Rule.BRACKETS, 9),
        ("SELECT (a]", Rule.BRACKETS, 10),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(sql: str, rule: Rule, column: int) -> None:
    """Each refusal names its rule and points at the sign."""
    with pytest.raises(LexicalError) as caught:
        scan(sql)
    finding = caught.value.finding
    assert finding.rule is rule
    assert finding.token is not None
    assert place(sql, finding.token.start) == (1, column)


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("SELECT 1\x00", Rule.CONTROL_CHARACTER),
        ("SELECT '\x0b'", Rule.CONTROL_CHARACTER),
        ("SELECT 1\r", Rule.CONTROL_CHARACTER),
        ("SELECT 1 -- \x85", Rule.CONTROL_CHARACTER),
        ("SELECT '\udfff'", Rule.NOT_UNICODE),
        ("SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaa'", Rule.TOO_LONG),
        ("SELECT 'éééééééééééé'", Rule.TOO_LONG),
    ],
)
def test_bytes(sql: str, rule: Rule) -> None:
    """Length, encoding and control characters are checked before anything is cut."""
    with pytest.raises(LexicalError) as caught:
        check_bytes(sql, 30)
    assert caught.value.finding.rule is rule


def test_line_feeds_of_both_kinds_are_blanks() -> None:
    """CR LF counts as one line end, and a comment ends there."""
    assert [t.text for t in scan("a -- b\r\nc\r\n").tokens] == ["a", "c"]
    assert place("a\r\nbc", 4) == (2, 2)
