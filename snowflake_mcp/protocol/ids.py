"""The ids that the server gives its requests."""

import os
from typing import Final

__all__ = ["Ids"]

_BYTES: Final = 6
_AT_ONCE: Final = 128
"""Ids of one call into the system, which costs more than all the rest of an id."""


class Ids:
    """Ids that nobody can guess and that do not come twice; reactor thread only."""

    def __init__(self) -> None:
        # Filled when the first is wanted: twistd forks after this.
        self._ready: list[str] = []

    def new(self) -> str:
        """``r-`` and twelve hexadecimal digits."""
        if not self._ready:
            digits = os.urandom(_BYTES * _AT_ONCE).hex()
            self._ready = [
                f"r-{digits[at : at + 2 * _BYTES]}" for at in range(0, len(digits), 2 * _BYTES)
            ]
        return self._ready.pop()
