"""Counters since the start of the process, for /status."""

from collections import Counter

__all__ = ["Totals"]


class Totals:
    """Named counts; reactor thread only. Names are fixed words, never user text."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        """Count ``amount`` more of ``name``."""
        self._counts[name] += amount

    def snapshot(self) -> dict[str, int]:
        """All counts, by name."""
        return dict(sorted(self._counts.items()))
