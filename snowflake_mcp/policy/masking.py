"""Keeps masked columns under their names: answers are masked by the name of an output column.

So a masked column may be selected plainly, where its name reaches the result, and nothing else
may be done with it. What takes all columns at once (``*``) may do so where names stay, too. The
walk says what is allowed, and whatever is not said is refused: a name that the tree does not
account for as well.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake

from snowflake_mcp.policy.columns import ColumnPatterns
from snowflake_mcp.policy.functions import BUILT_IN
from snowflake_mcp.policy.rules import SECTION, Finding, Rule
from snowflake_mcp.policy.tokens import Kind, Token

__all__ = ["misuse", "named"]

_MOST: Final = 5
_KEYWORDS: Final = frozenset(
    {word.upper() for word in Snowflake.Tokenizer.KEYWORDS}
    | {kind.value for kind in exp.DataType.Type}
)
"""Words that are no names where the parser made none of them."""
_SETTING: Final = f"The operator sets {SECTION}.mask_columns."
_PLAINLY: Final = (
    "Select it plainly, with its own name and neither in a UNION nor in an expression, and its "
    f"values come masked; or leave it out. {_SETTING}"
)
_BY_NAME: Final = f"Name the columns that you need, without the masked ones. {_SETTING}"


def misuse(
    tree: exp.Expression, tokens: Sequence[Token], patterns: ColumnPatterns
) -> list[Finding]:
    """What a query, read from ``tokens``, or a write does with masked columns beside showing them.

    Nothing when no column is masked.
    """
    if not patterns.active:
        return []
    places = {token.start: token for token in tokens}
    findings = list(_shapes(tree, places, tokens[0]))
    plain, known = _plain_places(tree, patterns)
    for at, token in enumerate(tokens):
        if token.start in plain or not _is_name(token) or not patterns.mask(token.name):
            continue
        if token.start not in known and _is_syntax(token, tokens[at + 1 : at + 3]):
            continue
        findings.append(_masked(token))
    return findings[:_MOST]


def named(tokens: Sequence[Token], patterns: ColumnPatterns) -> list[Finding]:
    """The masked names in a statement that is not parsed, such as ALTER."""
    found = [
        token
        for token in tokens
        if _is_name(token) and patterns.mask(token.name) and token.word not in _KEYWORDS
    ]
    return [_masked(token) for token in found[:_MOST]]


def _plain_places(tree: exp.Expression, patterns: ColumnPatterns) -> tuple[set[int], set[int]]:
    """Where names stand that are allowed although they match, and where any name stands."""
    plain: set[int] = set()
    known: set[int] = set()
    for node in tree.find_all(exp.Identifier):
        start = node.meta.get("start")
        if start is None:
            continue
        known.add(start)
        if _is_allowed(node, patterns):
            plain.add(start)
    return plain, known


def _is_allowed(node: exp.Identifier, patterns: ColumnPatterns) -> bool:
    parent, key = node.parent, node.arg_key
    if isinstance(parent, exp.Table):
        return key in {"this", "db", "catalog"}
    if isinstance(parent, exp.TableAlias):
        return key == "this"
    if isinstance(parent, exp.Column):
        return key in {"table", "db", "catalog"} or _is_shown(parent, patterns)
    if isinstance(parent, exp.Alias):
        # Its own name, or another one that is masked as well.
        column = parent.this
        return key == "alias" and isinstance(column, exp.Column) and _is_shown(column, patterns)
    return False


def _is_shown(column: exp.Column, patterns: ColumnPatterns) -> bool:
    """Whether a masked column is an output column whose name is masked, or left out by name."""
    if not patterns.mask(column.name):
        return False
    above: exp.Expr = column
    if isinstance(column.parent, exp.Star):
        return column.arg_key in {"except_", "except"}
    if isinstance(column.parent, exp.Alias):
        above = column.parent
        if column.arg_key != "this" or not patterns.mask(above.alias):
            return False
    return above.arg_key == "expressions" and _keeps_names(above.parent)


def _keeps_names(select: exp.Expr | None) -> bool:
    """Whether the names of a query's output columns are those that its reader goes by."""
    if not isinstance(select, exp.Select):
        return False
    node: exp.Expr = select
    while isinstance(node.parent, exp.Subquery):
        node = node.parent
        if _renames(node):
            return False
    parent = node.parent
    if isinstance(parent, exp.CTE):
        return not _renames(parent)
    if isinstance(parent, exp.Lateral):
        return not _renames(parent)
    return parent is None or isinstance(parent, exp.Exists | exp.From | exp.Join)


def _renames(node: exp.Expr) -> bool:
    """Whether an alias with a list of columns gives them other names."""
    alias = node.args.get("alias")
    columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    # Those that the parser adds by itself, to FLATTEN, stand nowhere.
    return any(each.meta.get("start") is not None for each in columns or ())


def _shapes(tree: exp.Expression, places: dict[int, Token], first: Token) -> Iterator[Finding]:
    """What loses the names of columns without naming any."""
    for node in tree.walk():
        if isinstance(node, exp.Star) and not _is_plain_star(node):
            token = places.get(node.meta.get("start", -1), first)
            yield Finding(
                Rule.MASKED_COLUMN,
                "The star stands where masked columns would lose their names.",
                f"{_BY_NAME} COUNT(*) is fine, and so is the star of the outermost query.",
                token,
            )
        elif isinstance(node, exp.PositionalColumn) or _is_position(node):
            yield _nameless(first, "A column by its position ($1) has no name to be masked by.")
        elif isinstance(node, exp.DynamicIdentifier) and not isinstance(node.parent, exp.Table):
            yield _nameless(first, "IDENTIFIER() of a column hides its name.")
        elif not isinstance(node, _RENAMED_INSIDE) and _renames(node):
            yield _nameless(first, "The list of columns behind an alias renames what is masked.")


_RENAMED_INSIDE: Final = (exp.CTE, exp.Subquery, exp.Lateral, exp.Values)
"""Where the query inside is looked at, or there is nothing to be masked."""


def _is_position(node: exp.Expr) -> bool:
    """``$1`` for a column; behind FROM it is a step of a flow chain, and ``$name`` is a value."""
    if not isinstance(node, exp.Parameter) or isinstance(node.parent, exp.Table):
        return False
    return isinstance(node.this, exp.Literal) and not node.this.is_string


def _is_plain_star(star: exp.Star) -> bool:
    node: exp.Expr = star
    if isinstance(star.parent, exp.Count):
        return star.arg_key == "this"
    if isinstance(star.parent, exp.Column):
        node = star.parent
    return node.arg_key == "expressions" and _keeps_names(node.parent)


def _is_name(token: Token) -> bool:
    return token.kind in {Kind.WORD, Kind.QUOTED}


def _is_syntax(token: Token, after: Sequence[Token]) -> bool:
    """Whether a word that the tree has not as a name is a keyword, a type or a function."""
    if token.kind is not Kind.WORD:
        return False
    called = bool(after) and after[0].text == "(" and token.word in BUILT_IN
    return called or token.word in _KEYWORDS


def _masked(token: Token) -> Finding:
    return Finding(
        Rule.MASKED_COLUMN,
        f"{token.text[:60]} is a masked column, and more is done with it than showing it.",
        _PLAINLY,
        token,
    )


def _nameless(token: Token, message: str) -> Finding:
    return Finding(Rule.MASKED_COLUMN, message, _BY_NAME, token)
