"""Values and foreign texts as one visible line: nothing hidden, nothing that breaks a table."""

import re

import msgspec

from snowflake_mcp.warehouse.results import JsonValue
from snowflake_mcp.warehouse.visible import escaped, plain

__all__ = ["block", "cell", "message"]


def message(text: str, width: int = 2_000) -> str:
    """A foreign text of several lines: line ends stay, everything else is as in ``plain``."""
    lines = text[: width + 1].splitlines()
    whole = "\n".join(plain(line, width) for line in lines)
    return whole if len(whole) <= width else whole[: width - 1] + "…"


def cell(value: JsonValue, width: int) -> tuple[str, bool]:
    """A value as a table shows it, and whether it was cut.

    NULL is ``NULL``; the texts ``NULL`` and "" are put in single quotes, and so are those that
    already look like that, so that no two values look the same.
    """
    if isinstance(value, str):
        if len(value) <= width and value.strip("'") in ("", "NULL"):
            return escaped(f"'{value}'", width + 2, pipes=True)
        return escaped(value, width, pipes=True)
    if value is None:
        return "NULL", False
    if value is True:
        return "true", False
    if value is False:
        return "false", False
    return escaped(msgspec.json.encode(value).decode(), width, pipes=True)


def block(text: str) -> str:
    """A foreign text of many lines, such as a definition: each line visible and indented."""
    lines = re.split("\r\n|\n", text.expandtabs(4))
    return "\n".join("  " + plain(line, len(line) * 10 + 1) for line in lines)
