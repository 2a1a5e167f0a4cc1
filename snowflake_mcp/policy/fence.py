"""Holds what a statement mentions against the operator's rules about objects."""

from collections.abc import Iterable, Iterator
from typing import Final

from snowflake_mcp.policy.names import dotted
from snowflake_mcp.policy.objects import ObjectRules
from snowflake_mcp.policy.reference import Level, Reference
from snowflake_mcp.policy.rules import SECTION, Finding, Rule
from snowflake_mcp.policy.terms import Situation

__all__ = ["outside"]

_DEFAULT_SCHEMA: Final = "PUBLIC"
_QUALIFY: Final = "Write the whole name, database.schema.name."
_USE_TOOLS: Final = (
    "Name an object or a schema that may be used; the tools list_databases, list_schemas, "
    "list_tables and list_views show what that is."
)
_MOST: Final = 5


def outside(
    references: Iterable[Reference], rules: ObjectRules, situation: Situation
) -> list[Finding]:
    """What the rules have against the references; nothing when there are no rules."""
    if not rules.active:
        return []
    findings: list[Finding] = []
    for reference in dict.fromkeys(references):
        found = _judge(reference, rules, situation)
        if found is not None:
            findings.append(found)
            if len(findings) == _MOST:
                break
    return findings


def _judge(reference: Reference, rules: ObjectRules, situation: Situation) -> Finding | None:
    if reference.level is Level.UNKNOWN:
        return _unresolved(reference, "cannot be told from the text", _QUALIFY)
    meanings = list(_meanings(reference, situation))
    if not all(all(path) and len(path) == reference.level for path in meanings):
        return _unresolved(reference, "is not qualified", _QUALIFY)
    permits = rules.permits if reference.level is Level.OBJECT else rules.permits_all
    denied = next((path for path in meanings if not permits(path)), None)
    if denied is None:
        return None
    if reference.level is Level.OBJECT:
        what = dotted(denied)
        if len(meanings) > 1 and denied is meanings[-1]:
            what += f", which {dotted(reference.path)} may also mean,"
            return _denied(
                reference, f"{what} is not among the objects that may be used.", _QUALIFY
            )
        message = f"{what} is not among the objects that may be used."
    else:
        what = f"{dotted(denied)} as a whole" if denied else "the whole account"
        message = f"This tells about {what}, and the rules about objects do not open all of it."
    return _denied(reference, message, _USE_TOOLS)


def _meanings(reference: Reference, situation: Situation) -> Iterator[tuple[str, ...]]:
    """The full names that a reference may stand for."""
    path, level = reference.path, reference.level
    # Two dots stand for the default schema.
    path = tuple(_DEFAULT_SCHEMA if not part and at == 1 else part for at, part in enumerate(path))
    current = (situation.database or "", situation.schema or "")
    missing = level - len(path)
    if missing < 0 or level is Level.ACCOUNT:
        yield path
        return
    yield (*current[:missing], *path)
    if level is Level.OBJECT and missing == 2:
        # What is not in the current schema is looked for in this one.
        yield (current[0], _DEFAULT_SCHEMA, *path)


def _unresolved(reference: Reference, why: str, remedy: str) -> Finding:
    name = dotted(reference.path) or reference.token.text[:40] or "A name"
    return Finding(
        Rule.OBJECT_UNRESOLVED,
        f"Which object is meant {why}: {name}.",
        f"{remedy} There are rules about objects ({SECTION}.allow_objects, "
        f"{SECTION}.deny_objects), so every name has to be certain.",
        reference.token,
    )


def _denied(reference: Reference, message: str, remedy: str) -> Finding:
    return Finding(
        Rule.OBJECT_DENIED,
        message,
        f"{remedy} The operator sets {SECTION}.allow_objects and {SECTION}.deny_objects.",
        reference.token,
    )
