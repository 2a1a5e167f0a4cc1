"""INSERT, UPDATE, DELETE and MERGE: their own grammar, and queries out of their expressions.

The walk over a query judges the expressions: ``UPDATE t SET a = 1 WHERE b`` holds what
``SELECT a = 1 WHERE b`` holds, and a statement that is no query can hide in neither.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from snowflake_mcp.policy.calls import Called
from snowflake_mcp.policy.query import judge_query
from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import words
from snowflake_mcp.policy.write import Reader, Write, select_of

__all__ = ["CHANGES", "judge_change"]

_NO_ALIAS: Final = words("FROM JOIN ON SET USING WHEN WHERE")
_WHOLE_ACTIONS: Final = (
    ("DELETE",),
    ("UPDATE", "ALL", "BY", "NAME"),
    ("INSERT", "ALL", "BY", "NAME"),
)
_INSERT: Final = "INSERT INTO db.schema.t (a, b) SELECT x, y FROM u"
_UPDATE: Final = "UPDATE db.schema.t SET a = 1 WHERE id = 7"
_DELETE: Final = "DELETE FROM db.schema.t WHERE id = 7"
_MERGE: Final = (
    "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET a = u.a "
    "WHEN NOT MATCHED THEN INSERT (id, a) VALUES (u.id, u.a)"
)


def judge_change(tokens: Sequence[Token], calls: list[Called]) -> Write:
    """What is known of a statement that begins with one of ``CHANGES``.

    The name of every function that it calls is added to ``calls``.

    Raises:
        WriteFormError: it has another form.
    """
    word = tokens[0].word
    write = Write(word.lower(), Tier.DML, has_tree=True)
    for query in _PARTS[word](tokens, write):
        write.findings += judge_query(query, calls)
    return write


def _insert(tokens: Sequence[Token], write: Write) -> list[list[Token]]:
    reader = Reader(tokens, 1, _INSERT)
    if reader.take("OVERWRITE"):
        write.kind = "insert overwrite"
    reader.need("INTO")
    reader.take("TABLE")
    reader.path()
    if reader.here.text == "(" and not _is_query(tokens, reader.at):
        reader.names()
    if reader.here.word not in {"SELECT", "VALUES", "WITH", "("}:
        reader.fail()
    return [reader.left]


def _update(tokens: Sequence[Token], write: Write) -> list[list[Token]]:
    reader = Reader(tokens, 1, _UPDATE)
    reader.path()
    _alias(reader)
    reader.need("SET")
    _bounded(tokens, reader.at, write)
    return [select_of(tokens[0], *reader.left)]


def _delete(tokens: Sequence[Token], write: Write) -> list[list[Token]]:
    reader = Reader(tokens, 1, _DELETE)
    reader.need("FROM")
    reader.path()
    _alias(reader)
    head = list(tokens[1 : reader.at])
    using = reader.here
    if reader.take("USING"):
        head.append(Token(Kind.PUNCT, ",", ",", using.start))
    _bounded(tokens, reader.at, write)
    return [select_of(tokens[0], _one(tokens[0]), *head, *reader.left)]


def _merge(tokens: Sequence[Token], _write: Write) -> list[list[Token]]:
    reader = Reader(tokens, 1, _MERGE)
    reader.need("INTO")
    reader.path()
    _alias(reader)
    source = Token(Kind.WORD, "FROM", "FROM", tokens[1].start)
    join = Token(Kind.WORD, "JOIN", reader.here.text, reader.here.start)
    target = [source, *tokens[2 : reader.at], join]
    reader.need("USING")
    marks = _marks(tokens, reader.at, "WHEN")
    if not marks:
        reader.at = len(tokens)
        reader.fail()
    head = [_one(tokens[0]), *target, *tokens[reader.at : marks[0]]]
    queries = [select_of(tokens[0], *head)]
    for start, end in zip(marks, [*marks[1:], len(tokens)], strict=True):
        queries += _when(tokens[start:end])
    return queries


def _when(tokens: Sequence[Token]) -> list[list[Token]]:
    """The expressions of ``WHEN [NOT] MATCHED [AND condition] THEN action``."""
    reader = Reader(tokens, 1, _MERGE)
    reader.take("NOT")
    reader.need("MATCHED")
    queries = []
    if reader.take("AND"):
        thens = _marks(tokens, reader.at, "THEN")
        end = thens[0] if thens else len(tokens)
        queries.append(select_of(tokens[0], *tokens[reader.at : end]))
        reader.at = end
    reader.need("THEN")
    action = reader.here
    if any(reader.take(*whole) for whole in _WHOLE_ACTIONS):
        reader.end()
    elif reader.take("UPDATE", "SET"):
        queries.append(select_of(action, *reader.left))
    elif reader.take("INSERT"):
        if reader.here.text == "(":
            reader.names()
        if reader.here.word != "VALUES":
            reader.fail()
        queries.append(reader.left)
    else:
        reader.fail()
    return queries


_PARTS: Final[Mapping[str, Callable[[Sequence[Token], Write], list[list[Token]]]]] = (
    MappingProxyType({"INSERT": _insert, "UPDATE": _update, "DELETE": _delete, "MERGE": _merge})
)
CHANGES: Final = frozenset(_PARTS)
"""The verbs that change rows."""


def _alias(reader: Reader) -> None:
    if reader.take("AS") or (
        reader.here.kind in {Kind.WORD, Kind.QUOTED} and reader.here.word not in _NO_ALIAS
    ):
        reader.value(Kind.WORD, Kind.QUOTED)


def _one(anchor: Token) -> Token:
    return Token(Kind.NUMBER, "1", "1", anchor.start)


def _is_query(tokens: Sequence[Token], at: int) -> bool:
    """Whether the bracket at ``at`` holds a query and not names of columns."""
    while at < len(tokens) and tokens[at].text == "(":
        at += 1
    return at < len(tokens) and tokens[at].word in {"SELECT", "VALUES", "WITH"}


def _marks(tokens: Sequence[Token], at: int, word: str) -> list[int]:
    """Where ``word`` stands from ``at`` on, outside of brackets and of CASE."""
    found = []
    depth = cases = 0
    for place in range(at, len(tokens)):
        token = tokens[place]
        if token.kind is Kind.PUNCT:
            depth += (token.text in {"(", "[", "{"}) - (token.text in {")", "]", "}"})
        elif not depth and token.kind is Kind.WORD:
            if token.word == word and not cases:
                found.append(place)
            elif token.word == "CASE":
                cases += 1
            elif token.word == "END" and cases:
                cases -= 1
    return found


def _bounded(tokens: Sequence[Token], at: int, write: Write) -> None:
    if not _marks(tokens, at, "WHERE"):
        write.findings.append(
            Finding(
                Rule.UNBOUNDED_WRITE,
                f"{tokens[0].word} without WHERE changes every row.",
                "Add a WHERE that names the rows; write WHERE TRUE if every row is meant.",
                tokens[0],
            )
        )
