"""The URIs of resources: ``snowflake://`` and the names of a place in the catalog."""

import re
from typing import Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from snowflake_mcp.warehouse.identifiers import folded, shown

__all__ = ["DATABASES", "TEMPLATES", "VARIABLES", "Place", "parse", "uri_of"]

Place: TypeAlias = tuple[str, ...]
"""Stored names: none for the list of databases, then a database, its schema, its table."""

_SCHEME: Final = "snowflake://"
DATABASES: Final = _SCHEME + "databases"
"""The list of databases. No database has this URI: its name would be in quotes there."""

VARIABLES: Final = ("database", "schema", "table")
TEMPLATES: Final = tuple(
    _SCHEME + "/".join(f"{{{name}}}" for name in VARIABLES[:count]) for count in (1, 2, 3)
)
"""One template for each depth."""

_PART: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
"""What RFC 3986 lets stand in the first part of a hierarchical URI, and here in every part."""

_MAX_CHARS: Final = 8_192
"""Three names of 255 characters, each of four bytes and percent-encoded, come to about that."""


def parse(uri: str) -> Place:
    """The place that a URI names; each part is folded like a name in the arguments of tools.

    Raises:
        ValueError: it is no URI of ours; the text says what is wrong, and holds none of it.
    """
    if uri == DATABASES:
        return ()
    if not uri.startswith(_SCHEME):
        raise ValueError("the scheme is not snowflake://")
    if len(uri) > _MAX_CHARS:
        raise ValueError("it is too long")
    parts = uri.removeprefix(_SCHEME).split("/")
    if len(parts) > len(VARIABLES):
        raise ValueError("it has more parts than database, schema and table")
    return tuple(_name(part) for part in parts)


def uri_of(*names: str) -> str:
    """The URI of a place by its stored names; ``parse`` reads it back."""
    if not names:
        return DATABASES
    return _SCHEME + "/".join(quote(shown(name), safe="") for name in names)


def _name(part: str) -> str:
    if not _PART.fullmatch(part):
        raise ValueError("a part is empty or holds a character that has to be percent-encoded")
    try:
        text = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("a part is not UTF-8") from None
    if text in (".", ".."):
        raise ValueError("a part is a dot segment")
    return folded(text)
