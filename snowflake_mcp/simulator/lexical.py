"""The words of a statement: enough of Snowflake's lexer to find keywords, names and values."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from snowflake_mcp.simulator.failures import StatementFailed, syntax_error

__all__ = ["Token", "Words", "links", "projection_texts", "statements", "tokens"]


class Token(NamedTuple):
    """One word of a statement and where it stands."""

    kind: str
    """word, quoted (an identifier in double quotes), string, number or symbol"""
    text: str
    """As written, quotes included."""
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The word in upper case; empty for anything that is not a bare word."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """What an identifier means: bare words are upper case, quoted ones are as written."""
        if self.kind == "quoted":
            return self.text[1:-1].replace('""', '"')
        return self.text.upper()

    @property
    def value(self) -> str:
        """What a string literal means."""
        if self.text.startswith("$$"):
            return self.text[2:-2]
        return re.sub(r"''|\\(.)", _unescape, self.text[1:-1], flags=re.DOTALL)


_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f"}


def _unescape(found: "re.Match[str]") -> str:
    letter = found[1]
    return "'" if letter is None else _ESCAPES.get(letter, letter)


_PATTERN: Final = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|//[^\n]*|/\*.*?\*/)
  | (?P<string>'(?:[^'\\]|''|\\.)*'|\$\$.*?\$\$)
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
  | (?P<word>[^\W\d][\w$]*)
  | (?P<symbol>::|=>|->>|->|\|\||<=|>=|<>|!=|[^\s\w])
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(sql: str) -> list[Token]:
    """The words of ``sql`` without space and comments.

    :raises StatementFailed: 001003 for a quote or comment that never ends.
    """
    found: list[Token] = []
    at = 0
    while at < len(sql):
        match = _PATTERN.match(sql, at)
        if match is None or match.lastgroup is None:
            raise syntax_error(f"parse error at position {at} near '{sql[at : at + 20]}'.")
        if match.lastgroup != "space":
            text = match[0]
            if match.lastgroup == "symbol" and text in {"'", '"'}:
                raise syntax_error(f"parse error at position {at}: a quote is never closed.")
            found.append(Token(match.lastgroup, text, at, match.end()))
        at = match.end()
    return found


def links(found: Sequence[Token]) -> list[list[Token]]:
    """``found`` split where ``->>`` hands the rows of one statement to the next.

    :raises StatementFailed: 001003 when a statement of the chain is missing.
    """
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in found:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "->>" and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    if not all(parts):
        raise syntax_error("syntax error: unexpected '->>'.")
    return parts


def statements(found: Sequence[Token]) -> list[list[Token]]:
    """``found`` split at semicolons; empty statements are left out."""
    parts: list[list[Token]] = [[]]
    for token in found:
        if token.text == ";":
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


_LIST_END: Final = frozenset({"FROM", "WHERE", "GROUP", "HAVING", "QUALIFY", "ORDER", "LIMIT"})
_SET_WORDS: Final = frozenset({"UNION", "INTERSECT", "EXCEPT", "MINUS", "FETCH", "WINDOW", "INTO"})


def projection_texts(sql: str, found: Sequence[Token]) -> list[str] | None:
    """The source text of each item of the outermost SELECT list, or None if there is none.

    Snowflake names an unnamed column by its text in upper case.
    """
    depth = 0
    begin: int | None = None
    last_end = 0
    before = ""
    texts: list[str] = []
    for token in found:
        if token.text in {"(", "[", "{"}:
            depth += 1
        elif token.text in {")", "]", "}"}:
            depth -= 1
        elif depth == 0 and begin is None and token.keyword == "SELECT":
            begin = token.end
            last_end = token.end
            continue
        elif depth == 0 and begin is not None:
            if token.text == ",":
                texts.append(sql[begin:last_end].strip())
                begin = token.end
            elif (token.keyword in _LIST_END and before != "WITHIN") or token.keyword in _SET_WORDS:
                break
        last_end = token.end
        before = token.keyword
    if begin is None:
        return None
    texts.append(sql[begin:last_end].strip())
    return texts


class Words:
    """A cursor over the words of one statement, for hand-written parsing."""

    def __init__(self, found: Sequence[Token]) -> None:
        self._found = found
        self._at = 0

    @property
    def done(self) -> bool:
        """Whether every word has been taken."""
        return self._at >= len(self._found)

    def peek(self, ahead: int = 0) -> str:
        """The keyword (or symbol) at the cursor, in upper case; empty at the end."""
        place = self._at + ahead
        if place >= len(self._found):
            return ""
        token = self._found[place]
        return token.keyword or (token.text if token.kind == "symbol" else "")

    def accept(self, *keywords: str) -> bool:
        """Take ``keywords`` if they come next, all of them or none."""
        if all(self.peek(place) == word for place, word in enumerate(keywords)):
            self._at += len(keywords)
            return True
        return False

    def take(self) -> Token:
        """The next word, whatever it is.

        :raises StatementFailed: 001003 at the end of the statement.
        """
        if self.done:
            raise syntax_error("syntax error: unexpected end of statement.")
        token = self._found[self._at]
        self._at += 1
        return token

    def name(self) -> str:
        """The next word as an identifier.

        :raises StatementFailed: 001003 when it is not one.
        """
        token = self.take()
        if token.kind not in {"word", "quoted"}:
            raise self.unexpected(token)
        return token.name

    def path(self) -> list[str]:
        """The next identifier with its dots: one to three names."""
        names = [self.name()]
        while self.accept("."):
            names.append(self.name())
        return names

    def string(self) -> str:
        """The next word as a string literal.

        :raises StatementFailed: 001003 when it is not one.
        """
        token = self.take()
        if token.kind != "string":
            raise self.unexpected(token)
        return token.value

    def integer(self) -> int:
        """The next word as a whole number.

        :raises StatementFailed: 001003 when it is not one.
        """
        token = self.take()
        if not token.text.isdecimal():
            raise self.unexpected(token)
        return int(token.text)

    def unexpected(self, token: Token | None = None) -> StatementFailed:
        """The failure for a word that may not stand here."""
        token = token or (None if self.done else self._found[self._at])
        if token is None:
            return syntax_error("syntax error: unexpected end of statement.")
        return syntax_error(
            f"syntax error line 1 at position {token.start} unexpected '{token.text}'."
        )
