"""Reads the tables ``[tools.NAME]`` of the configuration file, and says what does not fit."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.config.settings import Problems, apply
from snowflake_mcp.config.tools import TOOLSETS, TYPES, ParameterSettings, ToolSettings

__all__ = ["read_tools", "read_toolsets"]

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
"""What every client takes as the name of a tool."""
_PARAMETER: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TAKEN: Final = "tools"
"""Where REST lists tools."""
_NUMBERS: Final = ("integer", "number")
_TEXTS: Final = ("string", "identifier")
_NEEDED: Final = ("description", "sql")


def read_tools(tables: object, origin: str, problems: Problems) -> Mapping[str, ToolSettings]:
    """Every table, in the order of the file; what does not fit is noted."""
    if not isinstance(tables, dict):
        problems.add("tools", "must be tables: [tools.NAME]", origin)
        return MappingProxyType({})
    found = {}
    for name, table in tables.items():
        where = f"tools.{name}"
        if not _NAME.fullmatch(name):
            problems.add(where, "a name has 1 to 64 letters, digits, _ or -", origin)
        elif not isinstance(table, dict):
            problems.add(where, f"must be a table: [{where}]", origin)
        else:
            found[name] = _tool(name, table, origin, problems)
    return MappingProxyType(found)


def read_toolsets(tables: object, origin: str, problems: Problems) -> Mapping[str, tuple[str, ...]]:
    """The patterns of every table ``[toolsets.NAME]``, those that are built in among them."""
    found = dict(TOOLSETS)
    if not isinstance(tables, dict):
        problems.add("toolsets", "must be tables: [toolsets.NAME]", origin)
        return MappingProxyType(found)
    for name, table in tables.items():
        where = f"toolsets.{name}"
        patterns = table.get("tools") if isinstance(table, dict) else None
        if not _NAME.fullmatch(name):
            problems.add(where, "a name has 1 to 64 letters, digits, _ or -", origin)
        elif name == _TAKEN:
            problems.add(where, f"the path /mcp/{_TAKEN} is another's; take another name", origin)
        elif not isinstance(table, dict) or table.keys() != {"tools"}:
            problems.add(where, "must be a table with the one key tools", origin)
        elif not isinstance(patterns, list) or not patterns or not all(map(_is_text, patterns)):
            problems.add(f"{where}.tools", "must be a list of texts", origin)
        else:
            found[name] = tuple(patterns)
    return MappingProxyType(found)


def _tool(name: str, table: Mapping[str, Any], origin: str, problems: Problems) -> ToolSettings:
    where = f"tools.{name}"
    for key in _NEEDED:
        if not table.get(key):
            problems.add(f"{where}.{key}", "is missing", origin)
    given = {key: value for key, value in table.items() if key != "parameters"}
    if "name" in given:
        problems.add(f"{where}.name", "is not a setting", origin)
        del given["name"]
    parameters = table.get("parameters", {})
    if not isinstance(parameters, dict):
        problems.add(f"{where}.parameters", "must be tables", origin)
        parameters = {}
    made = tuple(
        parameter
        for each, said in parameters.items()
        if (parameter := _parameter(f"{where}.parameters.{each}", each, said, origin, problems))
    )
    base = ToolSettings(name=name, parameters=made)
    tool: ToolSettings = apply(where, base, given, origin, problems)
    return tool


def _parameter(
    where: str, name: str, table: object, origin: str, problems: Problems
) -> ParameterSettings | None:
    if not _PARAMETER.fullmatch(name):
        problems.add(where, "a name has 1 to 64 small letters, digits or _", origin)
        return None
    if not isinstance(table, dict):
        problems.add(where, f"must be a table: [{where}]", origin)
        return None
    known = {key: value for key, value in table.items() if key in _CHECKS}
    for key in table.keys() - _CHECKS.keys():
        problems.add(f"{where}.{key}", "is not a setting", origin)
    kind = known.get("type", "string")
    for key, value in known.items():
        for_types, fits, wanted = _CHECKS[key]
        if not fits(value):
            problems.add(f"{where}.{key}", f"must be {wanted}", origin)
            return None
        if for_types and kind not in for_types:
            problems.add(f"{where}.{key}", f"is not for the type {kind}", origin)
            return None
    if "enum" in known:
        known["enum"] = tuple(known["enum"])
    return ParameterSettings(name=name, **known)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float)


def _is_length(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _are_choices(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_scalar, value))


_CHECKS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Any], bool], str]]] = {
    "type": ((), lambda value: value in TYPES, f"one of {', '.join(TYPES)}"),
    "description": ((), _is_text, "a text"),
    "optional": ((), lambda value: isinstance(value, bool), "true or false"),
    "default": ((), _is_scalar, "a text, a number, true or false"),
    "enum": ((*_TEXTS, "integer"), _are_choices, "a list of texts or whole numbers"),
    "minimum": (_NUMBERS, _is_number, "a number"),
    "maximum": (_NUMBERS, _is_number, "a number"),
    "max_length": (_TEXTS, _is_length, "a whole number above 0"),
}
"""By key: the types that it is for (none: all), what fits, and that in words."""
