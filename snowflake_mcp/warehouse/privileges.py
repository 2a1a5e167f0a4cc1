"""What a role may do, from the rows of SHOW GRANTS: its own, and those of every role in it.

Every privilege that is not known to be a reading one counts as writing.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from snowflake_mcp.warehouse.identifiers import folded, qualified

__all__ = ["MOST_ROWS", "POWERFUL", "Ask", "Grants", "read_grants"]

MOST_ROWS: Final = 10_000
"""Grants of one role that are looked at."""
_MOST_ROLES: Final = 64
_READING: Final = frozenset(
    {
        "IMPORTED PRIVILEGES",
        "MONITOR",
        "MONITOR EXECUTION",
        "MONITOR USAGE",
        "READ",
        "REFERENCES",
        "REFERENCE_USAGE",
        "RESOLVE ALL",
        "SELECT",
        "USAGE",
    }
)
_RUNNING: Final = frozenset({"PROCEDURE", "INTEGRATION"})
"""What USAGE of is more than reading: it runs code, or reaches out of Snowflake."""
_ROLES: Final = frozenset({"ROLE", "DATABASE_ROLE", "DATABASE ROLE"})
POWERFUL: Final = frozenset(
    {"ACCOUNTADMIN", "GLOBALORGADMIN", "ORGADMIN", "SECURITYADMIN", "SYSADMIN", "USERADMIN"}
)
"""Roles of Snowflake's own that administer an account."""

Ask = Callable[[str], Awaitable[Sequence[Mapping[str, str]]]]
"""Runs SHOW GRANTS and gives its rows: ``privilege``, ``on`` (the kind of object), ``name``."""


@dataclass(frozen=True, slots=True)
class Grants:
    """What a role and all roles in it may do beyond reading."""

    role: str
    writing: tuple[tuple[str, int], ...]
    """Privileges with the number of objects, most frequent first; empty for a reading role."""
    whole: bool = True
    """Everything was read; a role may have more grants or inner roles than are looked at."""

    @property
    def in_words(self) -> str:
        """A sentence for operators."""
        if self.writing:
            first = ", ".join(f"{privilege} ({count})" for privilege, count in self.writing[:6])
            return f"the role {self.role} can write: {first}"
        more = "" if self.whole else " as far as its grants were read"
        return f"the role {self.role} can only read{more}"


async def read_grants(role: str, ask: Ask) -> Grants:
    """What the role, by its stored name, may do beyond reading; PUBLIC is in every role.

    Waits for nothing but ``ask``, and raises what it raises.
    """
    found: Counter[str] = Counter()
    waiting = [("ROLE", qualified(role)), ("ROLE", '"PUBLIC"')]
    seen = set(waiting)
    whole = True
    if role in POWERFUL:
        found[f"role {role}"] += 1
    at = 0
    while at < len(waiting):
        kind, name = waiting[at]
        at += 1
        if at > _MOST_ROLES:
            whole = False
            break
        rows = await ask(f"SHOW GRANTS TO {kind} {name}")
        whole = whole and len(rows) < MOST_ROWS
        for row in rows:
            privilege, on, target = (row.get(key, "") for key in ("privilege", "on", "name"))
            if on in _ROLES and privilege == "USAGE":
                inner = _inner(on, target)
                if target in POWERFUL:
                    found[f"role {target}"] += 1
                if inner not in seen:
                    seen.add(inner)
                    waiting.append(inner)
            elif privilege not in _READING or on in _RUNNING:
                found[privilege if privilege not in _READING else f"{privilege} of {on}"] += 1
    return Grants(role, tuple(found.most_common()), whole)


def _inner(on: str, target: str) -> tuple[str, str]:
    """The kind and the quoted name of a role in a role; a database's role has two parts."""
    if on == "ROLE":
        return "ROLE", qualified(folded(target))
    database, _, name = target.rpartition(".")
    parts = [folded(part) for part in (database, name) if part]
    return "DATABASE ROLE", qualified(*parts)
