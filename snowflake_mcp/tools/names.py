"""Object names as callers give them, as Snowflake stores them, and as SQL takes them."""

import re
from typing import Final

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.tools.cells import plain
from snowflake_mcp.warehouse.identifiers import qualified, quote

__all__ = ["CASE_RULE", "missing_hint", "path", "shown", "stored"]

CASE_RULE: Final = (
    'A plain name is looked up in upper case; put a name in double quotes ("myTable") to keep '
    "its case."
)

_FOLDED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_UNQUOTED: Final = re.compile(r"[A-Z_][A-Z0-9_$]*")
_IN_QUOTES: Final = re.compile(r'"((?:[^"]|"")+)"')


def stored(text: str, argument: str) -> str:
    """The name as Snowflake stores it, from what a caller gave for ``argument``.

    A plain name (letters, digits, ``_``, ``$``) is folded to upper case as Snowflake does; a
    name in double quotes, and one with any other character, is taken literally.

    Raises:
        ToolFailure: the text cannot be one name.
    """
    if _FOLDED.fullmatch(text):
        name = text.upper()
    elif text.startswith('"'):
        inner = _IN_QUOTES.fullmatch(text)
        if inner is None:
            raise ToolFailure(
                Family.INVALID_ARGUMENT,
                f"{argument}: {plain(text, 80)} is not one name in double quotes.",
                "Give one name per argument, without dots between quoted parts; a double quote "
                "inside a quoted name is doubled.",
            )
        name = inner[1].replace('""', '"')
    else:
        name = text
    try:
        quote(name)
    except ValueError as problem:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            f"{argument}: a name has 1 to 255 characters and no NUL character.",
            f"Give the name of one existing {argument.removesuffix('_name')}.",
        ) from problem
    return name


def shown(name: str) -> str:
    """The name as SQL and the tools take it: in double quotes where its case or form needs it."""
    if _UNQUOTED.fullmatch(name) or not name:
        return name
    return '"' + name.replace('"', '""') + '"'


def path(*names: str) -> str:
    """Stored names as one quoted path; no name can break out of its quotes.

    Raises:
        ValueError: a name is empty, too long or holds NUL.
    """
    return qualified(*names)


def missing_hint(database: str, schema: str, name: str) -> str:
    """What to do when Snowflake does not know the table or view of these stored names."""
    hint = (
        f"{CASE_RULE} list_tables or list_views(database={plain(shown(database), 600)}, "
        f"schema={plain(shown(schema), 600)}) shows what there is."
    )
    if "." in name:
        return f"Give database, schema and name as separate arguments. {hint}"
    return hint
