"""Reading the rows of SHOW and DESCRIBE, whose columns differ between kinds and releases."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from snowflake_mcp.warehouse.results import JsonValue

__all__ = ["Row", "flag", "text", "whole"]

Row: TypeAlias = Mapping[str, JsonValue]
"""Values by lower-case column name."""


def text(row: Row, name: str) -> str | None:
    """The column as text; ``None`` when it is absent, NULL or empty."""
    value = row.get(name)
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def whole(row: Row, name: str) -> int | None:
    """The column as a whole number; ``None`` when it is absent or none."""
    value = row.get(name)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def flag(row: Row, name: str) -> bool:
    """Whether the column says yes: ``true``, "true", "Y" or "YES"."""
    value = row.get(name)
    return value is True or (isinstance(value, str) and value.upper() in ("TRUE", "Y", "YES"))
