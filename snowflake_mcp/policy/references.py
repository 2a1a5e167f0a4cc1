"""Collects what an allowed statement mentions: objects from its syntax tree, tokens and calls."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from sqlglot import exp

from snowflake_mcp.policy.calls import Called
from snowflake_mcp.policy.names import dotted, literal_text, path_at, path_in, stage_path, written
from snowflake_mcp.policy.naming import named_by
from snowflake_mcp.policy.reference import Level, Reference, unknown
from snowflake_mcp.policy.targets import targets
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.verdict import Objects
from snowflake_mcp.policy.words import words

__all__ = ["References"]

_MAX_EACH: Final = 500
"""Names of one kind that are told; a statement with more is told as far as this."""
_LITERAL_NAMES: Final = {"IDENTIFIER", "TABLE"}
_BEFORE_STAGE: Final = words("( , => FROM JOIN LIST LS")
"""After anything else a string that begins with ``@`` is only a value."""
_NAMING_OPTIONS: Final = {"FILE_FORMAT", "STREAM"}
"""Options whose value is the name of an object."""
_TOLD_ELSEWHERE: Final = (exp.DirectoryStage, exp.DynamicIdentifier, exp.Func, exp.SemanticView)
"""What may stand for a table and is found among the tokens, the calls, or deeper in the tree."""


class References:
    """Collects while the statements of a flow chain are judged."""

    def __init__(self) -> None:
        self.all: list[Reference] = []
        """Every mention, in the order in which it was found."""
        self._stages: set[str] = set()
        self._functions: set[str] = set()
        self._columns: set[str] = set()

    def called(self, calls: Sequence[Called]) -> None:
        """Take the names of functions."""
        self._functions.update(dotted([part.name for part in each.path]) for each in calls)

    def tokens(self, tokens: Sequence[Token], calls: Sequence[Called]) -> None:
        """Take what tokens tell: stages, literal names, targets of SHOW and DESCRIBE, calls.

        The token layers must have understood them.
        """
        self.all += targets(tokens)
        for at, (before, token) in enumerate(pairwise(tokens), 1):
            if token.kind is Kind.STAGE:
                self._stage(token, token.text)
            elif token.kind is Kind.STRING:
                if before.word in _BEFORE_STAGE and (text := literal_text(token)).startswith("@"):
                    self._stage(token, text)
                elif before.text == "=>" and tokens[at - 2].word in _NAMING_OPTIONS:
                    path = path_in(literal_text(token))
                    self.all.append(
                        Reference(Level.OBJECT, path, token) if path else unknown(token)
                    )
            elif before.word in _LITERAL_NAMES and token.text == "(":
                self._argument(tokens, at + 1)
        if calls:
            places = {token.start: at for at, token in enumerate(tokens)}
            for called in calls:
                self.all += named_by(called, tokens, places[called.path[-1].start] + 1)

    def tree(self, tree: exp.Expression, tokens: Sequence[Token]) -> None:
        """Take the tables and columns of a query, which was read from ``tokens``."""
        places = {token.start: token for token in tokens}
        for node in tree.walk():
            if isinstance(node, exp.Table):
                self._table(node, places, tokens[0])
            elif isinstance(node, exp.Column) and (name := _name(node.this)):
                self._columns.add(written(name))

    def objects(self) -> Objects:
        """All of it for the caller, sorted."""
        databases: set[str] = set()
        schemas: set[str] = set()
        tables: set[str] = set()
        for each in self.all:
            if not each.path or not (each.is_table or each.level < Level.OBJECT):
                continue
            missing = max(0, each.level - len(each.path))
            names = ["", "", *([""] * missing), *each.path, *([""] * (Level.OBJECT - each.level))]
            database, schema, name = names[-3:]
            if database:
                databases.add(written(database))
            if schema:
                schemas.add(dotted([part for part in (database, schema) if part]))
            if name:
                tables.add(dotted(each.path))
        return Objects(
            *(
                tuple(sorted(names)[:_MAX_EACH])
                for names in (
                    databases,
                    schemas,
                    tables,
                    self._stages,
                    self._functions,
                    self._columns,
                )
            )
        )

    def _stage(self, token: Token, text: str) -> None:
        self._stages.add(text.partition("/")[0])
        path = stage_path(text)
        self.all.append(Reference(Level.OBJECT, path, token) if path else unknown(token))

    def _argument(self, tokens: Sequence[Token], at: int) -> None:
        """The name in ``TABLE(name)``, ``TABLE('name')`` or ``IDENTIFIER('name')``."""
        if tokens[at].kind is Kind.STRING:
            path, end = path_in(literal_text(tokens[at])), at + 1
        else:
            path, end = path_at(tokens, at)
        if path and end < len(tokens) and tokens[end].text == ")":
            self.all.append(Reference(Level.OBJECT, path, tokens[at], is_table=True))

    def _table(self, node: exp.Table, places: Mapping[int, Token], query: Token) -> None:
        name = _name(node.this)
        if name:
            token = places.get(node.this.meta.get("start", -1), query)
            database, schema = _name(node.args.get("catalog")), _name(node.args.get("db"))
            if database:
                self._mention((database, schema, name), token)
            elif schema:
                self._mention((schema, name), token)
            elif not _is_common(node, name):
                self._mention((name,), token)
        elif not isinstance(node.this, _TOLD_ELSEWHERE) and not _is_flow_or_stage(node.this):
            self.all.append(unknown(query))

    def _mention(self, path: tuple[str, ...], token: Token) -> None:
        self.all.append(Reference(Level.OBJECT, path, token, is_table=True))


def _name(node: exp.Expression | None) -> str:
    """The stored name that a node stands for; empty when it is no name."""
    if not isinstance(node, exp.Identifier):
        return ""
    name = str(node.this)
    return name if node.args.get("quoted") else name.upper()


def _is_flow_or_stage(node: exp.Expression | None) -> bool:
    """``$1`` of a flow chain, or a stage, which is found among the tokens."""
    if isinstance(node, exp.Parameter):
        return str(node.this.this).isdecimal()
    return isinstance(node, exp.Var | exp.Literal) and str(node.this).startswith("@")


def _is_common(table: exp.Table, name: str) -> bool:
    """Whether an unqualified name is that of a common table expression which is visible there.

    In doubt it is a table.
    """
    node: exp.Expr | None = table
    inside: exp.Expr | None = None
    while node is not None:
        with_ = node.args.get("with_") or node.args.get("with")
        if isinstance(with_, exp.With):
            for common in with_.expressions:
                alias = common.args.get("alias")
                same = isinstance(alias, exp.TableAlias) and _name(alias.this) == name
                if inside is not None and common is inside:
                    # Its own name within it means itself only where it can recur.
                    if same and _recurs(table, common.this):
                        return True
                    break
                if same:
                    return True
        if isinstance(node, exp.CTE):
            inside = node
        node = node.parent
    return False


def _recurs(table: exp.Table, query: exp.Expression) -> bool:
    """Whether ``table`` is in the recursive part of ``query``, behind its first UNION."""
    if not isinstance(query, exp.SetOperation):
        return False
    anchor: exp.Expr = query
    while isinstance(anchor, exp.SetOperation | exp.Subquery):
        anchor = anchor.this
    node: exp.Expr | None = table
    while node is not None and node is not query:
        if node is anchor:
            return False
        node = node.parent
    return True
