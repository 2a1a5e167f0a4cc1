"""Which columns are masked: patterns of their names, for the judging children and the answers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

__all__ = ["ColumnPatterns", "columns_like"]

_MOST_CHARS: Final = 255
_NUMBERED: Final = re.compile(r"[_:]\d+\Z")


@dataclass(frozen=True, slots=True)
class ColumnPatterns:
    """Patterns of columns' names; whether a name is quoted and in which case plays no part."""

    texts: tuple[str, ...] = ()
    fits: re.Pattern[str] | None = None
    """Matches a name in capitals that is masked; ``None``: nothing is."""

    @property
    def active(self) -> bool:
        """Whether anything is masked."""
        return self.fits is not None

    def mask(self, name: str) -> bool:
        """Whether a column of this name is masked."""
        if self.fits is None:
            return False
        whole = name.upper()
        # Of two columns of one name the second may come with a number behind it.
        bare = _NUMBERED.sub("", whole)
        return bool(self.fits.fullmatch(whole) or (bare != whole and self.fits.fullmatch(bare)))

    def among(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that are masked, in their order, each once."""
        return tuple(name for name in dict.fromkeys(names) if self.mask(name))


@lru_cache(maxsize=64)
def columns_like(texts: tuple[str, ...]) -> ColumnPatterns:
    """The patterns that the texts are: ``*`` stands for any characters, ``?`` for one.

    Raises:
        ValueError: one is empty, too long, or means more than the name of a column.
    """
    for text in texts:
        if not 0 < len(text) <= _MOST_CHARS:
            raise ValueError("a pattern of columns has 1 to 255 characters")
        if "." in text:
            raise ValueError(
                f"{text!r} names more than a column: a result does not say of which table a "
                "column is, so patterns are of columns' names alone"
            )
    if not texts:
        return ColumnPatterns()
    parts = [re.escape(text.upper()).replace(r"\*", ".*").replace(r"\?", ".") for text in texts]
    return ColumnPatterns(texts, re.compile("|".join(f"(?:{part})" for part in parts), re.DOTALL))
