"""What an allowed statement mentions: objects from its syntax tree, the rest from its tokens."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from sqlglot import exp

from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.verdict import Objects
from snowflake_mcp.policy.words import words

__all__ = ["References"]

_PLAIN: Final = re.compile(r"[A-Z_][A-Z0-9_$]*+", re.ASCII)
_SCOPES: Final = {"DATABASE": 0, "SCHEMA": 1, "TABLE": 2, "VIEW": 2}
_DESCRIBED: Final = words("TABLE VIEW")
_MAX_EACH: Final = 500
"""Names of one kind that are told; a statement with more is told as far as this."""


def _written(name: str) -> str:
    """A stored name as SQL takes it."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _identifier(node: exp.Expression | None) -> str:
    if not isinstance(node, exp.Identifier):
        return ""
    name = str(node.this)
    return _written(name if node.args.get("quoted") else name.upper())


def _dotted(path: Iterable[Token]) -> str:
    return ".".join(_written(part.name) for part in path)


class References:
    """Collects while the statements of a flow chain are judged."""

    def __init__(self) -> None:
        self._databases: set[str] = set()
        self._schemas: set[str] = set()
        self._tables: set[str] = set()
        self._stages: set[str] = set()
        self._functions: set[str] = set()
        self._columns: set[str] = set()

    def called(self, calls: Iterable[Sequence[Token]]) -> None:
        """Take the names of functions, each as the parts of its path."""
        self._functions.update(_dotted(path) for path in calls)

    def tokens(self, tokens: Sequence[Token]) -> None:
        """Take what tokens alone tell: stages, literal names, targets of SHOW and DESCRIBE."""
        for at, token in enumerate(tokens):
            if token.kind is Kind.STAGE:
                self._stages.add(token.text.partition("/")[0])
            elif token.kind is Kind.STRING:
                if token.text.startswith("'@"):
                    self._stages.add(token.text[1:-1].partition("/")[0])
                elif (
                    at > 1
                    and tokens[at - 1].text == "("
                    and tokens[at - 2].word in {"IDENTIFIER", "TABLE"}
                ):
                    self._literal(token.text[1:-1])
            elif token.word == "TABLE" and at + 1 < len(tokens) and tokens[at + 1].text == "(":
                path, end = _path_at(tokens, at + 2)
                if path and end < len(tokens) and tokens[end].text == ")":
                    self._named(path, 2)
        head = tokens[0].word
        if head in {"DESCRIBE", "DESC"}:
            at = 2 if len(tokens) > 2 and tokens[1].word in _DESCRIBED else 1
            path, end = _path_at(tokens, at)
            if path and (at == 2 or end == len(tokens)):
                self._named(path, 2)
        elif head == "SHOW":
            self._scope(tokens)

    def tree(self, tree: exp.Expression) -> None:
        """Take the tables and columns of a query."""
        for node in tree.walk():
            if isinstance(node, exp.Table):
                name = _identifier(node.this)
                database, schema = (
                    _identifier(node.args.get("catalog")),
                    _identifier(node.args.get("db")),
                )
                if name and (database or schema or not _is_common(node, name)):
                    self._object(database, schema, name)
            elif isinstance(node, exp.Column) and (name := _identifier(node.this)):
                self._columns.add(name)

    def objects(self) -> Objects:
        """All of it, sorted."""
        return Objects(
            *(
                tuple(sorted(names)[:_MAX_EACH])
                for names in (
                    self._databases,
                    self._schemas,
                    self._tables,
                    self._stages,
                    self._functions,
                    self._columns,
                )
            )
        )

    def _object(self, database: str, schema: str, name: str) -> None:
        if database:
            self._databases.add(database)
        if schema:
            self._schemas.add(f"{database}.{schema}" if database else schema)
        middle = f"{database}.{schema}." if database else f"{schema}." if schema else ""
        self._tables.add(middle + name)

    def _named(self, path: Sequence[str], parts: int) -> None:
        """A dotted name whose last part is a database (0), a schema (1) or a table (2)."""
        names = [""] * max(0, parts + 1 - len(path)) + list(path)[-parts - 1 :]
        if parts == 2:
            self._object(*names)
        elif parts == 1:
            if names[0]:
                self._databases.add(names[0])
            self._schemas.add(".".join(filter(None, names)))
        else:
            self._databases.add(names[0])

    def _literal(self, text: str) -> None:
        parts = [
            part[1:-1].replace('""', '"') if part.startswith('"') else part.upper()
            for part in re.findall(r'"(?:[^"]|"")*"|[^."]+', text)
        ]
        if parts:
            self._named([_written(part) for part in parts], 2)

    def _scope(self, tokens: Sequence[Token]) -> None:
        for at, token in enumerate(tokens[:-2]):
            if token.word == "IN" and (parts := _SCOPES.get(tokens[at + 1].word)) is not None:
                path, _ = _path_at(tokens, at + 2)
                if path:
                    self._named(path, parts)
                return


def _path_at(tokens: Sequence[Token], at: int) -> tuple[list[str], int]:
    """The dotted name that begins at ``at``, and the index behind it."""
    path: list[str] = []
    while at < len(tokens) and tokens[at].kind in {Kind.WORD, Kind.QUOTED}:
        path.append(_written(tokens[at].name))
        at += 1
        if at >= len(tokens) or tokens[at].text != ".":
            break
        at += 1
        if at < len(tokens) and tokens[at].text == ".":
            path.append("")
            at += 1
    return path, at


def _is_common(table: exp.Table, name: str) -> bool:
    """Whether an unqualified name is that of a common table expression which is visible there.

    In doubt it is a table: to name one too many does no harm.
    """
    node: exp.Expr | None = table
    inside: exp.Expr | None = None
    while node is not None:
        with_ = node.args.get("with_") or node.args.get("with")
        if isinstance(with_, exp.With):
            for common in with_.expressions:
                alias = common.args.get("alias")
                same = isinstance(alias, exp.TableAlias) and _identifier(alias.this) == name
                if inside is not None and common is inside:
                    # Its own name within it means itself only where it can recur.
                    if same and isinstance(common.this, exp.SetOperation):
                        return True
                    break
                if same:
                    return True
        if isinstance(node, exp.CTE):
            inside = node
        node = node.parent
    return False
