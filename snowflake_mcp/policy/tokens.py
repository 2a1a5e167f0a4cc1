"""Tokens of Snowflake SQL as the gate's own lexer cuts them."""

from enum import Enum, auto
from typing import Final, NamedTuple

__all__ = ["END", "START", "Kind", "Token", "place"]


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    """Keyword or unquoted name; ``word`` is its upper-case form."""
    QUOTED = auto()
    """A name in double quotes; ``word`` keeps the quotes, so it never equals a keyword."""
    STRING = auto()
    """A string literal in any quoting, with its prefix."""
    NUMBER = auto()
    VARIABLE = auto()
    """``$name`` or ``$1``."""
    BIND = auto()
    """``?``."""
    STAGE = auto()
    """``@stage/path``."""
    PUNCT = auto()
    """An operator or a bracket; ``word`` is its text."""
    EDGE = auto()
    """Before the first and after the last token of a statement."""


class Token(NamedTuple):
    """One token; ``start`` is the offset of its first character in the judged text."""

    kind: Kind
    word: str
    text: str
    start: int

    @property
    def name(self) -> str:
        """The name as Snowflake resolves it: unquoted in upper case, quoted as written."""
        if self.kind is Kind.QUOTED:
            return self.text[1:-1].replace('""', '"')
        return self.word


START: Final = Token(Kind.EDGE, "", "", 0)
END: Final = Token(Kind.EDGE, "", "", 0)


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of ``offset`` in ``text``, both counted from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
