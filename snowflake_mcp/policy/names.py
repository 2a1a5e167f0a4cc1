"""Names inside SQL texts: as they are stored, out of tokens, string literals and stages."""

import re
from collections.abc import Sequence
from typing import Final

from snowflake_mcp.policy.tokens import Kind, Token

__all__ = ["dotted", "literal_text", "path_at", "path_in", "stage_path", "written"]

_PLAIN: Final = re.compile(r"[A-Z_][A-Z0-9_$]*+", re.ASCII)
_PART: Final = re.compile(r'[ ]*+(?:([A-Za-z_][A-Za-z0-9_$]*+)|"((?:[^"]++|"")++)")[ ]*+')
_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([0-7]{1,3})|(.))|''", re.DOTALL
)
_SIMPLE: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def written(name: str) -> str:
    """A stored name as SQL takes it."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def dotted(path: Sequence[str]) -> str:
    """A path of stored names as SQL takes it; an empty part is left out between its dots."""
    return ".".join(written(part) if part else "" for part in path)


def path_at(tokens: Sequence[Token], at: int) -> tuple[tuple[str, ...], int]:
    """The stored parts of the dotted name that begins at ``at``, and the index behind it.

    The short form ``db..name`` has an empty part in the middle.
    """
    path: list[str] = []
    while at < len(tokens) and tokens[at].kind in {Kind.WORD, Kind.QUOTED}:
        path.append(tokens[at].name)
        at += 1
        if at >= len(tokens) or tokens[at].text != ".":
            break
        at += 1
        if at < len(tokens) and tokens[at].text == ".":
            path.append("")
            at += 1
    return tuple(path), at


def path_in(text: str) -> tuple[str, ...] | None:
    """The stored parts of the dotted name that ``text`` is; ``None`` when it is none."""
    path: list[str] = []
    at = 0
    while found := _PART.match(text, at):
        plain, quoted = found.groups()
        path.append(plain.upper() if plain is not None else quoted.replace('""', '"'))
        at = found.end()
        if at == len(text):
            return tuple(path)
        if text[at] != ".":
            return None
        at += 1
        if text.startswith(".", at):
            path.append("")
            at += 1
    return None


def literal_text(token: Token) -> str:
    """What a string literal stands for, its escapes resolved."""
    if token.text.startswith("$$"):
        return token.text[2:-2]
    return _ESCAPE.sub(_unescaped, token.text[1:-1])


def stage_path(text: str) -> tuple[str, ...] | None:
    """The stored parts of the stage in ``@db.schema.name/path``; ``None`` when there is none.

    ``None`` for a user's own stage as well, which has no place in the catalog. The stage of a
    table is told as the table.
    """
    end = quoted = 0
    for end, sign in enumerate(text):  # noqa: B007 - the place is needed after the loop
        if sign == '"':
            quoted ^= 1
        elif sign == "/" and not quoted:
            break
    else:
        end = len(text)
    name = text[1:end]
    # The sign of a table's stage stands before the last part.
    before, dot, last = name.rpartition(".") if not name.endswith('"') else ("", "", "")
    if not dot and "%" in name:
        return path_in(name.replace("%", "", 1))
    if last.startswith("%"):
        return path_in(before + dot + last[1:])
    return path_in(name)


def _unescaped(found: re.Match[str]) -> str:
    two, four, octal, plain = found.groups()
    if number := two or four:
        return chr(int(number, 16))
    if octal:
        return chr(int(octal, 8))
    return "'" if plain is None else _SIMPLE.get(plain, plain)
