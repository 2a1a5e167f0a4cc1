"""Values and foreign texts as one visible line: nothing hidden, nothing that breaks a table."""

import re
import unicodedata
from typing import Final

import msgspec

from snowflake_mcp.warehouse.results import JsonValue

__all__ = ["block", "cell", "escaped", "message", "plain"]

_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

_INVISIBLE: Final = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0"
    "\U000e0100-\U000e01ef"
)
"""Characters that ``str.isprintable`` passes although nobody sees them: fillers, joiners and
variation selectors, which can carry a hidden text. The two selectors that choose between the
text form and the picture form of an emoji are left alone."""

_HIDDEN: Final = re.compile(f"[{_INVISIBLE}]")


def escaped(
    text: str, width: int, *, pipes: bool = False, backslashes: bool = True
) -> tuple[str, bool]:
    r"""The text on one line of at most ``width`` characters, and whether it was cut.

    Control, format, private, unassigned and invisible characters become escapes (``\n``,
    ``\x1b``, ``\u200b``); with ``pipes`` also ``|``, with ``backslashes`` the backslash, so that
    no two texts look the same. What is cut ends in "…".
    """
    if len(text) <= width and text.isprintable():
        special = (backslashes and "\\" in text) or (pipes and "|" in text)
        if not special and not _HIDDEN.search(text):
            return text, False
    pieces: list[str] = []
    used = 0
    # One character more than fits is looked at, so that an exact fit is not called cut.
    for character in text[: width + 1]:
        if character == "\\":
            piece = "\\\\" if backslashes else character
        elif character == "|":
            piece = "\\|" if pipes else character
        else:
            piece = _visible(character)
        if used + len(piece) > width:
            while used > width - 1:
                used -= len(pieces.pop())
            return "".join(pieces) + "…", True
        pieces.append(piece)
        used += len(piece)
    return "".join(pieces), False


def _visible(character: str) -> str:
    if character.isprintable():
        if not _HIDDEN.match(character):
            return character
    elif character in _NAMED:
        return _NAMED[character]
    elif unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def plain(text: str, width: int = 200) -> str:
    """A foreign text inside a sentence: one visible line of at most ``width`` characters."""
    return escaped(text, width, backslashes=False)[0]


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
    if value is None:
        return "NULL", False
    if value is True:
        return "true", False
    if value is False:
        return "false", False
    if isinstance(value, str):
        if len(value) <= width and value.strip("'") in ("", "NULL"):
            return escaped(f"'{value}'", width + 2, pipes=True)
        return escaped(value, width, pipes=True)
    return escaped(msgspec.json.encode(value).decode(), width, pipes=True)


def block(text: str) -> str:
    """A foreign text of many lines, such as a definition: each line visible and indented."""
    lines = re.split("\r\n|\n", text.expandtabs(4))
    return "\n".join("  " + plain(line, len(line) * 10 + 1) for line in lines)
