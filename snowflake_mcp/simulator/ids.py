"""Query ids and tokens."""

import secrets
from collections.abc import Callable
from itertools import count
from typing import Final

__all__ = ["QueryIds", "new_token"]

_MINUTE_MASK: Final = 0xFF_FFFF


class QueryIds:
    """Ids shaped like Snowflake's, ``01b2…-0…``: they sort by minute and never repeat."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """``seconds`` is the wall clock (seconds since 1970)."""
        self._seconds = seconds
        self._run = secrets.randbits(32)
        self._numbers = count(1)

    def next(self) -> str:
        """An id that no statement had before."""
        minute = int(self._seconds() // 60) & _MINUTE_MASK
        number = next(self._numbers)
        return (
            f"01{minute:06x}-{(number >> 16) & 0xFFFF:04x}-{secrets.randbits(16):04x}-"
            f"{self._run >> 16:04x}-{self._run & 0xFFFF:04x}{number & 0xFFFF_FFFF:08x}"
        )


def new_token() -> str:
    """A secret nobody can guess."""
    return secrets.token_urlsafe(32)
