"""Tool arguments that 2026-07-28 clients mirror into ``Mcp-Param-*`` headers.

Streamable HTTP, "Custom Headers from Tool Parameters": a tool marks a property of its input
schema with ``x-mcp-header``; header and argument must then agree, or the request is refused.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from snowflake_mcp.protocol.envelope import header_value
from snowflake_mcp.protocol.errors import HEADER_MISMATCH, McpError

__all__ = ["Mirrors", "check_parameter_headers"]

_ANNOTATION: Final = "x-mcp-header"
_PREFIX: Final = "Mcp-Param-"
_WHOLE = re.compile(r"(-?[0-9]{1,17})(?:\.0+)?")


_MAX_LISTS: Final = 64


class Mirrors:
    """Which tools have marked arguments, found out once for each list of tools; any one thread."""

    def __init__(self) -> None:
        # With the list itself, so that no other one can have its identity.
        self._found: dict[int, tuple[object, Mapping[object, Mapping[str, Any]]]] = {}

    def schema(self, tools: Sequence[Mapping[str, Any]], name: object) -> Mapping[str, Any] | None:
        """The input schema of a tool that has any; a list that changes is another object."""
        found = self._found.get(id(tools))
        if found is None:
            found = self._found[id(tools)] = tools, self._marked_of(tools)
        marked = found[1]
        # Most servers have none; and a name may be anything that JSON has.
        return marked.get(name) if marked and isinstance(name, str) else None

    def _marked_of(self, tools: Sequence[Mapping[str, Any]]) -> Mapping[object, Mapping[str, Any]]:
        if len(self._found) >= _MAX_LISTS:
            self._found.clear()
        return {
            tool["name"]: tool["inputSchema"]
            for tool in tools
            if any(_marked(tool["inputSchema"], ()))
        }


def check_parameter_headers(
    schema: Mapping[str, Any],
    arguments: Mapping[str, Any],
    headers: Callable[[str], Sequence[str]],
) -> None:
    """Compare the marked arguments with their headers; ``headers`` gives every value of a name.

    Raises:
        McpError: -32020: one is there without the other, twice, unreadable, or different.
    """
    for path, name, kind in _marked(schema, ()):
        sent = headers(_PREFIX + name)
        value = _at(arguments, path)
        if len(sent) > 1:
            raise _mismatch(name, "appears more than once")
        if value is None:
            if sent:
                raise _mismatch(name, "has no argument in the body")
        elif not sent:
            raise _mismatch(name, "is missing")
        elif not _agree(kind, value, header_value(sent[0])):
            raise _mismatch(name, "differs from the argument in the body")


def _marked(
    schema: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """The marked properties: their path, the header's name, their type."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    for name, inner in properties.items():
        if not isinstance(inner, dict):
            continue
        mark, kind = inner.get(_ANNOTATION), inner.get("type")
        if isinstance(mark, str) and isinstance(kind, str):
            yield (*path, name), mark, kind
        yield from _marked(inner, (*path, name))


def _at(arguments: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = arguments
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _agree(kind: str, value: object, sent: str | None) -> bool:
    if sent is None:
        return False
    if isinstance(value, bool):
        return sent == ("true" if value else "false")
    if kind == "integer" and isinstance(value, int | float):
        match = _WHOLE.fullmatch(sent)
        return match is not None and int(match[1]) == value
    return isinstance(value, str | int | float) and sent == str(value)


def _mismatch(name: str, what: str) -> McpError:
    return McpError(HEADER_MISMATCH, f"The header {_PREFIX}{name} {what}", status=400)
