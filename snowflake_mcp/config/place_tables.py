"""Reads what a table ``[connections.NAME]`` of our own file says beside a login."""

from collections.abc import Mapping
from typing import Any, Final

from snowflake_mcp.config.places import TIERS, ConnectionPolicy, ConnectionPool
from snowflake_mcp.config.settings import Problems, apply

__all__ = ["PLACE_KEYS", "read_place"]

_PARTS: Final = {"policy": ConnectionPolicy(), "pool": ConnectionPool()}
PLACE_KEYS: Final = frozenset({*_PARTS, "description"})
"""Keys that are ours, and no parameter of a login."""


def read_place(
    where: str, table: Mapping[str, Any], origin: str, problems: Problems
) -> dict[str, Any]:
    """Members of ``ConnectionSettings`` that the table says; what does not fit is noted."""
    found: dict[str, Any] = {}
    description = table.get("description", "")
    if not isinstance(description, str):
        problems.add(f"{where}.description", "must be a text", origin)
    elif description:
        found["description"] = description.strip()
    for part, defaults in _PARTS.items():
        said = table.get(part, {})
        if not isinstance(said, dict):
            problems.add(f"{where}.{part}", "must be a table", origin)
        elif said:
            found[part] = apply(f"{where}.{part}", defaults, said, origin, problems)
    tier = found["policy"].tier if "policy" in found else TIERS[0]
    if tier not in TIERS:
        known = ", ".join(TIERS)
        problems.add(f"{where}.policy.tier", f"{tier!r} is none of {known}", origin)
        del found["policy"]
    return found
