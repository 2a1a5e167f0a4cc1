"""The second opinion: what an independent lexer and parser, sqlglot, makes of an allowed query.

Its verdict can only refuse. Nothing that it makes is sent, and nothing is generated from its
trees; it runs in a child process only, since it is slow or deep on some texts.
"""

import logging
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.tokenizer_core import TokenType

from snowflake_mcp.policy.elisions import elided
from snowflake_mcp.policy.functions import (
    BUILT_IN,
    CAPABILITY_OF,
    GRANTABLE_SYSTEM,
    MATCH_FUNCTIONS,
    SCHEMA_FUNCTIONS,
    SYSTEM_READS,
)
from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import words

__all__ = ["MAX_BARE_JOINS", "MAX_NODES", "parse"]

MAX_NODES: Final = 20_000
"""Of one syntax tree; it also bounds the parser's own backtracking."""
MAX_BARE_JOINS: Final = 8
"""JOINs in a row without ON or USING: each one doubles what the parser tries."""

# It quotes the text when it falls back to an opaque node, which is refused here anyway.
logging.getLogger("sqlglot").disabled = True

_ROOTS: Final = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_WRITES: Final[dict[str, tuple[type[exp.Expression], ...]]] = {
    "CREATE": (exp.Create,),
    "DELETE": (exp.Delete,),
    "INSERT": (exp.Insert,),
    "MERGE": (exp.Merge,),
    "UPDATE": (exp.Update,),
}
"""Roots of writes by their verbs; the token layers let no other verb through."""
_OF_WRITES: Final = words(
    """
    AutoIncrementColumnConstraint Clone ClusterProperty CommentColumnConstraint Constraint
    CopyGrantsProperty Create DefaultColumnConstraint Delete ForeignKey
    GeneratedAsIdentityColumnConstraint IndexParameters Insert LikeProperty MaterializedProperty
    Merge PrimaryKey PrimaryKeyColumnConstraint Properties Property Reference Schema
    SchemaCommentProperty SecureProperty SequenceProperties TransientProperty
    UniqueColumnConstraint Update ViewAttributeProperty When Whens
    """
)
"""Further classes of nodes that a write consists of."""
_PROPERTIES: Final = words(
    """
    CHANGE_TRACKING DATA_RETENTION_TIME_IN_DAYS DEFAULT_DDL_COLLATION ENABLE_SCHEMA_EVOLUTION
    MAX_DATA_EXTENSION_TIME_IN_DAYS
    """
)
"""Options that need no class of their own."""
_STRUCTURE: Final = words(
    """
    Add Alias Aliases All Any Between BitwiseAnd BitwiseLeftShift BitwiseNot BitwiseOr
    BitwiseRightShift BitwiseXor Boolean Bracket CTE Changes Column ColumnConstraint ColumnDef
    Connect Cube DPipe DataType DataTypeParam DirectoryStage Distinct Div Dot EQ Escape Except
    Fetch Final From GT GTE Group GroupingSets Having HexString HistoricalData ILike Identifier
    IgnoreNulls In IntDiv Intersect Interval IntervalSpan Is JSONKeyValue JSONPath JSONPathFilter
    JSONPathKey JSONPathRecursive JSONPathRoot JSONPathSelector JSONPathSlice JSONPathSubscript
    JSONPathUnion JSONPathWildcard Join Kwarg LT LTE Lambda Lateral Like Limit LimitOptions Literal
    MatchRecognize MatchRecognizeMeasure Mod ModelAttribute Mul NEQ National Neg Not
    NotNullColumnConstraint Null NullSafeEQ NullSafeNEQ Offset Order Ordered Parameter Paren Pivot
    PivotAlias PivotAny Placeholder PositionalColumn Prior PropertyEQ Pseudocolumn Qualify
    RawString RespectNulls Rollup Select SemanticView Slice Star Sub Subquery Table TableAlias
    TableColumn TableFromRows TableSample Tuple Union UnpivotColumns Values Var Where Window
    WindowSpec With WithinGroup
    """
)
"""Classes of nodes that are no functions and that a read consists of."""
_NEVER: Final = words(
    """
    JSONBDeleteAtPath JSONBExtract JSONBExtractScalar JSONExtractScalar JSONTable NextValueFor
    OpenJSON XMLTable
    """
)
"""Classes of functions that no Snowflake query has: of ``->>`` inside a query, of sequences."""
_STRINGS: Final = {
    TokenType.STRING,
    TokenType.RAW_STRING,
    TokenType.HEX_STRING,
    TokenType.NATIONAL_STRING,
}
_KNOWN: Final = BUILT_IN | SCHEMA_FUNCTIONS | MATCH_FUNCTIONS
_SYSTEM: Final = SYSTEM_READS | GRANTABLE_SYSTEM.keys()
_OPENS_UNKNOWN: Final = {"udf", "ai"}


