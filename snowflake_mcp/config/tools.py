"""The tables ``[tools.NAME]``: tools that an operator writes, each one SQL statement."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from snowflake_mcp.config.ranges import number

__all__ = ["COMPACT", "TOOLSETS", "TYPES", "ParameterSettings", "Scalar", "ToolSettings"]

Scalar: TypeAlias = str | int | float | bool
"""What a parameter may be given, and what a default or a choice of it is."""

COMPACT: Final = "compact"
"""The set of tools that is always there."""

TOOLSETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        COMPACT: (
            "search_objects",
            "describe_table",
            "execute_query",
            "get_query_status",
            "fetch_results",
        )
    }
)
"""Patterns by name; a table of the configuration of the same name goes over it."""

TYPES: Final = ("string", "integer", "number", "boolean", "date", "timestamp", "identifier")
"""What a parameter may be."""


@dataclass(frozen=True, slots=True)
class ParameterSettings:
    """A table ``[tools.NAME.parameters.PARAMETER]``: one argument of a tool."""

    name: str = ""
    type: str = "string"
    """One of ``TYPES``."""
    description: str = ""
    """What the model reads of it."""
    optional: bool = False
    """Whether it may be left out; without a default it is then NULL."""
    default: Scalar | None = None
    """What counts when it is left out."""
    enum: tuple[Scalar, ...] = ()
    """The only values that it takes; none: any."""
    minimum: int | float | None = None
    """Of a number."""
    maximum: int | float | None = None
    """Of a number."""
    max_length: int | None = None
    """Of a text, in characters."""

    @property
    def may_be_left_out(self) -> bool:
        """Whether a call without it is complete."""
        return self.optional or self.default is not None


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """A table ``[tools.NAME]``."""

    name: str = ""
    title: str = ""
    """For people; empty: made of the name."""
    description: str = ""
    """What the model reads: when to use it, and what comes back."""
    sql: str = ""
    """One statement that reads, with ``{parameter}`` where a value goes."""
    database: str = ""
    """Where unqualified names are looked for; empty: the connection's."""
    schema: str = ""
    """Likewise."""
    connection: str = ""
    """The Snowflake connection that answers it, whoever calls; empty: the caller's."""
    role: str = ""
    """The Snowflake role that it runs as, whoever calls; empty: the one that counts there."""
    warehouse: str = ""
    """The Snowflake warehouse that it runs in; empty: the one that counts there."""
    cache_s: float = number(0.0, 0, 86400)
    """How long a result is kept for the next call with the same arguments; 0: not at all."""
    max_rows: int = number(0, 0, 1_000_000)
    """Rows of an answer, at most ``limits.max_rows``; 0: ``limits.default_rows``."""
    timeout_s: float = number(0.0, 0, 86400)
    """A statement running longer is aborted; 0: ``limits.statement_timeout_s``, which it cannot
    exceed."""
    parameters: tuple[ParameterSettings, ...] = ()
    """In the order of the file."""
