"""The operator's rules about objects: patterns of names that are allowed or denied.

Pure comparisons of names, for the judging children and for the tools that read the catalog.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from snowflake_mcp.policy.words import words

__all__ = ["NO_RULES", "ObjectRules", "Pattern", "rules_about"]

_PART: Final = re.compile(r'([A-Za-z0-9_$*]+)|"((?:[^"]|"")+)"')
_MAX_PARTS: Final = 3
_BOTH: Final = " & "
"""Between two patterns: what both fit, as a caller's and a connection's rules are put together."""
_SYSTEM: Final = "SNOWFLAKE"
"""The database that tells of a whole account."""
_CATALOG: Final = "INFORMATION_SCHEMA"
_OF_A_DATABASE: Final = words(
    """
    COLUMNS ELEMENT_TYPES EVENT_TABLES EXTERNAL_TABLES FIELDS FILE_FORMATS FUNCTIONS HYBRID_TABLES
    INDEXES INDEX_COLUMNS PACKAGES PIPES PROCEDURES
    SCHEMATA SEQUENCES STAGES TABLES TABLE_CONSTRAINTS TABLE_STORAGE_METRICS VIEWS
    """
)
"""Views of INFORMATION_SCHEMA that tell of their own database alone."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One to three parts: databases, schemas, objects; it means all that is inside them as well.

    An unquoted part is folded to upper case, and ``*`` in it stands for any characters. A part in
    double quotes is one name, taken literally.
    """

    text: str
    parts: tuple[re.Pattern[str], ...]
    """Without those at the end that fit everything."""
    literal: tuple[str | None, ...]
    """The one name that a part stands for; ``None`` where a star is in it."""
    also: "Pattern | None" = None
    """Another that has to fit as well, from ``ONE & OTHER``."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pattern that ``text`` is.

        Raises:
            ValueError: it is none.
        """
        names: list[str | None] = []
        parts: list[re.Pattern[str]] = []
        at = 0
        whole = False
        while found := _PART.match(text, at):
            plain, quoted = found.groups()
            name = plain.upper() if plain is not None else quoted.replace('""', '"')
            stars = plain is not None and "*" in plain
            pieces = name.split("*") if stars else [name]
            parts.append(re.compile(".*".join(map(re.escape, pieces)), re.DOTALL))
            names.append(None if stars else name)
            at = found.end()
            whole = at == len(text)
            if whole or text[at] != ".":
                break
            at += 1
        also = None
        if names and text.startswith(_BOTH, at):
            also, whole = cls.parse(text[at + len(_BOTH) :]), True
        if not whole or len(parts) > _MAX_PARTS:
            raise ValueError(
                f"{text!r} is no pattern of one to three names such as SALES, SALES.PUBLIC or "
                'SALES.PUBLIC.ORD*; a name with other signs stands in "double quotes"'
            )
        while parts and parts[-1].pattern == ".*":
            del parts[-1], names[-1]
        return cls(text, tuple(parts), tuple(names), also)

    def touches(self, path: Sequence[str]) -> bool:
        """Whether it fits ``path``, something in it, or something that it is in."""
        fits = all(part.fullmatch(name) for part, name in zip(self.parts, path, strict=False))
        return fits and (self.also is None or self.also.touches(path))

    def covers(self, path: Sequence[str]) -> bool:
        """Whether it fits ``path`` and everything in it."""
        deep = len(self.parts) <= len(path) and self.touches(path)
        return deep and (self.also is None or self.also.covers(path))

    def names(self, place: int, name: str) -> bool:
        """Whether it spells out ``name`` as its part number ``place``."""
        spelt = len(self.literal) > place and self.literal[place] == name
        return spelt or (self.also is not None and self.also.names(place, name))


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """Which objects may be read, listed or changed; what is denied wins. Names are as stored."""

    allow: tuple[Pattern, ...] = ()
    """Empty: everything that is not denied."""
    deny: tuple[Pattern, ...] = ()

    @classmethod
    def parse(cls, allow: Iterable[str], deny: Iterable[str]) -> Self:
        """The rules of these patterns.

        Raises:
            ValueError: one of them is no pattern.
        """
        return cls(tuple(map(Pattern.parse, allow)), tuple(map(Pattern.parse, deny)))

    @property
    def active(self) -> bool:
        """Whether there is any rule."""
        return bool(self.allow or self.deny)

    def permits(self, path: Sequence[str]) -> bool:
        """Whether the object at ``path`` (database, schema, name) may be used.

        What tells of other objects, as INFORMATION_SCHEMA and the database SNOWFLAKE do, needs
        that all of these may be used, or to be spelt out in a pattern that allows it.
        """
        if any(pattern.covers(path) for pattern in self.deny):
            return False
        allowing = [pattern for pattern in self.allow if pattern.covers(path)]
        if self.allow and not allowing:
            return False
        if path[0] == _SYSTEM:
            spelt = any(pattern.names(0, _SYSTEM) for pattern in allowing)
            return spelt or self.permits_all(())
        if len(path) > 1 and path[1] == _CATALOG:
            spelt = any(pattern.names(1, _CATALOG) for pattern in allowing)
            own = len(path) > 2 and path[2] in _OF_A_DATABASE
            return spelt or self.permits_all(path[:1] if own else ())
        return True

    def permits_all(self, path: Sequence[str]) -> bool:
        """Whether everything in the account, database or schema at ``path`` may be used."""
        if any(pattern.touches(path) for pattern in self.deny):
            return False
        return not self.allow or any(pattern.covers(path) for pattern in self.allow)

    def shows(self, path: Sequence[str]) -> bool:
        """Whether a list may name what is at ``path``: it, or something in it, may be used."""
        if len(path) == _MAX_PARTS:
            return self.permits(path)
        if any(pattern.covers(path) for pattern in self.deny):
            return False
        return not self.allow or any(pattern.touches(path) for pattern in self.allow)


NO_RULES: Final = ObjectRules()


@lru_cache(maxsize=256)
def rules_about(allow: tuple[str, ...], deny: tuple[str, ...]) -> ObjectRules:
    """The rules of these patterns; the same object for the same patterns, as far as is kept.

    Raises:
        ValueError: one of them is no pattern.
    """
    return ObjectRules.parse(allow, deny)
