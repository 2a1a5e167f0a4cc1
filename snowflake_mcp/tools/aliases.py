"""Names of another server for tools and arguments of this one, and the way from those to these."""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.tools.checking import got
from snowflake_mcp.warehouse.visible import plain

__all__ = ["Alias", "Into", "Theirs", "fixed", "plainly", "same"]

Into = Callable[[Any], Mapping[str, Any]]
"""From the value of one of their arguments to arguments of ours.

It may raise ValueError with what was expected instead.
"""


@dataclass(frozen=True, slots=True)
class Theirs:
    """An argument as the other server has it."""

    name: str
    into: Into
    like: str = ""
    """The argument of ours whose schema it has; empty: ``schema``."""
    schema: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    required: bool = False


def same(name: str, ours: str = "", *, required: bool = False) -> Theirs:
    """The same thing by another name."""
    return Theirs(name, lambda value: {ours or name: value}, ours or name, required=required)


def fixed(name: str, only: object, instead: str) -> Theirs:
    """An argument that has one value here; what the others would be is told in ``instead``."""

    def into(value: object) -> Mapping[str, Any]:
        if value != only:
            raise ValueError(f"expected {json.dumps(only)}, got {got(value)}. {instead}")
        return {}

    return Theirs(name, into, schema={"const": only})


@dataclass(frozen=True, slots=True)
class Alias:
    """A tool of another server, served by one of ours.

    Where both have one name, a call counts as theirs when it has an argument that ours has not.
    """

    name: str
    tool: str
    """Ours."""
    arguments: tuple[Theirs, ...]
    always: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Arguments of ours that their tool means without saying so."""
    counts: Callable[[Mapping[str, Any]], bool] = lambda _: False
    """Of a tool with our name: whether a call with our arguments alone is theirs all the same."""

    @property
    def shared(self) -> bool:
        """Whether the tool has the same name here."""
        return self.name == self.tool

    def means(self, given: Mapping[str, Any], ours: Sequence[str]) -> bool:
        """Whether a call with these arguments is one of theirs; ``ours`` are our arguments."""
        if not self.shared:
            return True
        foreign = {each.name for each in self.arguments} - set(ours)
        return bool(foreign & given.keys()) or self.counts(given)

    def translated(self, given: Mapping[str, Any], ours: Sequence[str]) -> dict[str, Any]:
        """Our arguments for theirs; where the name is shared, ours may stand among them.

        Raises:
            ToolFailure: an argument is unknown, missing, said twice, or cannot be translated.
        """
        known = {each.name: each for each in self.arguments}
        made: dict[str, Any] = dict(self.always)
        for name, value in given.items():
            if name not in known and not (self.shared and name in ours):
                close = difflib.get_close_matches(name[:64], known, n=1)
                meant = f" Did you mean {close[0]}?" if close else ""
                raise self._failure(f"{plain(name, 64)}: {self.name} has no such argument.{meant}")
            if value is None:
                continue
            try:
                said = known[name].into(value) if name in known else {name: value}
            except ValueError as problem:
                raise self._failure(f"{name}: {problem}") from None
            if twice := said.keys() & made.keys():
                raise self._failure(f"{name}: it means {min(twice)}, which is given already.")
            made |= said
        for each in self.arguments:
            if each.required and given.get(each.name) is None and not self._covered(each, made):
                raise self._failure(f"{each.name}: this argument is required.")
        return made

    def described(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        """The tool of ours in wire form as the list shows it under this name."""
        schema = tool["inputSchema"]
        ours = schema["properties"]
        theirs = {
            each.name: ours[each.like] if each.like else each.schema for each in self.arguments
        }
        needed = [each.name for each in self.arguments if each.required]
        if self.shared:
            # Neither's own arguments may be demanded of those who use the other's.
            both = {each.name for each in self.arguments if not each.like} & ours.keys()
            theirs = {**theirs, **ours, **{n: {"anyOf": [ours[n], theirs[n]]} for n in both}}
            needed = [name for name in schema.get("required", ()) if name in needed]
            return {**tool, "inputSchema": _schema(schema, theirs, needed)}
        return {
            **tool,
            "name": self.name,
            "description": f"Alias of {self.tool}. {tool['description']}",
            "inputSchema": _schema(schema, theirs, needed),
        }

    def _covered(self, each: Theirs, made: Mapping[str, Any]) -> bool:
        """Whether ours was given in the place of one of theirs."""
        return self.shared and each.like in made

    def _failure(self, message: str) -> ToolFailure:
        names = [
            each.name if each.required else f"{each.name} (optional)" for each in self.arguments
        ]
        return ToolFailure(
            Family.INVALID_ARGUMENT,
            message,
            f"Arguments of {self.name}, which {self.tool} serves here: {', '.join(names)}.",
        )


def plainly(value: Any) -> Mapping[str, Any]:
    """An object that may come as the JSON text of one, as models send it.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("expected an object, got a text that is no JSON.") from None
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {got(value)}.")
    return value


def _schema(
    schema: Mapping[str, Any], properties: Mapping[str, Any], needed: Sequence[str]
) -> dict[str, Any]:
    kept: Final = {name: member for name, member in schema.items() if name != "required"}
    return {
        **kept,
        "properties": dict(properties),
        **({"required": list(needed)} if needed else {}),
    }
