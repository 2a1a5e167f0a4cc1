"""Names and patterns: as callers write them, as Snowflake stores them, as SQL takes them."""

import re
from typing import Final

__all__ = ["UnbalancedNameError", "folded", "literal", "qualified", "quote", "shown"]

_MAX_CHARS: Final = 255
"""Snowflake's limit for an identifier."""

_FOLDED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_UNQUOTED: Final = re.compile(r"[A-Z_][A-Z0-9_$]*")
_IN_QUOTES: Final = re.compile(r'"((?:[^"]|"")+)"')


class UnbalancedNameError(ValueError):
    """A text begins with a double quote and is not one name in double quotes."""


def folded(text: str) -> str:
    """The name as Snowflake stores it, from what a caller wrote.

    A plain name (letters, digits, ``_``, ``$``) is folded to upper case as Snowflake does; a
    name in double quotes, and one with any other character, is taken literally.

    Raises:
        UnbalancedNameError: the text begins with a quote and is not one quoted name.
        ValueError: the text cannot be a name for another reason (see ``quote``).
    """
    if _FOLDED.fullmatch(text):
        name = text.upper()
    elif text.startswith('"'):
        inner = _IN_QUOTES.fullmatch(text)
        if inner is None:
            raise UnbalancedNameError("a name begins with a double quote and does not end so")
        name = inner[1].replace('""', '"')
    else:
        name = text
    quote(name)
    return name


def shown(name: str) -> str:
    """The stored name as SQL takes it: in double quotes where its case or form needs it.

    ``folded`` reads it back as the very same name.
    """
    if _UNQUOTED.fullmatch(name) or not name:
        return name
    return '"' + name.replace('"', '""') + '"'


def quote(part: str) -> str:
    """One part of a name between double quotes, exactly as the caller spelt it.

    Raises:
        ValueError: the part is empty, longer than 255 characters or holds a NUL.
    """
    if not part:
        raise ValueError("a name is empty")
    if len(part) > _MAX_CHARS:
        raise ValueError(f"a name is longer than {_MAX_CHARS} characters")
    if "\x00" in part:
        raise ValueError("a name holds a NUL character")
    return '"' + part.replace('"', '""') + '"'


def qualified(*parts: str) -> str:
    """A dotted name of quoted parts.

    Raises:
        ValueError: there is no part, or one of them is not a name (see ``quote``).
    """
    if not parts:
        raise ValueError("a name has no parts")
    return ".".join(quote(part) for part in parts)


def literal(text: str) -> str:
    """A string constant, for the patterns of ``SHOW ... LIKE``.

    Snowflake reads backslash escapes inside constants, so backslashes are doubled too.

    Raises:
        ValueError: the text holds a NUL.
    """
    if "\x00" in text:
        raise ValueError("a pattern holds a NUL character")
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
