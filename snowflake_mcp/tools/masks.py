"""What stands in an answer for the values of masked columns."""

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.policy.columns import ColumnPatterns, columns_like
from snowflake_mcp.warehouse.results import JsonValue

__all__ = ["NO_MASKS", "STYLES", "Masks", "masks_of"]

STYLES: Final = ("stars", "null", "hash")
"""``***``; nothing; a keyed hash, by which equal values can be told to be equal."""

_STARS: Final = "***"
_HASH_CHARS: Final = 24


@dataclass(frozen=True, slots=True)
class Masks:
    """Which columns of a result are masked, and how; any thread."""

    patterns: ColumnPatterns = field(default_factory=ColumnPatterns)
    style: str = "stars"
    key: bytes = field(default=b"", repr=False)
    """Of the hash: what it makes of a value is the same wherever the key is."""

    def places(self, names: Sequence[str]) -> tuple[int, ...]:
        """The places of the masked ones among the names of a result's columns."""
        if not self.patterns.active:
            return ()
        return tuple(at for at, name in enumerate(names) if self.patterns.mask(name))

    def mask(self, row: Sequence[JsonValue], places: Sequence[int]) -> Sequence[JsonValue]:
        """The row without the values at these places."""
        shown = list(row)
        stand_in = _STAND_INS[self.style]
        for at in places:
            shown[at] = stand_in(self, row[at])
        return shown

    def _hash(self, value: JsonValue) -> str | None:
        if value is None:
            return None
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return hmac.digest(self.key, text.encode(), hashlib.sha256).hex()[:_HASH_CHARS]


_STAND_INS: Final[dict[str, Callable[[Masks, JsonValue], JsonValue]]] = {
    "stars": lambda _masks, _value: _STARS,
    "null": lambda _masks, _value: None,
    "hash": Masks._hash,  # noqa: SLF001 - of this module
}

NO_MASKS: Final = Masks()
"""Where nothing is masked."""


def masks_of(policy: PolicySettings, key: bytes) -> Masks:
    """The masks that the settings say.

    Raises:
        ValueError: a setting has no such value.
    """
    if policy.mask_style not in STYLES:
        raise ValueError(f"mask_style: {policy.mask_style!r} is none of {', '.join(STYLES)}")
    return Masks(columns_like(policy.mask_columns), policy.mask_style, key)
