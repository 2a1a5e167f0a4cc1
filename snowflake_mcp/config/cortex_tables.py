"""Reads the tables ``[cortex.FAMILY.NAME]`` of the configuration file."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.config.cortex import CORTEX_FAMILIES, CortexService
from snowflake_mcp.config.settings import Problems, apply

__all__ = ["read_cortex"]

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "search": ("description", "database", "schema", "service"),
    "analyst": ("description",),
    "agents": ("description", "database", "schema", "agent"),
}


def read_cortex(tables: object, origin: str, problems: Problems) -> Mapping[str, CortexService]:
    """Every service by ``FAMILY.NAME``, in the order of the file; what does not fit is noted."""
    found: dict[str, CortexService] = {}
    if not isinstance(tables, dict):
        # That the section is no table is told where sections are read.
        return MappingProxyType(found)
    for family, kind in CORTEX_FAMILIES.items():
        members = tables.get(family, {})
        if not isinstance(members, dict):
            problems.add(f"cortex.{family}", f"must be tables: [cortex.{family}.NAME]", origin)
            continue
        for name, table in members.items():
            where = f"cortex.{family}.{name}"
            if not _NAME.fullmatch(name):
                problems.add(where, "a name has 1 to 64 letters, digits, _ or -", origin)
            elif not isinstance(table, dict):
                problems.add(where, f"must be a table: [{where}]", origin)
            else:
                found[f"{family}.{name}"] = _service(
                    family, kind(name=name), table, where, origin, problems
                )
    return MappingProxyType(found)


def _service(
    family: str,
    base: CortexService,
    table: Mapping[str, Any],
    where: str,
    origin: str,
    problems: Problems,
) -> CortexService:
    for key in _NEEDED[family]:
        if not table.get(key):
            problems.add(f"{where}.{key}", "is missing", origin)
    if "name" in table:
        problems.add(f"{where}.name", "is not a setting", origin)
    if family == "analyst" and bool(table.get("semantic_view")) is bool(
        table.get("semantic_model_file")
    ):
        problems.add(where, "needs semantic_view or semantic_model_file, and not both", origin)
    given = {key: value for key, value in table.items() if key != "name"}
    made: CortexService = apply(where, base, given, origin, problems)
    return made
