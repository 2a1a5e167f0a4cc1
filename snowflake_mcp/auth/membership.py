"""To which table of principals a caller belongs, by what a credential proves of it.

The rule: the tables are asked in the order of the file, the first that fits counts, and where none
fits the caller is not let in. A static token names its table. A certificate fits a table whose
``certificates`` match its name. A user of the OAuth provider or of a trusted proxy fits a table
that says at least one of ``subjects``, ``scopes`` and ``groups``, when everything it says holds:
the name matches one of the subjects, the token has all of the scopes, the user has one of the
groups.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from snowflake_mcp.auth.caller import Evidence, Unidentified
from snowflake_mcp.config.model import PrincipalSettings
from snowflake_mcp.protocol.principal import LOCAL, Principal

__all__ = ["Scopes", "principal_of"]

_PREFIXES: Final[Mapping[str, str]] = {"certificate": "cert:", "proxy": "proxy:"}
"""So that equal names that different authorities gave are different callers."""


def principal_of(evidence: Evidence, tables: Mapping[str, PrincipalSettings]) -> Principal:
    """Who that is.

    Raises:
        Unidentified: 403, the caller belongs to no table (any more).
    """
    if evidence.method == "token":
        if evidence.profile in tables and evidence.profile != LOCAL.name:
            # That name is taken by callers without a credential.
            return Principal(evidence.profile, evidence.profile)
    else:
        for name, table in tables.items():
            if _belongs(evidence, table):
                prefix = _PREFIXES.get(evidence.method, "")
                return Principal(f"{name}/{prefix}{evidence.subject}", name)
    raise Unidentified(
        403,
        "no_profile",
        "The caller is known, but belongs to none of this server's principals.",
        outcome="no_profile",
    )


def _belongs(evidence: Evidence, table: PrincipalSettings) -> bool:
    if evidence.method == "certificate":
        return _any_matches([evidence.subject], table.certificates)
    if not (table.subjects or table.scopes or table.groups):
        return False
    return (
        (not table.subjects or _any_matches([evidence.subject], table.subjects))
        and evidence.scopes.issuperset(table.scopes)
        and (not table.groups or _any_matches(evidence.groups, table.groups))
    )


def _any_matches(names: Iterable[str], patterns: Iterable[str]) -> bool:
    found = [_compiled(pattern) for pattern in patterns]
    return any(pattern.fullmatch(name) for name in names for pattern in found)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern with ``*`` and ``?``; everything else stands for itself, case and all."""
    parts = ({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.compile("".join(parts), re.DOTALL)


class Scopes:
    """Which scopes include which: ``BROAD=NARROW`` each, followed to the end."""

    def __init__(self, implied: Iterable[str]) -> None:
        """Take the setting ``oauth.implied_scopes``.

        Raises:
            ValueError: an entry is not of that form.
        """
        self._narrower: dict[str, set[str]] = {}
        for entry in implied:
            broad, equals, narrow = (part.strip() for part in entry.partition("="))
            if not (broad and equals and narrow):
                raise ValueError(f"oauth.implied_scopes: {entry!r} is not BROAD=NARROW")
            self._narrower.setdefault(broad, set()).add(narrow)

    def of(self, granted: Iterable[str]) -> frozenset[str]:
        """The granted scopes and all that they include."""
        found: set[str] = set()
        left = list(granted)
        while left:
            scope = left.pop()
            if scope not in found:
                found.add(scope)
                left.extend(self._narrower.get(scope, ()))
        return frozenset(found)
