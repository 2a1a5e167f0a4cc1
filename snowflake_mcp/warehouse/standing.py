"""How a statement stands, in the words that callers read."""

from dataclasses import dataclass
from typing import Final, Literal

from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["ENDED", "Running", "Standing", "State", "StillRunningError"]

State = Literal[
    "queued", "resuming warehouse", "running", "success", "failed", "cancelled", "unknown"
]
"""``unknown``: Snowflake does not say, or not yet."""

ENDED: Final[frozenset[State]] = frozenset({"success", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Standing:
    """A statement at one moment."""

    query_id: str
    state: State
    elapsed_s: float | None = None
    """From admission to now, or to its end; ``None`` where another process ran it."""
    failure: ToolFailure | None = None
    """Why it failed."""
    kept_rows: int | None = None
    """The most rows that Snowflake was told to keep of its result (ROWS_PER_RESULTSET)."""
    wish: Wish = NO_WISH
    """Where it ran, as far as that is not its owner's own seat."""

    @property
    def ended(self) -> bool:
        """Whether this is how it will stay."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Running:
    """A statement that has its thread, as operators see it; never its text."""

    request_id: str
    """The request that it belongs to; empty for what the server asks on its own account."""
    principal: str
    tool: str
    """Or the method, where no tool is called."""
    client: str
    connection: str
    """Its name in the configuration; empty while there is no session."""
    status: str
    """``connecting``, ``running`` or ``reading``."""
    query_id: str | None
    elapsed_s: float
    handed_over: bool
    """Whether its caller has gone with the handle."""


class StillRunningError(Exception):
    """The caller has waited long enough: it gets the handle, and the statement goes on."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing.query_id)
        self.standing = standing
