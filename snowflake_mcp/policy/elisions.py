"""Clauses of names and numbers that the second parser does not know, left out of what it gets.

Only a bracket without anything nested in it is left out, after one of a few words, or the NOT NULL
of a nested type, and only once the whole text could not be parsed. What is left out has been
judged like everything else by the token layers; what is sent to Snowflake keeps it.
"""

from collections.abc import Sequence
from typing import Final

from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import TYPES, words

__all__ = ["elided"]

_CLAUSES: Final = words("RENAME RESAMPLE SAMPLE TABLESAMPLE")
_METHODS: Final = words("BERNOULLI BLOCK ROW SYSTEM")
_FLAT: Final = {Kind.WORD, Kind.QUOTED, Kind.STRING, Kind.NUMBER, Kind.VARIABLE}
_MAY_PRECEDE: Final = {Kind.WORD, Kind.QUOTED}


def elided(text: str, tokens: Sequence[Token]) -> str:
    """``text`` with blanks instead of those clauses; ``text`` itself when it has none."""
    pieces: list[str] = []
    done = 0
    at = 1
    while at < len(tokens):
        end = _clause_end(tokens, at)
        if end:
            first, last = tokens[at], tokens[end]
            start, stop = first.start, last.start + len(last.text)
            pieces += (text[done:start], " " * (stop - start))
            done, at = stop, end
        at += 1
    return "".join([*pieces, text[done:]])


def _clause_end(tokens: Sequence[Token], at: int) -> int:
    """Index of the last token of the clause at ``at``; 0 when none begins there."""
    word, before = tokens[at].word, tokens[at - 1]
    if word == "NOT":
        of_type = before.word in TYPES or before.text == ")"
        ahead = [token.text.upper() for token in tokens[at + 1 : at + 3]]
        return at + 1 if of_type and ahead in (["NULL", ")"], ["NULL", ","]) else 0
    if tokens[at].kind is not Kind.WORD or word not in _CLAUSES:
        return 0
    if before.kind not in _MAY_PRECEDE and before.text not in {")", "*"}:
        return 0
    at += 1
    if at < len(tokens) and tokens[at].word in _METHODS and word in {"SAMPLE", "TABLESAMPLE"}:
        at += 1
    if at >= len(tokens) or tokens[at].text != "(":
        return 0
    at += 1
    while at < len(tokens) and (tokens[at].kind in _FLAT or tokens[at].text in {",", "."}):
        at += 1
    return at if at < len(tokens) and tokens[at].text == ")" else 0
