"""What signs the texts that clients keep for the server: sessions, states, cursors, tasks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from snowflake_mcp.protocol.cursors import Cursors
from snowflake_mcp.protocol.inputs import RequestStates
from snowflake_mcp.protocol.sessions import SessionTokens
from snowflake_mcp.protocol.tasks import TaskTokens

__all__ = ["Signers"]

_PAGE: Final = 200
"""Entries of one page of a list."""


@dataclass(frozen=True, slots=True)
class Signers:
    """One key, and the time of day in seconds since the epoch."""

    sessions: SessionTokens
    states: RequestStates
    cursors: Cursors
    tasks: TaskTokens
    wall_clock: Callable[[], float]

    @classmethod
    def of(cls, key: bytes, session_ttl_s: float, wall_clock: Callable[[], float]) -> "Signers":
        """The signers of a key of at least 32 bytes."""
        return cls(
            SessionTokens(key, session_ttl_s, wall_clock),
            RequestStates(key, wall_clock),
            Cursors(key, _PAGE),
            TaskTokens(key),
            wall_clock,
        )
