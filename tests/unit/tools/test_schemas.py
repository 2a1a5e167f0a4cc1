"""JSON Schemas from types: inlined, compact, and true."""

from typing import Annotated, Any, Literal

import msgspec

from snowflake_mcp.tools.schemas import schema_of


class Inner(msgspec.Struct, omit_defaults=True):
    """An item with one part that may be left out."""

    name: str
    note: str | None = None


class Outer(msgspec.Struct, kw_only=True):
    """An answer with one of each."""

    items: list[Inner]
    rows: list[list[Any]]
    why: Literal["b", "a"] | None
    next_step: str | None
    size: Annotated[int, msgspec.Meta(ge=1, description="how many")] | None = None


def test_types_become_compact_schemas() -> None:
    """References are resolved; null is kept only where a field is always there."""
    assert schema_of(Outer) == {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "note": {"type": "string"}},
                    "required": ["name"],
                },
            },
            "rows": {"type": "array", "items": {"type": "array"}},
            "why": {"enum": ["a", "b", None]},
            "next_step": {"type": ["string", "null"]},
            "size": {"type": "integer", "minimum": 1, "description": "how many"},
        },
        "required": ["items", "rows", "why", "next_step"],
    }


def test_closed_types_stay_closed() -> None:
    """Arguments that forbid unknown names say so; nothing required needs no list."""

    class Closed(msgspec.Struct, forbid_unknown_fields=True):
        flag: bool = False

    assert schema_of(Closed) == {
        "type": "object",
        "properties": {"flag": {"type": "boolean"}},
        "additionalProperties": False,
    }