def parse(
    text: str, tokens: Sequence[Token], needed: frozenset[str], *, writes: bool = False
) -> tuple[exp.Expression | None, list[Finding]]:
    """The syntax tree of one allowed query or write, and what speaks against it.

    Args:
        text: the query as it will be sent, with its tokens at their offsets.
        tokens: as our own lexer cut it.
        needed: capabilities that the token layers found it to need.
        writes: it is a whole write, which the token layers know as one and allow.
    """
    dialect = Snowflake()
    if (bare := _bare_join(tokens)) is not None:
        return None, [bare]
    try:
        cut = dialect.tokenize(text)
    except Exception as problem:  # noqa: BLE001 - it raises what it likes; any of it refuses
        return None, [_not_parsed(tokens[0], problem)]
    if (odd := _disagreement(cut, tokens)) is not None:
        return None, [odd]
    try:
        trees = _trees(dialect, cut, text)
    except Exception as first:  # noqa: BLE001 - as above
        shorter = elided(text, tokens)
        if shorter == text:
            return None, [_not_parsed(tokens[0], first)]
        try:
            trees = _trees(dialect, dialect.tokenize(shorter), shorter)
        except Exception as problem:  # noqa: BLE001 - as above
            return None, [_not_parsed(tokens[0], problem)]
    roots = _WRITES.get(tokens[0].word, ()) if writes else _ROOTS
    if len(trees) != 1 or not isinstance(trees[0], roots):
        return None, [_foreign(tokens[0], "something else than one statement of its kind")]
    tree = trees[0]
    strange = _strange(tree, needed)
    return (None, [_foreign(tokens[0], strange)]) if strange else (tree, [])


def _why(problem: Exception) -> str:
    """Why there is no tree, without a word of the text."""
    if isinstance(problem, RecursionError | MemoryError):
        return "it is nested too deep or too large"
    return "it does not follow the grammar"


def _trees(dialect: Snowflake, cut: list[Any], text: str) -> list[Any]:
    return list(dialect.parser(max_nodes=MAX_NODES).parse(cut, text))


def _bare_join(tokens: Sequence[Token]) -> Finding | None:
    """The JOIN that is one too many without a condition."""
    bare = 0
    for before, token in pairwise(tokens):
        if token.word == "JOIN" and before.word not in {"CROSS", "NATURAL", "ASOF"}:
            bare += 1
            if bare > MAX_BARE_JOINS:
                return Finding(
                    Rule.NOT_PARSED,
                    f"More than {MAX_BARE_JOINS} JOINs in a row have no ON and no USING.",
                    "Give each JOIN its condition right after it, or write CROSS JOIN.",
                    token,
                )
        elif token.word in {"ON", "USING"}:
            bare = max(0, bare - 1)
    return None


def _disagreement(cut: Sequence[Any], tokens: Sequence[Token]) -> Finding | None:
    """Where the other lexer sees a literal, a quoted name or a statement's end that ours does not.

    A prefix belongs to the literal there and is a word here, so ends are compared.
    """
    ours = {
        token.start + len(token.text): token
        for token in tokens
        if token.kind in {Kind.STRING, Kind.QUOTED}
        # 0x1F is a number here and a kind of string there.
        or (token.kind is Kind.NUMBER and token.text[1:2] in {"x", "X"})
    }
    stages = [
        (token.start, token.start + len(token.text)) for token in tokens if token.kind is Kind.STAGE
    ]
    at = 0
    for other in cut:
        kind = other.token_type
        if kind is TokenType.SEMICOLON:
            return _disagree(tokens[0])
        if kind in _STRINGS or kind is TokenType.IDENTIFIER:
            while at < len(stages) and stages[at][1] <= other.start:
                at += 1
            if at < len(stages) and stages[at][0] <= other.start and other.end < stages[at][1]:
                continue  # the quoted parts of a stage's name, which is one token here
            token = ours.pop(other.end + 1, None)
            if token is None or (token.kind is Kind.QUOTED) != (kind is TokenType.IDENTIFIER):
                return _disagree(token or tokens[0])
            if other.start != token.start and other.start != token.start - 1:
                return _disagree(token)
    return _disagree(next(iter(ours.values()))) if ours else None


def _strange(tree: exp.Expression, needed: frozenset[str]) -> str:
    """What in the tree no read consists of; empty when nothing is strange."""
    good: set[type] = set()
    structure = _STRUCTURE if isinstance(tree, _ROOTS) else _STRUCTURE | _OF_WRITES
    for node in tree.walk():
        cls = type(node)
        if cls is exp.Anonymous:
            name = str(node.this).upper()
            if name.startswith("SYSTEM$") and name not in _SYSTEM:
                return "a call of a system function that is not listed"
            known = name in _KNOWN or name in CAPABILITY_OF or name in _SYSTEM
            if not known and not needed & _OPENS_UNKNOWN:
                return "a call of an unknown function"
        elif cls is exp.Column and node.name.upper() == "NEXTVAL" and node.args.get("table"):
            return "a number taken from a sequence"
        elif isinstance(node, exp.DML | exp.Create):
            if node is not tree and not isinstance(node.parent, exp.When):
                return "a write inside a statement"
        elif cls is exp.Property and node.name.upper() not in _PROPERTIES:
            return "an option that is not listed"
        if cls in good:
            continue
        name = cls.__name__
        if name in _NEVER or not (name in structure or issubclass(cls, exp.Func)):
            return f"a {name} node"
        good.add(cls)
    return ""


def _disagree(token: Token) -> Finding:
    return Finding(
        Rule.LEXERS_DISAGREE,
        "Two lexers do not agree on where a string or a quoted name ends.",
        "Write strings as '...' with ' doubled, without backslashes, and names plainly.",
        token,
    )


def _not_parsed(token: Token, problem: Exception) -> Finding:
    return Finding(
        Rule.NOT_PARSED,
        f"The query could not be parsed: {_why(problem)}.",
        "Check the syntax; make the query shorter or less nested, for example with WITH.",
        token,
    )


def _foreign(token: Token, what: str) -> Finding:
    return Finding(
        Rule.SYNTAX_TREE,
        f"The syntax tree of the query holds {what}, which no read consists of.",
        "Write the query with plain Snowflake syntax; remove unusual clauses.",
        token,
    )
