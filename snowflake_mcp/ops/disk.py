"""How much room is left where the server writes."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

__all__ = ["LITTLE_BYTES", "Disk"]

LITTLE_BYTES: Final = 64 << 20
"""Less free than this is little: a busy log fills it in an hour or so."""
_CACHED_S: Final = 10.0
_MIB: Final = 1 << 20


class Clock(Protocol):
    """What tells the time."""

    def seconds(self) -> float:
        """Seconds of a monotonic clock."""


class Disk:
    """Asks the file system at most every 10 s, so that no probe can keep it busy.

    ``folders`` are by what is written there: fixed words, for metrics and probes, which tell no
    path.
    """

    def __init__(self, clock: Clock, folders: Callable[[], Mapping[str, Path]]) -> None:
        self._clock = clock
        self._folders = folders
        self._asked_at: float | None = None
        self._free: dict[str, int | None] = {}

    @property
    def age_s(self) -> float:
        """How old the figures are."""
        return 0.0 if self._asked_at is None else self._clock.seconds() - self._asked_at

    def free_bytes(self) -> Mapping[str, int | None]:
        """What an ordinary user may still write; ``None``: the folder cannot be asked."""
        if self._asked_at is None or self.age_s >= _CACHED_S:
            self._free = {name: _free(folder) for name, folder in self._folders().items()}
            self._asked_at = self._clock.seconds()
        return self._free

    def enough(self) -> tuple[bool, str]:
        """Whether there is room everywhere, and in words where how much."""
        free = self.free_bytes()
        told = [
            f"{name}: {'unknown' if left is None else f'{left // _MIB} MiB free'}"
            for name, left in free.items()
        ]
        enough = all(left is not None and left >= LITTLE_BYTES for left in free.values())
        return enough, ", ".join(told)


def _free(folder: Path) -> int | None:
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
