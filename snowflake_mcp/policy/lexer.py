"""The strict lexer: cuts a text into tokens, and refuses what two lexers could read differently.

Written from Snowflake's documentation, not from another parser. Every pattern is possessive, so
the time is linear in the length of the text whatever the text is.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import TYPED_LITERALS, words

__all__ = ["MAX_DEPTH", "MAX_TOKENS", "LexicalError", "Scan", "check_bytes", "scan"]

MAX_TOKENS: Final = 20_000
"""Tokens of one statement text; the cost of every later layer is bounded by it."""
MAX_DEPTH: Final = 64
"""Open brackets at any place."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_TOKEN: Final = re.compile(
    r"""
    [ \t\r\n]*+(?:
      (?P<word>[A-Za-z_][A-Za-z0-9_$]*+)
    | (?P<line>(?:--|//)[^\n]*+)
    | (?P<block>/\*)
    | (?P<number>0[xX][0-9A-Fa-f]++|(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+)
    | (?P<string>'(?:[^'\\]++|''|\\.)*+')
    | (?P<quoted>"(?:[^"]++|"")*+")
    | (?P<dollar>\$\$)
    | (?P<variable>\$(?:[0-9]++|[A-Za-z_][A-Za-z0-9_]*+)(?![$\w]))
    | (?P<bind>\?)
    | (?P<stage>@(?:~|%?+(?:[A-Za-z_][A-Za-z0-9_$]*+|"(?:[^"]++|"")++")
          (?:\.(?:%?+[A-Za-z_][A-Za-z0-9_$]*+|%?+"(?:[^"]++|"")++"))*+)
        (?:/[A-Za-z0-9_.=/$+:\-]*+)?+(?=[\s(),;]|\Z))
    | (?P<punct>->>|->|=>|::|<=|>=|<>|!=|\|\||\*\*|(?!:=|>>|<<)[()\[\]{},.;:+\-*/%<>=!|^]
          |\$(?![$\w]))
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_IN_PATH: Final = re.compile(r"//|--|/\*")
_MAY_TOUCH_STRING: Final = TYPED_LITERALS | words(
    "AND AS BETWEEN BY COLLATE ELSE ESCAPE ILIKE IN LIKE NOT OR REGEXP RLIKE SELECT THEN WHEN"
)
"""Words after which a string may stand without a blank: none changes how the string is read."""
_CLOSES: Final = {")": "(", "]": "[", "}": "{"}
_BRACKETS: Final = frozenset("()[]{}")
_UNTERMINATED: Final = {
    "'": ("a string", "Close the string with '; write a quote inside it as ''."),
    '"': ("a quoted name", 'Close the name with "; write a quote inside it as "".'),
}


class LexicalError(Exception):
    """The text cannot be read in exactly one way; ``finding`` says where and why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.rule.value)
        self.finding = finding


@dataclass(frozen=True, slots=True)
class Scan:
    """The tokens of a text, and where its comments were."""

    tokens: list[Token]
    comments: list[tuple[int, int]]
    """Start and end offset of each comment, in order."""


def _fail(rule: Rule, message: str, remedy: str, text: str = "", start: int = 0) -> LexicalError:
    token = Token(Kind.PUNCT, text, text, start) if text else None
    return LexicalError(Finding(rule, message, remedy, token))


def check_bytes(sql: str, max_sql_bytes: int) -> None:
    """Bound the length and refuse characters that no honest statement holds.

    Raises:
        LexicalError: the text is too long, not Unicode, or holds control characters.
    """
    if len(sql) <= max_sql_bytes and sql.isascii() and sql.isprintable():
        # As many bytes as characters, and none that is looked for below.
        return
    # A str of n characters has at least n bytes, so an enormous text is not even encoded.
    if len(sql) > max_sql_bytes or len(sql.encode("utf-8", "surrogatepass")) > max_sql_bytes:
        raise _fail(
            Rule.TOO_LONG,
            f"The statement is longer than {max_sql_bytes} bytes.",
            "Shorten it, or ask the operator to raise limits.max_sql_bytes.",
        )
    if found := _SURROGATE.search(sql):
        raise _fail(
            Rule.NOT_UNICODE,
            "The text holds half of a surrogate pair, which is not a Unicode character.",
            "Remove the character.",
            found[0],
            found.start(),
        )
    if found := _CONTROL.search(sql):
        raise _fail(
            Rule.CONTROL_CHARACTER,
            f"The text holds the control character U+{ord(found[0]):04X}.",
            "Use only blanks, tabs and line feeds (or CR LF) between words; "
            "write other control characters in strings as escapes such as '\\u0007'.",
            found[0],
            found.start(),
        )


