"""What a connection says beside its login: the policy of its place, and its share of the pool."""

from dataclasses import dataclass
from typing import Final

from snowflake_mcp.config.ranges import number

__all__ = ["ALL_CAPABILITIES", "TIERS", "ConnectionPolicy", "ConnectionPool"]

ALL_CAPABILITIES: Final = "*"
TIERS: Final = ("read", "dml", "ddl", "admin")
"""Each holds those before it."""


@dataclass(frozen=True, slots=True)
class ConnectionPolicy:
    """A table ``[connections.NAME.policy]``: it narrows what callers may do there, never widens.

    Of what is said here and in the caller's own policy, the stricter counts.
    """

    tier: str = "admin"
    """How far statements may go here at most: ``read``, ``dml``, ``ddl`` or ``admin``."""
    capabilities: tuple[str, ...] = (ALL_CAPABILITIES,)
    """The capabilities that may count here; ``*``: all that the caller has."""
    confirm_writes: bool = False
    """A write here is sent only when the client's user has confirmed it, whoever calls."""
    allow_objects: tuple[str, ...] = ()
    """Patterns of what may be used here, beside the caller's own; none: all."""
    deny_objects: tuple[str, ...] = ()
    """Patterns of what may not be used here."""
    mask_columns: tuple[str, ...] = ()
    """Patterns of columns whose values nobody is shown here."""
    allow_roles: tuple[str, ...] = ()
    """Of the roles that a caller may choose, the ones that it may choose here; none: all."""
    allow_warehouses: tuple[str, ...] = ()
    """Likewise of the warehouses."""
    max_scan_partitions: int = number(0, 0, 1 << 40)
    """Micro-partitions that a query here may read; 0: without limit."""
    max_scan_bytes: int = number(0, 0, 1 << 60)
    """Bytes that a query here may read; 0: without limit."""


@dataclass(frozen=True, slots=True)
class ConnectionPool:
    """A table ``[connections.NAME.pool]``: its share of what all connections have together."""

    max_statements: int = number(0, 0, 256)
    """Statements running here at once; more wait in a line of their own; 0: as many as there are
    places."""
