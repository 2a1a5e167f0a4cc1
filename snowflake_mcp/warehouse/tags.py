"""The query tag: who a statement is for, written with it and read back from Snowflake's history."""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["MAX_VALUE_CHARS", "Owner", "member", "owner_of", "read", "sealed", "value", "wish_in"]

MAX_VALUE_CHARS: Final = 128
"""Of each value; Snowflake takes 2,000 characters in all."""
_MAX_TAG_CHARS: Final = 2_000
_DIGEST_CHARS: Final = 32
_ROWS: Final = "rows"

Owner = tuple[str, str]
"""The server and the principal that a tag names."""


def value(text: str) -> str:
    """A text as it stands in a tag; two long ones that differ anywhere still differ."""
    if len(text) <= MAX_VALUE_CHARS:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    return f"{text[: MAX_VALUE_CHARS - _DIGEST_CHARS - 1]}#{digest}"


def sealed(tag: Mapping[str, str], row_cap: int) -> str:
    """The tag as JSON, with the rows that Snowflake was told to keep of the result."""
    short = {**tag, _ROWS: str(row_cap)}
    while len(text := msgspec.json.encode(short, order="sorted").decode()) > _MAX_TAG_CHARS:
        # Still JSON, without the longest value: a tag cut in the middle is of no use.
        del short[max(short, key=lambda name: len(short[name]))]
    return text


def owner_of(tag: Mapping[str, str]) -> Owner | None:
    """Whose statement it is; ``None`` when the tag does not say."""
    server, principal = tag.get("server"), tag.get("principal")
    return (server, principal) if server and principal else None


def member(text: object, name: str) -> str | None:
    """One value of a tag in the history."""
    return _decoded(text).get(name)


def _decoded(text: object) -> dict[str, str]:
    try:
        return msgspec.json.decode(text if isinstance(text, str) else "", type=dict[str, str])
    except msgspec.DecodeError:
        return {}


def wish_in(text: object) -> Wish:
    """What of its owner's seat was not its own, by a tag in the history; it may not be allowed."""
    try:
        return Wish.of(_decoded(text))
    except ValueError:
        return NO_WISH


def read(text: object) -> tuple[Owner | None, int | None]:
    """Owner and row cap from a tag in the history; anybody may have written it."""
    tag = _decoded(text)
    rows = tag.get(_ROWS, "")
    return owner_of(tag), int(rows) if rows.isascii() and rows.isdigit() else None
