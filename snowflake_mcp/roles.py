"""Which Snowflake roles are checked for what they may do: those whose callers only read."""

from collections.abc import Sequence
from typing import Final

from snowflake_mcp.config.model import Config
from snowflake_mcp.policy.tiers import Tier, tier_named
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.grants import PRINCIPAL, GrantCheck, GrantChecks, Statements
from snowflake_mcp.warehouse.wishes import NO_WISH

__all__ = ["check_roles", "choice_problems"]

_REFUSE: Final = "refuse"
_IGNORE: Final = "ignore"
_CHOICES: Final = ("warn", _REFUSE, _IGNORE)


def choice_problems(config: Config) -> Sequence[str]:
    """A setting that has no such value, one line for each."""
    choice = config.policy.on_writable_role
    if choice in _CHOICES:
        return ()
    return (f"policy.on_writable_role: {choice!r} is none of {', '.join(_CHOICES)}",)


def check_roles(
    checks: GrantChecks, config: Config, accounts: Accounts, statements: Statements
) -> None:
    """Have every role checked whose callers only read, where the settings ask for it.

    ``accounts`` have the same configuration.
    """
    choice = config.policy.on_writable_role
    found: dict[tuple[str, str | None], GrantCheck] = {}
    own = None
    if not config.is_demo and choice != _IGNORE:
        for profile in ("", *config.principals):
            for wish in accounts.seats(profile):
                seat = accounts.seat(Principal(PRINCIPAL, profile), wish)
                server = not profile and wish == NO_WISH
                # A login that needs a person waits until somebody asks for something.
                if not server and seat.settings.asks_somebody:
                    continue
                if tier_named(accounts.tier(profile, wish)) is Tier.READ:
                    check = GrantCheck(statements, seat.known_role, profile, seat.connection, wish)
                    first = found.setdefault((seat.connection, seat.known_role), check)
                    own = first if server else own
    others = [check for check in found.values() if check is not own]
    checks.take(own, others, refuse=choice == _REFUSE)
