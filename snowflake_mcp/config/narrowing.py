"""What counts for a caller on a connection that has a policy of its own: the stricter of both."""

from dataclasses import replace
from typing import Final

from snowflake_mcp.config.model import ConnectionSettings, PolicySettings, PrincipalSettings
from snowflake_mcp.config.places import ALL_CAPABILITIES, TIERS, ConnectionPolicy

__all__ = ["BOTH", "narrowed", "stands_at"]

BOTH: Final = " & "
"""Between two patterns of objects: what both fit. ``policy.objects.Pattern`` reads it."""
_OPEN: Final = ConnectionPolicy()


def narrowed(table: PrincipalSettings, connection: ConnectionSettings) -> PrincipalSettings:
    """The settings of a table as they count on this connection."""
    if connection.policy == _OPEN:
        return table
    return replace(table, policy=_policy(table.policy, connection.policy))


def stands_at(table: PrincipalSettings, connection: ConnectionSettings) -> PrincipalSettings:
    """The same on a connection that is not the table's own: with that one's role and warehouse."""
    return narrowed(replace(table, connection=connection.name, role="", warehouse=""), connection)


def _policy(own: PolicySettings, here: ConnectionPolicy) -> PolicySettings:
    granted = own.capabilities
    if ALL_CAPABILITIES not in here.capabilities:
        granted = tuple(each for each in granted if each in here.capabilities)
    return replace(
        own,
        tier=_lower(own.tier, here.tier),
        capabilities=granted,
        confirm_writes=own.confirm_writes or here.confirm_writes,
        allow_objects=_both(own.allow_objects, here.allow_objects),
        deny_objects=own.deny_objects + here.deny_objects,
        mask_columns=own.mask_columns + here.mask_columns,
        max_scan_partitions=_less(own.max_scan_partitions, here.max_scan_partitions),
        max_scan_bytes=_less(own.max_scan_bytes, here.max_scan_bytes),
    )


def _lower(own: str, here: str) -> str:
    # A word that is no tier is told of by whoever checks the section it stands in.
    word = own.strip().lower()
    return own if word not in TIERS else min(word, here, key=TIERS.index)


def _less(own: int, here: int) -> int:
    return min(own, here) if own and here else own or here


def _both(own: tuple[str, ...], here: tuple[str, ...]) -> tuple[str, ...]:
    if not own or not here:
        return own or here
    return tuple(f"{one}{BOTH}{other}" for one in own for other in here)
