"""A call's arguments against the tool's type, and a failure that says how to mend them."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.tools.arguments import Arguments
from snowflake_mcp.tools.base import Tool
from snowflake_mcp.tools.schemas import schema_of
from snowflake_mcp.warehouse.visible import plain

__all__ = ["checked", "got"]

ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)

_AT: Final = re.compile(r"(?P<problem>.*) - at `\$\.(?P<name>[a-z0-9_]+)(?:\[\d+\])?`", re.DOTALL)
_NAMED: Final = re.compile(r"Object (?:missing required|contains unknown) field `(?P<name>.*)`")
_EXPECTED: Final = re.compile(r"Expected `(?P<type>\w+)(?: \| null)?`(?P<rest>[^,]*)")

_CHOICE: Final = "Invalid enum value"

_TYPES: Final = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "array": "an array of strings",
}


def checked(tool: Tool[ArgumentsT], arguments: Mapping[str, Any]) -> ArgumentsT:
    """The arguments as the tool takes them; ``10.0`` passes for the integer 10.

    Raises:
        ToolFailure: an argument is missing, unknown or of the wrong kind.
    """
    if float in map(type, arguments.values()):
        whole = {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in arguments.items()
        }
    else:
        whole = dict(arguments)
    try:
        return msgspec.convert(whole, tool.arguments)
    except msgspec.ValidationError as problem:
        message = _explained(str(problem), tool, arguments)
        raise ToolFailure(Family.INVALID_ARGUMENT, message, _signature(tool)) from problem


def _explained(problem: str, tool: Tool[ArgumentsT], arguments: Mapping[str, Any]) -> str:
    placed = _AT.fullmatch(problem)
    if placed is not None:
        name = placed["name"]
        expected = _EXPECTED.match(placed["problem"])
        wanted = (
            _TYPES.get(expected["type"], expected["type"]) + expected["rest"] if expected else ""
        )
        if problem.startswith(_CHOICE):
            wanted = f"one of {', '.join(_choices(tool, name))}"
        return f"{name}: expected {wanted.strip()}, got {got(arguments.get(name))}."
    named = _NAMED.fullmatch(problem)
    if named is None:
        return f"{tool.name}: {plain(problem)}."
    name = named["name"]
    if problem.startswith("Object missing"):
        return f"{name}: this argument is required."
    known = msgspec.structs.fields(tool.arguments)
    close = difflib.get_close_matches(name[:64], [field.name for field in known], n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"{plain(name, 64)}: {tool.name} has no such argument.{meant}"


def _choices(tool: Tool[ArgumentsT], name: str) -> list[str]:
    """The only values that an argument takes, as its schema lists them."""
    choices = schema_of(tool.arguments)["properties"][name].get("enum", ())
    return [str(choice) for choice in choices if choice is not None]


def got(value: object) -> str:
    """A value of a caller, for the caller: its kind, and as much of it as helps."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"{value:.15g}" if abs(value) < 1e15 else "a number out of range"
    if isinstance(value, str):
        return f"the string '{plain(value, 60)}'"
    return "an array" if isinstance(value, (list, tuple)) else "an object"


def _signature(tool: Tool[ArgumentsT]) -> str:
    fields = msgspec.structs.fields(tool.arguments)
    names = [field.name if field.required else f"{field.name} (optional)" for field in fields]
    return f"Arguments of {tool.name}: {', '.join(names)}."
