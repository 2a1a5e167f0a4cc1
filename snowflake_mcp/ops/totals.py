"""Counters since the start of the process, for /status."""

from collections import Counter
from collections.abc import Callable

__all__ = ["Totals"]


class Totals:
    """Named counts; reactor thread only. Names are fixed words, never user text."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._watched: dict[str, Callable[[], int]] = {}

    def add(self, name: str, amount: int = 1) -> None:
        """Count ``amount`` more of ``name``."""
        self._counts[name] += amount

    def watch(self, name: str, count: Callable[[], int]) -> None:
        """Show as ``name`` what somebody else counts."""
        self._watched[name] = count

    def snapshot(self) -> dict[str, int]:
        """All counts, by name."""
        watched = {name: count() for name, count in self._watched.items()}
        return dict(sorted({**self._counts, **watched}.items()))
