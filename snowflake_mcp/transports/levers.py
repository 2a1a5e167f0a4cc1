"""What the admin surface needs of the server behind it."""

from typing import Any, Protocol

from snowflake_mcp.auth.caller import Caller
from snowflake_mcp.transports.exchange import Exchange

__all__ = ["AdminSource", "Answer"]

Answer = dict[str, Any]
"""What becomes the body of an answer."""


class AdminSource(Protocol):
    """What stands behind the surface; implemented by the composition root.

    Reactor thread only. Whatever does not find what it was told to end raises ``LookupError``;
    a value that cannot be used raises ``ValueError`` with a sentence for the operator.
    """

    @property
    def exists(self) -> bool:
        """Whether anybody has the right; without, the description does not mention it."""

    def may(self, caller: Caller, peer: str) -> bool:
        """Whether this caller, at this address, has the right now."""

    def may_go_on(self) -> bool:
        """Whether anything may be done now, as far as its record is concerned."""

    def record(self, exchange: Exchange, action: str, subject: str, outcome: str) -> None:
        """Put a call into the audit."""

    async def overview(self) -> Answer:
        """Everything that the status page shows."""

    def statements(self) -> Answer:
        """What runs, of all principals; never the text of a statement."""

    def kill(self, request_id: str) -> Answer:
        """Stop a call and abort its statement in Snowflake."""

    def sessions(self) -> Answer:
        """Who is connected."""

    def end_session(self, session_id: str) -> Answer:
        """End a session: what runs in it stops."""

    def doors(self) -> Answer:
        """Whether the server drains or is in maintenance."""

    def drain(self, active: bool) -> Answer:
        """Be not ready and refuse new tool calls, or no more."""

    def maintain(self, message: str | None) -> Answer:
        """Refuse new tool calls with a message, or no more."""

    def reset_pool(self) -> Answer:
        """Close idle Snowflake sessions, and let a login be tried at once."""

    def reload(self) -> Answer:
        """Read the configuration again, as at SIGHUP."""

    def breakers(self) -> list[Answer]:
        """The breaker of each Snowflake connection in use."""

    def reset_breakers(self) -> Answer:
        """Let all statements try again."""

    def audit(self, last: int) -> Answer:
        """The last records of the audit, oldest first, without the text of statements."""

    def profiles(self) -> list[str]:
        """The names of the principals' tables."""

    def profile(self, name: str) -> Answer:
        """The settings that count for a principal's table now; secrets do not show."""
