"""SHOW: the statement parsed, and its filters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from snowflake_mcp.simulator.failures import syntax_error
from snowflake_mcp.simulator.lexical import Token, Words

__all__ = ["Cell", "Listing", "ShowRequest", "like_pattern", "matching", "parse_show"]

_MAX_ROWS: Final = 10_000
"""Snowflake gives no more rows of a SHOW."""


@dataclass(frozen=True, slots=True)
class ShowRequest:
    """What a SHOW statement asks for."""

    kind: str
    """TABLES, PRIMARY KEYS, ..."""
    terse: bool = False
    like: str | None = None
    """A pattern in any case, with % and _."""
    scope: str = ""
    """One of ``_SCOPES``; NAME for a bare name; empty when not given."""
    path: tuple[str, ...] = ()
    """The names after the scope."""
    starts_with: str = ""
    """A prefix of names, case-sensitive."""
    limit: int = _MAX_ROWS
    after: str = ""
    """Only names that sort behind this one."""
    rest: tuple[str, ...] = ()
    """Words that belong to the kind alone, such as ``TO ROLE X`` of SHOW GRANTS."""


_SCOPES: Final = frozenset(
    {"ACCOUNT", "DATABASE", "SCHEMA", "SESSION", "TABLE", "USER", "VIEW", "WAREHOUSE"}
)
_CLAUSES: Final = frozenset({"FOR", "LIKE", "IN", "STARTS", "LIMIT", "HISTORY"})


def parse_show(found: Sequence[Token]) -> ShowRequest:
    """The request in the words of a SHOW statement.

    :raises StatementFailed: 001003
    """
    words = Words(found[1:])
    terse = words.accept("TERSE")
    kinds = [words.take().keyword]
    while (
        not words.done and words.peek() not in _CLAUSES and words.peek() not in {"ON", "TO", "OF"}
    ):
        kinds.append(words.take().keyword)
    if not all(kinds):
        raise syntax_error("syntax error: SHOW needs the kind of objects to list.")
    like: str | None = None
    scope = starts_with = after = ""
    path: tuple[str, ...] = ()
    limit = _MAX_ROWS
    rest: tuple[str, ...] = ()
    while not words.done:
        if words.accept("HISTORY"):
            continue
        if words.accept("LIKE"):
            like = words.string()
        elif words.accept("STARTS", "WITH"):
            starts_with = words.string()
        elif words.accept("LIMIT"):
            limit = min(_MAX_ROWS, words.integer())
            if words.accept("FROM"):
                after = words.string()
        elif words.accept("IN") or words.accept("FOR"):
            scope, path = _scope(words)
        elif kinds == ["GRANTS"] and words.peek() in {"ON", "TO", "OF"}:
            rest = _rest(words)
        else:
            raise words.unexpected()
    return ShowRequest(" ".join(kinds), terse, like, scope, path, starts_with, limit, after, rest)


def _scope(words: Words) -> tuple[str, tuple[str, ...]]:
    scope = words.peek()
    if scope not in _SCOPES:
        return "NAME", tuple(words.path())
    words.take()
    if scope == "ACCOUNT" or words.done or words.peek() in _CLAUSES:
        return scope, ()
    return scope, tuple(words.path())


def _rest(words: Words) -> tuple[str, ...]:
    rest = []
    while not words.done and words.peek() != "LIMIT":
        token = words.take()
        rest.append(token.text if token.kind == "symbol" else token.name)
    return tuple(rest)


def like_pattern(pattern: str) -> "re.Pattern[str]":
    """A LIKE pattern as a regular expression, in any case; a backslash escapes."""
    pieces = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "\\":
            pieces.append(re.escape(next(letters, "\\")))
        elif letter == "%":
            pieces.append(".*")
        elif letter == "_":
            pieces.append(".")
        else:
            pieces.append(re.escape(letter))
    return re.compile("".join(pieces), re.IGNORECASE | re.DOTALL)


Cell = str | None
Listing = tuple[tuple[str, ...], Sequence[tuple[str, Sequence[Cell]]]]
"""Column names, and the rows with the names that the filters look at."""

T = TypeVar("T")


def matching(request: ShowRequest, named: Sequence[tuple[str, T]]) -> list[T]:
    """The things whose names pass the filters of ``request``, up to its limit."""
    pattern = None if request.like is None else like_pattern(request.like)
    kept: list[T] = []
    for name, thing in named:
        if len(kept) >= request.limit:
            break
        if pattern is not None and not pattern.fullmatch(name):
            continue
        if not name.startswith(request.starts_with):
            continue
        if request.after and name <= request.after:
            continue
        kept.append(thing)
    return kept
