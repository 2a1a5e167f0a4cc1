"""What SHOW, DESCRIBE and LIST tell about: an object, or all that is in something."""

from collections.abc import Iterator, Sequence
from typing import Final

from snowflake_mcp.policy.kinds import ADMIN_KINDS, DESCRIBE_CAPABILITY, DESCRIBE_KINDS, SHOW_KINDS
from snowflake_mcp.policy.names import literal_text, path_at, path_in
from snowflake_mcp.policy.reference import Level, Reference, unknown
from snowflake_mcp.policy.tokens import END, Kind, Token
from snowflake_mcp.policy.words import words

__all__ = ["targets"]

_SHOWN_OF_ACCOUNT: Final = frozenset(
    {
        "COMPUTE POOLS",
        "CONNECTIONS",
        "NETWORK POLICIES",
        "PARAMETERS",
        "REGIONS",
        "RESOURCE MONITORS",
        "ROLES",
        "SESSIONS",
        "USERS",
        "WAREHOUSES",
    }
    | {kind for kind in ADMIN_KINDS if kind.endswith("INTEGRATIONS")}
)
"""Kinds of SHOW that name no database, schema or anything in one."""
_DESCRIBED_OF_ACCOUNT: Final = frozenset(
    {"CONNECTION", "NETWORK POLICY", "ROLE", "USER", "WAREHOUSE"}
    | {kind for kind in DESCRIBE_CAPABILITY if kind.endswith("INTEGRATION")}
)
"""Kinds of DESCRIBE that name none."""
_WHOLE: Final = frozenset({"DATABASE ROLE", "RESULT", "SHARE", "TRANSACTION"})
"""Kinds of DESCRIBE that may tell about anything."""
_TABLES: Final = frozenset({"", "TABLE", "VIEW"})
_PREPOSITIONS: Final = words("FOR FROM IN ON")
_GRANTED_ON_ACCOUNT: Final = words("ACCOUNT INTEGRATION ROLE USER WAREHOUSE")
_LEVELS: Final = {
    "ACCOUNT": Level.ACCOUNT,
    "DATABASE": Level.DATABASE,
    "SCHEMA": Level.SCHEMA,
    "TABLE": Level.OBJECT,
    "VIEW": Level.OBJECT,
}
_MOST_WORDS: Final = 4


def targets(tokens: Sequence[Token]) -> list[Reference]:
    """What the statement ``tokens``, which the gate allows, tells about beside stages."""
    head = tokens[0].word
    if head == "SHOW":
        return list(_shown(tokens))
    if head in {"DESCRIBE", "DESC"}:
        return list(_described(tokens))
    return []


def _kind(tokens: Sequence[Token], at: int, kinds: frozenset[str]) -> tuple[str, int]:
    """The longest known kind at ``at``, and the index behind it."""
    for length in range(min(_MOST_WORDS, len(tokens) - at), 0, -1):
        kind = " ".join(token.word for token in tokens[at : at + length])
        if kind in kinds:
            return kind, at + length
    return "", at


def _shown(tokens: Sequence[Token]) -> Iterator[Reference]:
    at = 2 if tokens[1].word == "TERSE" else 1
    kind, at = _kind(tokens, at, SHOW_KINDS | ADMIN_KINDS)
    if kind == "GRANTS":
        yield from _grants(tokens, at)
        return
    place = next(
        (
            i
            for i in range(at, len(tokens))
            if tokens[i].word in _PREPOSITIONS and _opens(tokens, i)
        ),
        None,
    )
    if kind in _SHOWN_OF_ACCOUNT:
        return
    if place is None:
        # Where it looks then depends on the session, and for some kinds it is the account.
        yield Reference(Level.ACCOUNT, (), tokens[0])
    else:
        yield _scope(tokens, place + 1, kind)


def _opens(tokens: Sequence[Token], at: int) -> bool:
    """Whether the preposition at ``at`` begins a scope; ``LIMIT 5 FROM 'name'`` does not."""
    return at + 1 < len(tokens) and tokens[at + 1].kind in {Kind.WORD, Kind.QUOTED}


def _scope(tokens: Sequence[Token], at: int, kind: str) -> Reference:
    here, after = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else END
    named = after.kind in {Kind.WORD, Kind.QUOTED}
    if (
        here.kind is Kind.WORD
        and (level := _LEVELS.get(here.word)) is not None
        and after.text != "."
    ):
        if level is Level.ACCOUNT:
            return Reference(level, (), here)
        if not named or after.word in {"LIKE", "STARTS", "LIMIT", "HISTORY", "WITH"}:
            # The current one, or one with the name of a keyword: who can tell?
            return Reference(level, (), here) if not named else unknown(after)
        if after.word == "IDENTIFIER":
            return unknown(after)
        path, _ = path_at(tokens, at + 1)
        return Reference(level, path, after, is_table=level is Level.OBJECT)
    path, _ = path_at(tokens, at)
    if kind == "SCHEMAS" and len(path) == 1:
        return Reference(Level.DATABASE, path, here)
    if kind not in {"COLUMNS", "SCHEMAS"} and len(path) == 2 and not kind.endswith("KEYS"):
        return Reference(Level.SCHEMA, path, here)
    return Reference(Level.ACCOUNT, (), here)


def _grants(tokens: Sequence[Token], at: int) -> Iterator[Reference]:
    if at >= len(tokens) or tokens[at].word == "OF":
        return
    if tokens[at].word != "ON":
        # All that a role may see is named by its grants.
        yield Reference(Level.ACCOUNT, (), tokens[0])
        return
    here = tokens[at + 1] if at + 1 < len(tokens) else END
    if here.word in _GRANTED_ON_ACCOUNT:
        return
    level = _LEVELS.get(here.word, Level.UNKNOWN)
    path, _ = path_at(tokens, at + 2)
    if level in {Level.UNKNOWN, Level.ACCOUNT} or not path or path[0] == "IDENTIFIER":
        yield unknown(here)
    else:
        yield Reference(level, path, tokens[at + 2], is_table=level is Level.OBJECT)


def _described(tokens: Sequence[Token]) -> Iterator[Reference]:
    kind, at = _kind(tokens, 1, DESCRIBE_KINDS | DESCRIBE_CAPABILITY.keys())
    here = tokens[at] if at < len(tokens) else END
    if kind in _DESCRIBED_OF_ACCOUNT:
        return
    if kind in _WHOLE:
        yield Reference(Level.ACCOUNT, (), tokens[0])
        return
    if here.kind is Kind.STAGE:
        return  # told with the other stages
    path: tuple[str, ...] | None
    if here.kind is Kind.STRING:
        path = path_in(literal_text(here))
    elif here.word == "IDENTIFIER" and at + 2 < len(tokens) and tokens[at + 1].text == "(":
        path = path_in(literal_text(tokens[at + 2]))
    else:
        path, _ = path_at(tokens, at)
    level = {"DATABASE": Level.DATABASE, "SCHEMA": Level.SCHEMA}.get(kind, Level.OBJECT)
    if path:
        yield Reference(level, path, here, is_table=kind in _TABLES)
    else:
        yield unknown(here)
