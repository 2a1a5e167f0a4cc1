"""Names and patterns as SQL text, quoted so that they can only ever be names and patterns."""

from typing import Final

__all__ = ["literal", "qualified", "quote"]

_MAX_CHARS: Final = 255
"""Snowflake's limit for an identifier."""


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