def scan(sql: str) -> Scan:
    """Cut ``sql``, which has passed ``check_bytes``, into tokens.

    Raises:
        LexicalError: something is unterminated, ambiguous, unbalanced, or beyond a bound.
    """
    tokens: list[Token] = []
    comments: list[tuple[int, int]] = []
    open_brackets: list[Token] = []
    at = 0
    while found := _TOKEN.match(sql, at):
        group = found.lastgroup or ""
        at, end = found.span(group)
        text = found[group]
        if group == "punct":
            token = Token(Kind.PUNCT, text, text, at)
            if text in _BRACKETS:
                _balance(token, open_brackets)
            tokens.append(token)
        elif group in {"line", "block"}:
            end = _comment(sql, at, end, group == "block")
            comments.append((at, end))
        else:
            if group == "dollar":
                end = _dollar_string(sql, at)
                text = sql[at:end]
            tokens.append(_token(sql, group, text, at, end))
        if len(tokens) > MAX_TOKENS:
            raise _fail(
                Rule.TOO_MANY_TOKENS,
                f"The statement has more than {MAX_TOKENS} words and signs.",
                "Split the work into smaller statements.",
                text,
                at,
            )
        at = end
    if rest := sql[at:].lstrip(" \t\r\n"):
        raise _unreadable(sql, len(sql) - len(rest))
    if open_brackets:
        opener = open_brackets[-1]
        raise _fail(
            Rule.BRACKETS,
            f"The bracket {opener.text} is never closed.",
            "Balance the brackets.",
            opener.text,
            opener.start,
        )
    return Scan(tokens, comments)


def _token(sql: str, group: str, text: str, at: int, end: int) -> Token:
    following = sql[end : end + 1]
    if group == "word":
        if "$$" in text:
            raise _dollar(text, at)
        word = text.upper()
        if following == "'" and word not in _MAY_TOUCH_STRING:
            raise _fail(
                Rule.STRING_PREFIX,
                f"The string prefix {text} is not one of Snowflake's.",
                f"Put a blank between {text} and the string, or remove the prefix.",
                text,
                at,
            )
        return Token(Kind.WORD, word, text, at)
    if group == "quoted":
        if text == '""':
            raise _fail(Rule.CHARACTER, "A quoted name is empty.", "Name the object.", text, at)
        return Token(Kind.QUOTED, text, text, at)
    if group == "number":
        if following and (following in "_$.'\"" or following.isalnum()):
            raise _fail(
                Rule.NUMBER,
                f"The number {text} runs into {following}.",
                "Put a blank after the number.",
                text,
                at,
            )
        return Token(Kind.NUMBER, text, text, at)
    if group == "stage" and _COMMENT_IN_PATH.search(text):
        raise _fail(
            Rule.STAGE_PATH,
            "The stage path holds a sign that could begin a comment (//, -- or /*).",
            "Quote the whole location: '@stage/path'.",
            text,
            at,
        )
    return Token(_KINDS[group], text, text, at)


_KINDS: Final = {
    "string": Kind.STRING,
    "dollar": Kind.STRING,
    "variable": Kind.VARIABLE,
    "bind": Kind.BIND,
    "stage": Kind.STAGE,
}


