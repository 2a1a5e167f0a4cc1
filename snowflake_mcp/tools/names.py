"""Object names in the arguments of tools, and what to say when one is wrong."""

import re
from typing import Final

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.identifiers import UnbalancedNameError, folded, shown
from snowflake_mcp.warehouse.visible import plain

__all__ = ["CASE_RULE", "located", "missing_hint", "placed", "stored", "stored_path", "within"]

_PART: Final = re.compile(r'[^".\s]+|"(?:[^"]|"")+"')
_PATH: Final = re.compile(rf"(?:{_PART.pattern})(?:\.(?:{_PART.pattern}))*")
CASE_RULE: Final = (
    'A plain name is looked up in upper case; put a name in double quotes ("myTable") to keep '
    "its case."
)


def stored(text: str, argument: str) -> str:
    """The name as Snowflake stores it, from what a caller gave for ``argument``.

    Raises:
        ToolFailure: the text cannot be one name.
    """
    try:
        return folded(text)
    except UnbalancedNameError as problem:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            f"{argument}: {plain(text, 80)} is not one name in double quotes.",
            "Give one name per argument, without dots between quoted parts; a double quote "
            "inside a quoted name is doubled.",
        ) from problem
    except ValueError as problem:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            f"{argument}: a name has 1 to 255 characters and no NUL character.",
            f"Give the name of one existing {argument.removesuffix('_name')}.",
        ) from problem


def stored_path(text: str, argument: str) -> tuple[str, ...]:
    """The stored names of a dotted path, each part plain or in double quotes.

    Raises:
        ToolFailure: the text is no such path.
    """
    if not _PATH.fullmatch(text):
        return (stored(text, argument),)
    return tuple(stored(part, argument) for part in _PART.findall(text))


def located(database: str, schema: str, name: str, argument: str) -> tuple[str, str, str]:
    """Where a table or view is, as stored; ``argument`` is the one that ``name`` came as.

    Raises:
        ToolFailure: one of the texts cannot be one name.
    """
    return stored(database, "database"), stored(schema, "schema"), stored(name, argument)


def placed(database: str | None, schema: str | None) -> tuple[str | None, str | None]:
    """The context for unqualified names, as stored.

    Raises:
        ToolFailure: one of the texts cannot be one name.
    """
    return (
        None if database is None else stored(database, "database"),
        None if schema is None else stored(schema, "schema"),
    )


def within(database: str | None, schema: str | None) -> tuple[str, ...]:
    """The place to look in, as stored: everywhere, a database, or a schema of it.

    Raises:
        ToolFailure: one of the texts cannot be one name, or a schema came without its database.
    """
    if database is None and schema is not None:
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            "schema: its database is missing.",
            "Give database and schema, database alone, or neither.",
        )
    return tuple(name for name in placed(database, schema) if name is not None)


def missing_hint(database: str, schema: str, name: str) -> str:
    """What to do when Snowflake does not know the table or view of these stored names."""
    hint = (
        f"{CASE_RULE} list_tables or list_views(database={plain(shown(database), 600)}, "
        f"schema={plain(shown(schema), 600)}) shows what there is."
    )
    if "." in name:
        return f"Give database, schema and name as separate arguments. {hint}"
    return hint
