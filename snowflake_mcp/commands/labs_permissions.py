"""The list of allowed statement types of Snowflake Labs' server, as a tier of this one."""

from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["tier_of"]

_STEPS: Final[Sequence[tuple[str, frozenset[str]]]] = (
    ("dml", frozenset({"insert", "update", "delete", "merge"})),
    ("ddl", frozenset({"create", "alter", "drop", "truncatetable", "comment"})),
)
"""Tiers in their order, and the types of statement that each one opens."""
_READS: Final = frozenset({"select", "describe", "show"})
_ALL: Final = "all"
_NOTHING_LIKE: Final[Mapping[str, str]] = {
    "command": "CALL, EXECUTE IMMEDIATE, PUT, GET and the like are not run here, whatever the "
    "tier; SHOW, LIST and EXPLAIN are reads and need no permission",
    "commit": "each statement stands by itself here",
    "copy": "COPY is not run here, whatever the tier",
    "rollback": "each statement stands by itself here",
    "transaction": "each statement stands by itself here",
    "unknown": "what the SQL gate does not know is refused here, whatever the tier",
    "use": "database and schema are arguments of the tools, role and warehouse settings",
}


def tier_of(said: object) -> tuple[str, list[str]]:
    """The tier that opens nothing which was not allowed, and what is to be known about it."""
    allowed, denied, warnings = _read(said)
    if _ALL in allowed:
        warnings.append(
            "sql_statement_permissions: All was allowed: the tier is admin, grants and users "
            "among it. Take a lower one if you can."
        )
        return "admin", [*warnings, _asks()]
    tier = "read"
    left = set(allowed)
    for name, types in _STEPS:
        if not types <= allowed:
            break
        tier, left = name, left - types
    for name, types in _STEPS:
        if more := sorted(types & left):
            closed = ", ".join(sorted(_opened(name) - allowed))
            warnings.append(
                f"sql_statement_permissions: {', '.join(more)} allowed, but policy.tier = "
                f'"{name}" would open these, too, which were not: {closed}. The tier stays {tier}.'
            )
    for name in sorted(left):
        if name in _NOTHING_LIKE:
            warnings.append(f"sql_statement_permissions: {name}: {_NOTHING_LIKE[name]}.")
        elif name not in _READS and not any(name in types for _, types in _STEPS):
            warnings.append(f"sql_statement_permissions: {name}: has no counterpart here.")
    listed = bool(allowed or denied)
    if closed_reads := sorted(_READS - {"show"} - allowed if listed else ()):
        warnings.append(
            f"sql_statement_permissions: {', '.join(closed_reads)} not allowed; reads are always "
            "open here. Leave execute_query out of the tools of whoever must not read."
        )
    if tier != "read":
        warnings.append(_asks())
    if tier == "ddl":
        warnings.append(
            "policy.tier: ddl is about tables, views, schemas and the like; databases, warehouses, "
            "roles and users take admin."
        )
    return tier, warnings


def _opened(tier: str) -> frozenset[str]:
    """Every type that a tier opens, those of the tiers before it among them."""
    found: frozenset[str] = frozenset()
    for name, types in _STEPS:
        found |= types
        if name == tier:
            break
    return found


def _asks() -> str:
    return (
        "policy.confirm_writes: a write is sent here only when the client's user has confirmed it; "
        "clients that cannot ask need confirm_writes = false."
    )


def _read(said: object) -> tuple[set[str], set[str], list[str]]:
    """What is allowed, what is denied, and what could not be read."""
    if said is None:
        return set(), set(), ["sql_statement_permissions: missing; reads are open here."]
    entries = [said] if isinstance(said, dict) else said if isinstance(said, list) else None
    if entries is None or not all(isinstance(entry, dict) for entry in entries):
        return set(), set(), ["sql_statement_permissions: is no list of types; left out."]
    allowed: set[str] = set()
    denied: set[str] = set()
    warnings = []
    for entry in entries:
        for name, value in entry.items():
            if not isinstance(value, bool):
                warnings.append(f"sql_statement_permissions: {name}: is not true or false.")
            (allowed if value is True else denied).add(str(name).lower())
    return allowed - denied, denied, warnings
