"""What a caller is told whose hour or day is used up."""

from snowflake_mcp.policy.ledger import Spent
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.tools.backing import Backing

__all__ = ["used_up"]


def used_up(spent: Spent, backing: Backing, *, by_this_query: bool = False) -> ToolFailure:
    """The failure of a statement that is not sent, with the time when it could be."""
    what = "does not suffice for this query" if by_this_query else "is used up"
    less = "Read less, or go on" if by_this_query else "Go on"
    return ToolFailure(
        Family.LIMIT,
        f"{spent.whose} allowance {what}: {spent.text}.",
        f"{less} after {spent.until}, or ask the operator; the setting is "
        f"{backing.setting(spent.setting)}.",
        # A query that is larger than a whole allowance never fits, however long one waits.
        retryable=not by_this_query,
        details={"limit": spent.setting}
        if by_this_query
        else {"limit": spent.setting, "retry_after_s": spent.retry_after_s},
    )
