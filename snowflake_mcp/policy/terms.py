"""What the operator's settings and the caller's circumstances say to the gate."""

from typing import Final

import msgspec

from snowflake_mcp.policy.columns import ColumnPatterns, columns_like
from snowflake_mcp.policy.objects import ObjectRules, rules_about
from snowflake_mcp.policy.rules import CAPABILITIES
from snowflake_mcp.policy.tiers import Tier

__all__ = ["NOWHERE", "Situation", "Terms"]


class Situation(msgspec.Struct, frozen=True):
    """What one judgement depends on beside the text and the terms; names are as stored."""

    database: str | None = None
    """Where unqualified names are looked for; ``None`` when that is not known."""
    schema: str | None = None
    tier: Tier = Tier.READ
    """How far the caller may go."""


NOWHERE: Final = Situation()
"""A read, and nothing is known of where unqualified names lead."""


class Terms(msgspec.Struct, frozen=True):
    """The settings that a judgement depends on, as they count for whoever asks.

    They travel with each text, so callers may differ, and a reload needs no new children.

    Raises:
        ValueError: ``granted`` holds a name that is no capability, or a pattern is none.
    """

    max_sql_bytes: int
    """Length of a text in UTF-8."""
    granted: frozenset[str] = frozenset()
    """Capabilities that the operator allows; see ``rules.CAPABILITIES``."""
    allow_objects: tuple[str, ...] = ()
    """Patterns of ``objects.Pattern``."""
    deny_objects: tuple[str, ...] = ()
    section: str = "policy"
    """Where the operator sets these, for remedies."""
    mask_columns: tuple[str, ...] = ()
    """Patterns of ``columns.columns_like``."""

    def __post_init__(self) -> None:
        if unknown := self.granted - CAPABILITIES.keys():
            raise ValueError(
                f"unknown capabilities {sorted(unknown)}; known are {sorted(CAPABILITIES)}"
            )
        rules_about(self.allow_objects, self.deny_objects)
        columns_like(self.mask_columns)

    @property
    def rules(self) -> ObjectRules:
        """The rules about objects."""
        return rules_about(self.allow_objects, self.deny_objects)

    @property
    def masked(self) -> ColumnPatterns:
        """The columns whose values are masked."""
        return columns_like(self.mask_columns)