def _comment(sql: str, at: int, end: int, block: bool) -> int:
    """The end of the comment that begins at ``at``; its text must mean the same to any reader."""
    if block:
        if sql.startswith("/", end):
            raise _fail(
                Rule.NESTED_COMMENT,
                "/*/ can be read as an open or as a closed comment.",
                "Put a blank after /*.",
                "/*/",
                at,
            )
        close = sql.find("*/", end)
        if close < 0:
            raise _fail(
                Rule.UNTERMINATED, "A comment is never closed.", "Close it with */.", "/*", at
            )
        if (inner := sql.find("/*", end, close + 1)) >= 0:
            raise _fail(
                Rule.NESTED_COMMENT,
                "A comment begins inside a comment.",
                "Remove the inner /*; comments do not nest.",
                "/*",
                inner,
            )
        end = close + 2
    for odd in _NOT_ASCII.finditer(sql, at, end):
        if unicodedata.category(odd[0]) in {"Cf", "Zl", "Zp", "Cc"}:
            raise _fail(
                Rule.COMMENT_CHARACTER,
                f"A comment holds the invisible character U+{ord(odd[0]):04X}, "
                "at which another reader might end the line.",
                "Remove the character or the comment.",
                odd[0],
                odd.start(),
            )
    return end


def _dollar_string(sql: str, at: int) -> int:
    close = sql.find("$$", at + 2)
    if close < 0:
        raise _fail(
            Rule.UNTERMINATED, "A $$ string is never closed.", "Close it with $$.", "$$", at
        )
    end = close + 2
    # $$$ can be cut at either end, so neither reading is accepted.
    if sql.startswith("$", at + 2) or sql.startswith("$", end):
        raise _dollar("$$$", at)
    return end


def _dollar(text: str, at: int) -> LexicalError:
    return _fail(
        Rule.DOLLAR_QUOTE,
        f"The dollar signs of {text[:40]} can be read in two ways.",
        "Use single quotes: '...' with ' written as ''.",
        text,
        at,
    )


def _unreadable(sql: str, at: int) -> LexicalError:
    sign = sql[at]
    if sign in _UNTERMINATED:
        what, remedy = _UNTERMINATED[sign]
        return _fail(Rule.UNTERMINATED, f"{what.capitalize()} is never closed.", remedy, sign, at)
    if sign == "@":
        return _fail(
            Rule.STAGE_PATH,
            "The stage location cannot be read.",
            "Write @stage, @db.schema.stage/path or @~/path with a blank after it; "
            "quote a location with other signs: '@stage/path'.",
            sign,
            at,
        )
    if sign == "$":
        return _dollar(sql[at : at + 2], at)
    if sign.isascii():
        remedy = "Use only operators of Snowflake's SQL; put text into quotes."
        if sql.startswith(":=", at):
            remedy = "Send a query; Snowflake Scripting is not run here."
        elif sign == "`":
            remedy = 'Quote names with "double quotes", not with backticks.'
        return _fail(
            Rule.CHARACTER, f"{sign} is not a sign of Snowflake's SQL here.", remedy, sign, at
        )
    name = unicodedata.name(sign, "an unnamed character")
    return _fail(
        Rule.CHARACTER,
        f"U+{ord(sign):04X} ({name.lower()}) stands outside of quotes.",
        'Use plain ASCII outside of quotes; quote a name with such letters: "größe".',
        sign,
        at,
    )


def _balance(token: Token, open_brackets: list[Token]) -> None:
    text = token.text
    if text not in _CLOSES:
        open_brackets.append(token)
        if len(open_brackets) > MAX_DEPTH:
            raise _fail(
                Rule.TOO_DEEP,
                f"More than {MAX_DEPTH} brackets are open at once.",
                "Flatten the statement, for example with WITH.",
                text,
                token.start,
            )
    else:
        if not open_brackets or open_brackets[-1].text != _CLOSES[text]:
            raise _fail(
                Rule.BRACKETS,
                f"The bracket {text} closes nothing.",
                "Balance the brackets.",
                text,
                token.start,
            )
        open_brackets.pop()
