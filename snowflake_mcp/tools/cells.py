"""Values and foreign texts as one visible line: nothing hidden, nothing that breaks a table."""

import re
from collections.abc import Sequence
from types import NoneType
from typing import Any, Final

import msgspec

from snowflake_mcp.warehouse.results import JsonValue
from snowflake_mcp.warehouse.visible import escaped, needs_escapes, plain

__all__ = ["block", "cell", "cells", "message"]

_FEW: Final = 4
"""Of so many values each is looked at by itself: questions about all of them cost more."""
_TEXTS: Final = frozenset({str, NoneType})
_encode_lines = msgspec.json.Encoder().encode_lines


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


def cells(values: Sequence[JsonValue], width: int) -> tuple[Sequence[str], Sequence[bool]]:
    """What ``cell`` makes of each value of a column, and which were cut; empty: none was.

    A column of ordinary values is judged as a whole.
    """
    texts = _ordinary(values, width) if len(values) > _FEW else None
    if texts is not None:
        return texts, ()
    shown, cut = zip(*[cell(value, width) for value in values], strict=True)
    return shown, cut if any(cut) else ()


def _ordinary(values: Sequence[Any], width: int) -> Sequence[str] | None:
    """The values as texts, if nothing in any of them has to be escaped, quoted or cut."""
    types = set(map(type, values))
    texts: Sequence[str]
    if str not in types:
        texts = _encode_lines(values).decode().split("\n")[:-1]
    elif types <= _TEXTS:
        texts = [text for text in values if text is not None] if NoneType in types else values
    else:
        return None
    joined = "".join(texts)
    if needs_escapes(joined) or max(map(len, texts), default=0) > width:
        return None
    # Texts that look like NULL or like the empty one have quotes, NULL or nothing in them.
    if str in types and ("'" in joined or "NULL" in joined or not all(texts)):
        return None
    if NoneType not in types:
        return texts
    shown = values if str in types else texts
    return ["NULL" if value is None else text for value, text in zip(values, shown, strict=True)]


def block(text: str) -> str:
    """A foreign text of many lines, such as a definition: each line visible and indented."""
    lines = re.split("\r\n|\n", text.expandtabs(4))
    return "\n".join("  " + plain(line, len(line) * 10 + 1) for line in lines)
