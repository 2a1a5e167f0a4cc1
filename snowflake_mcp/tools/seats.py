"""The arguments that choose where in Snowflake a call runs: connection, role and warehouse."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.tools.names import stored
from snowflake_mcp.warehouse.choices import Choices
from snowflake_mcp.warehouse.visible import plain
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["BROWSING", "HERE", "READING", "described", "parted"]

HERE: Final = ("connection",)
"""Of a tool that asks what no role and no warehouse has a part in."""
BROWSING: Final = ("connection", "role")
"""Of a tool that reads the catalog, for which no warehouse wakes."""
READING: Final = ("connection", "role", "warehouse")
"""Of a tool that reads data."""
_MOST_DESCRIBED: Final = 300


def described(seats: Iterable[str], choices: Choices, *, in_words: bool) -> dict[str, Any]:
    """The schema of each of these arguments of which the caller has a choice.

    ``in_words``: with what the operator says of the connections.
    """
    found: dict[str, Any] = {}
    for kind in seats:
        if names := choices.names(kind):
            found[kind] = {"type": "string", "enum": list(names)}
            words = _words(choices) if kind == "connection" and in_words else ""
            if words:
                found[kind]["description"] = words
    return found


def parted(
    seats: Iterable[str], choices: Choices, arguments: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Wish]:
    """The arguments without those of the seat, and what these ask for.

    An argument of which the caller has no choice stays where it is, as any that is unknown.

    Raises:
        ToolFailure: it may not be chosen; the failure names what may.
    """
    # Most calls ask for nothing of it.
    if arguments.keys().isdisjoint(seats):
        return arguments, NO_WISH
    kinds = [kind for kind in seats if kind in arguments and choices.names(kind)]
    if not kinds:
        return arguments, NO_WISH
    given = {kind: arguments[kind] for kind in kinds if arguments[kind] is not None}
    for kind, text in given.items():
        if not isinstance(text, str) or not text:
            raise ToolFailure(
                Family.INVALID_ARGUMENT,
                f"{kind}: expected one of {', '.join(choices.names(kind))}.",
                f"Leave {kind} out for the caller's own.",
            )
    wish = Wish(
        given.get("connection", ""),
        stored(given["role"], "role") if "role" in given else "",
        stored(given["warehouse"], "warehouse") if "warehouse" in given else "",
    )
    rest = {name: value for name, value in arguments.items() if name not in kinds}
    return rest, choices.checked(wish)


def _words(choices: Choices) -> str:
    told = [f"{place.name}: {place.description}" for place in choices.places if place.description]
    return plain("; ".join(told), _MOST_DESCRIBED)
