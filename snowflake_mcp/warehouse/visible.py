"""Foreign texts with nothing hidden in them: as one visible line, and as visible JSON."""

import re
import unicodedata
from typing import Final

__all__ = ["escaped", "needs_escapes", "plain", "visible_json"]

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
        # The hidden ones that count as printable all lie beyond ASCII.
        if not special and (text.isascii() or not _HIDDEN.search(text)):
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


def needs_escapes(text: str) -> bool:
    """Whether ``escaped`` writes any part of the text in another way, pipes included."""
    return (
        not text.isprintable()
        or "\\" in text
        or "|" in text
        or (not text.isascii() and _HIDDEN.search(text) is not None)
    )


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


def visible_json(encoded: bytes) -> bytes:
    r"""The same JSON value with every hidden character as a ``\u`` escape; it must be compact.

    Only strings can hold such characters, and JSON reads the escapes back as what they were:
    programs lose nothing, and a model sees what a person would.
    """
    text = encoded.decode()
    if text.isprintable() and not _HIDDEN.search(text):
        return encoded
    return "".join(map(_spelt, text)).encode()


def _spelt(character: str) -> str:
    if character.isprintable() and not _HIDDEN.match(character):
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
