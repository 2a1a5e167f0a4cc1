"""A logged-in connection, and what has to agree before a statement may have it."""

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

__all__ = ["NOBODY", "Key", "Session"]

NOBODY: Final = ""
"""The principal of a session on which no statement has ever run; anybody may adopt it."""


class Key(NamedTuple):
    """What must agree before a session may serve a statement.

    The principal is a part of it: results and session state of one caller never meet another.
    """

    account: str
    principal: str
    role: str | None = None
    warehouse: str | None = None
    database: str | None = None
    schema: str | None = None

    @property
    def fresh(self) -> "Key":
        """The same without an owner."""
        return self._replace(principal=NOBODY)


@dataclass(eq=False, slots=True)
class Session:
    """A logged-in connection; whoever holds it has it alone."""

    connection: Any
    """The driver's; only worker threads touch it."""
    key: Key
    opened_at: float
    expires_at: float
    """When it has had its time and is not leased any more."""
    generation: int
    """Which credentials it logged in with; older than the pool's means that they were changed."""
    used_at: float = field(default=0.0)
    """When it last came back from a statement that Snowflake answered."""
    unfinished: str | None = None
    """A statement that may still run on it, to be aborted before the session is closed."""
