"""JSON Schemas made from the argument and answer types, compact and without references."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

__all__ = ["schema_of"]

_REFERENCE: Final = "#/$defs/"


def schema_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a type, every reference replaced by what it names.

    A field that may be left out is described without its ``null``: answers leave it out then,
    and callers need not know that ``null`` is taken for "absent". Titles, defaults and empty
    lists are left out too: each costs every client tokens and says nothing.
    """
    (top,), parts = msgspec.json.schema_components([struct], ref_template=_REFERENCE + "{name}")
    return _compact(top, parts)


def _compact(node: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return _compact(parts[node["$ref"].removeprefix(_REFERENCE)], parts)
    if "properties" in node:
        return _object(node, parts)
    made: dict[str, Any] = {}
    for key, value in node.items():
        if key == "items":
            made[key] = _compact(value, parts)
        elif key == "anyOf":
            made.update(_nullable(value, parts))
        elif key != "default":
            made[key] = value
    return made


def _object(node: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    required = node["required"]
    properties = {}
    for name, member in node["properties"].items():
        made = _compact(member, parts)
        if name not in required and isinstance(made.get("type"), list):
            made["type"] = made["type"][0]
        properties[name] = made
    whole: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        whole["required"] = required
    if "additionalProperties" in node:
        whole["additionalProperties"] = node["additionalProperties"]
    return whole


def _nullable(choices: list[Mapping[str, Any]], parts: Mapping[str, Any]) -> dict[str, Any]:
    """``X | None`` as one schema; the types here have no other unions."""
    (chosen,) = (choice for choice in choices if choice.get("type") != "null")
    made = _compact(chosen, parts)
    if "enum" in made:
        return {"enum": [*made["enum"], None]}
    return {**made, "type": [made["type"], "null"]}
