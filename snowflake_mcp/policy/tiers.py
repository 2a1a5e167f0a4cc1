"""The tiers of statements: what each one adds to reading."""

from enum import IntEnum
from typing import Final

__all__ = ["Tier", "tier_named"]


class Tier(IntEnum):
    """A tier holds all those before it."""

    READ = 0
    DML = 1
    """Rows: INSERT, UPDATE, DELETE, MERGE."""
    DDL = 2
    """Ordinary objects: CREATE, ALTER, DROP, UNDROP, TRUNCATE, COMMENT."""
    ADMIN = 3
    """Roles, grants, users, warehouses, integrations and the like."""

    @property
    def word(self) -> str:
        """As it is written in the setting ``policy.tier``."""
        return _WORDS[self]


def tier_named(word: str) -> Tier:
    """The tier that the setting ``policy.tier`` names.

    Raises:
        ValueError: there is none of that name.
    """
    tier = _TIERS.get(word.strip().lower())
    if tier is None:
        raise ValueError(f"policy.tier: {word!r} is none of {', '.join(_TIERS)}")
    return tier


_WORDS: Final = tuple(tier.name.lower() for tier in Tier)
_TIERS: Final = {tier.word: tier for tier in Tier}
