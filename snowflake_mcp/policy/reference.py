"""One mention of an object, and how much of the catalog it reaches."""

from enum import IntEnum
from typing import NamedTuple

from snowflake_mcp.policy.tokens import Token

__all__ = ["Level", "Reference", "unknown"]


class Level(IntEnum):
    """What a reference reaches; of all but OBJECT it is the whole content."""

    UNKNOWN = -1
    """What it means cannot be read from the text."""
    ACCOUNT = 0
    DATABASE = 1
    SCHEMA = 2
    OBJECT = 3


class Reference(NamedTuple):
    """A mention; ``path`` has as many parts as the text says, as they are stored."""

    level: Level
    path: tuple[str, ...]
    token: Token
    """Where it is told."""
    is_table: bool = False
    """It is a table, a view, or whatever else FROM names."""


def unknown(token: Token) -> Reference:
    """A mention of what cannot be known."""
    return Reference(Level.UNKNOWN, (), token)
