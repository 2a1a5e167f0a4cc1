"""What every answer of a tool has to be, and what two answers have to have in common."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]  # it has no types

from snowflake_mcp.tools.wording import DEMO_LINE

__all__ = ["COMMON", "Answer", "alike", "conforms", "refusal"]

COMMON: Final = frozenset({"query_id", "elapsed_ms"})
"""Members of every answer that are another one's with every call."""
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TOOK: Final = re.compile(r"\b\d+(\.\d+)? (ms|s)\b")
_NOW: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever it came through."""

    text: str
    structured: Mapping[str, Any] | None
    family: str | None = None


def conforms(structured: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """The structured content is what the tool's output schema describes, and all of it."""
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(structured, schema, jsonschema.Draft202012Validator)
    assert set(schema["properties"]) <= set(structured)


def _told(value: Any, varies: frozenset[str] = frozenset()) -> Any:
    """The same without ids and times, which are another one's with every call."""
    if isinstance(value, dict):
        return {
            name: _told(member, varies)
            for name, member in value.items()
            if name not in COMMON | varies
        }
    if isinstance(value, list):
        return [_told(member, varies) for member in value]
    if isinstance(value, str):
        return _NOW.sub("TIME", _TOOK.sub("SOME TIME", _ID.sub("ID", value)))
    return value


def alike(answer: Answer, varies: frozenset[str]) -> tuple[str, Any]:
    """What two good answers to the same call have to have in common."""
    return "" if varies else _told(answer.text), _told(answer.structured, varies)


def refusal(text: str) -> str:
    """What failed and what to do next; REST has what stands behind in members of its own."""
    lines = [line for line in text.split("\n") if line != DEMO_LINE]
    return "\n".join(_told(line) for line in lines if not line.startswith("Query "))
