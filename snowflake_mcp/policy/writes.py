"""Statements that change something: which tier each one belongs to, and what it may hold.

A closed world: a verb or a kind of object that is not named here belongs to no tier, so no setting
allows it. Among these are all that run code or text (CALL, EXECUTE, scripting, tasks, functions,
procedures), move files (COPY, PUT, GET, REMOVE), or change the session (USE, SET, transactions).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from snowflake_mcp.policy.calls import Called
from snowflake_mcp.policy.changes import CHANGES, judge_change
from snowflake_mcp.policy.definitions import ORDINARY, judge_definition
from snowflake_mcp.policy.reference import Level, Reference
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import VERBS, words
from snowflake_mcp.policy.write import Reader, Write, WriteFormError

__all__ = ["Place", "judge_write", "place_of"]

_OF_ACCOUNT: Final = frozenset(
    {
        "API INTEGRATION",
        "CATALOG INTEGRATION",
        "EXTERNAL ACCESS INTEGRATION",
        "INTEGRATION",
        "NETWORK POLICY",
        "NOTIFICATION INTEGRATION",
        "RESOURCE MONITOR",
        "ROLE",
        "SECURITY INTEGRATION",
        "SHARE",
        "STORAGE INTEGRATION",
        "USER",
        "WAREHOUSE",
    }
)
"""Kinds of the tier admin that lie in no database."""
_ADMINISTERED: Final = _OF_ACCOUNT | {"DATABASE", "DATABASE ROLE"}
_LONGEST: Final = 3
_MODIFIERS: Final = words("RECURSIVE SECURE TRANSIENT")
_BEGINNINGS: Final = VERBS | words("AS DESC DESCRIBE EXPLAIN LIST SELECT SHOW VALUES WHERE")
"""Words that could begin a statement within another one."""
_PRIVILEGES: Final = words(
    "COPY CREATE DELETE EXECUTE GRANT INSERT REVOKE SELECT TRUNCATE UPDATE USE"
)
"""Those of them that name what GRANT and REVOKE are about."""
_OPTIONS: Final = words("ABORT COMMENT REFRESH REMOVE REPLACE RESUME SET SUSPEND UNSET")
"""Those of them that name what becomes of a user, a warehouse and the like."""
_SIGNS: Final = words("( ) , . = - *")
_GRANT: Final = "GRANT SELECT ON TABLE db.schema.t TO ROLE r"


class Place(NamedTuple):
    """Where a write belongs."""

    tier: Tier
    kind: str
    """Of the object; empty when only the verb counts."""
    at: int
    """Index behind the kind."""


def place_of(tokens: Sequence[Token]) -> Place | None:
    """The tier of a statement by its verb and its kind of object; ``None``: of no tier."""
    verb = tokens[0].word
    if verb in CHANGES:
        return Place(Tier.DML, "", 1)
    if verb in {"GRANT", "REVOKE"}:
        return Place(Tier.ADMIN, "", 1)
    reader = Reader(tokens, 1, "")
    if verb == "TRUNCATE":
        reader.take("TABLE")
        return Place(Tier.DDL, "TABLE", reader.at)
    if verb == "COMMENT":
        reader.take("IF", "EXISTS")
        if not reader.take("ON"):
            return None
    elif verb == "CREATE":
        reader.take("OR", "REPLACE")
        while reader.here.word in _MODIFIERS:
            reader.at += 1
    elif verb not in {"ALTER", "DROP", "UNDROP"}:
        return None
    for length in range(_LONGEST, 0, -1):
        ahead = tokens[reader.at : reader.at + length]
        kind = " ".join(token.word for token in ahead)
        if kind in ORDINARY or (verb == "COMMENT" and kind == "COLUMN"):
            return Place(Tier.DDL, kind, reader.at + length)
        if kind in _ADMINISTERED:
            return Place(Tier.ADMIN, kind, reader.at + length)
    return None


def judge_write(tokens: Sequence[Token], place: Place, calls: list[Called]) -> Write:
    """What is known of a write, and what speaks against it.

    The name of every function that it calls is added to ``calls``.
    """
    try:
        if place.tier is Tier.DML:
            return judge_change(tokens, calls)
        if place.tier is Tier.DDL:
            return judge_definition(tokens, place.kind, place.at, calls)
        return _administer(tokens, place)
    except WriteFormError as error:
        return Write(tokens[0].word.lower(), place.tier, [error.finding])


def _administer(tokens: Sequence[Token], place: Place) -> Write:
    """A statement of the tier admin: words, names and literals, which can hold no other one.

    Raises:
        WriteFormError: it holds anything else.
    """
    verb, kind = tokens[0].word, place.kind
    write = Write(f"{verb} {kind}".strip().lower(), Tier.ADMIN)
    reader = Reader(tokens, place.at, _GRANT if not kind else f"{verb} {kind} name COMMENT = 'x'")
    foreign = _BEGINNINGS - (_OPTIONS if kind else _PRIVILEGES)
    for reader.at in range(place.at, len(tokens)):
        if reader.here.kind not in {Kind.WORD, Kind.QUOTED, Kind.STRING, Kind.NUMBER}:
            if reader.here.text not in _SIGNS:
                reader.fail()
        elif reader.here.word in foreign or reader.here.word.startswith("SYSTEM$"):
            reader.fail()
    reader.at = place.at
    if reader.at >= len(tokens):
        reader.fail()
    if kind == "DATABASE":
        _ = reader.take("IF", "NOT", "EXISTS") or reader.take("IF", "EXISTS")
        write.references.append(reader.object(Level.DATABASE))
        if reader.take("RENAME", "TO") or reader.take("SWAP", "WITH") or reader.take("CLONE"):
            write.references.append(reader.object(Level.DATABASE))
    elif not (kind in _OF_ACCOUNT or (not kind and reader.here.word == "ROLE")):
        # Grants reach objects in more ways than are read here.
        write.references.append(Reference(Level.ACCOUNT, (), tokens[0]))
    return write
