"""Judges one statement of a flow chain by its first word."""

from typing import Final

from snowflake_mcp.policy.calls import Called
from snowflake_mcp.policy.metadata import judge_describe, judge_list, judge_show
from snowflake_mcp.policy.query import judge_query
from snowflake_mcp.policy.rules import SECTION, Finding, Rule
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import VERBS
from snowflake_mcp.policy.writes import place_of

__all__ = ["judge_head", "judge_segment", "query_of"]

_WHY: Final = dict.fromkeys(
    ("CREATE", "ALTER", "DROP", "UNDROP", "COMMENT"), " for this kind of object"
)
_READS: Final = "Use SELECT, WITH, VALUES, SHOW, DESCRIBE, EXPLAIN or LIST."


def judge_segment(
    tokens: list[Token], calls: list[Called], tier: Tier = Tier.READ
) -> tuple[str, list[Finding]]:
    """Kind of the statement ``tokens`` (at least one), and what speaks against it.

    The name of every function that it calls is added to ``calls``.
    """
    head = tokens[0]
    word = head.word
    if word in {"SELECT", "WITH", "("}:
        return "select", judge_query(tokens, calls)
    if word == "VALUES":
        return "values", judge_query(tokens, calls)
    if word == "SHOW":
        return "show", judge_show(tokens)
    if word in {"DESCRIBE", "DESC"}:
        return "describe", judge_describe(tokens)
    if word in {"LIST", "LS"}:
        return "list", judge_list(tokens)
    if word == "EXPLAIN":
        return "explain", _judge_explain(tokens, calls)
    return "unknown", [
        judge_head(tokens, tier)
        or Finding(
            Rule.UNKNOWN_STATEMENT,
            f"A statement that begins with {head.text[:40]} is not known to be a read.",
            _READS,
            head,
        )
    ]


def judge_head(tokens: list[Token], tier: Tier) -> Finding | None:
    """What speaks against a text because of its verb alone, where ``tier`` is the highest."""
    if not tokens or tokens[0].kind is not Kind.WORD or tokens[0].word not in VERBS:
        return None
    verb = tokens[0].word
    place = place_of(tokens)
    if place is None:
        message = f"{verb} is no read, and no setting allows it{_WHY.get(verb, '')}."
        return Finding(Rule.NOT_A_READ, message, _READS, tokens[0])
    if place.tier <= tier:
        return None
    what = f"{verb} {place.kind}".strip()
    most = "only reads are" if tier is Tier.READ else f"tier {tier.word} is the highest that is"
    return Finding(
        Rule.NOT_A_READ,
        f"{what} is no read, and {most} allowed here.",
        f"{_READS} It takes the tool execute_statement, which the operator opens with the setting "
        f"{SECTION}.tier = {place.tier.word}.",
        tokens[0],
    )


def query_of(tokens: list[Token]) -> list[Token]:
    """The query inside a statement that was allowed; empty for SHOW, DESCRIBE and LIST."""
    word = tokens[0].word
    if word == "EXPLAIN":
        return tokens[3 if tokens[1].word == "USING" else 1 :]
    return tokens if word in {"SELECT", "WITH", "(", "VALUES"} else []


def _judge_explain(tokens: list[Token], calls: list[Called]) -> list[Finding]:
    at = 1
    if len(tokens) > 2 and tokens[1].word == "USING":
        if tokens[2].word not in {"TABULAR", "JSON", "TEXT"}:
            return [_explain(tokens[2])]
        at = 3
    if len(tokens) <= at:
        return [_explain(tokens[-1])]
    if tokens[at].word not in {"SELECT", "WITH", "("}:
        return [_explain(tokens[at])]
    return judge_query(tokens[at:], calls)


def _explain(token: Token) -> Finding:
    rule = Rule.NOT_A_READ if token.word in VERBS else Rule.METADATA_SYNTAX
    return Finding(
        rule,
        f"EXPLAIN is allowed of queries only; {token.text[:40]} begins none.",
        "Write EXPLAIN [USING TABULAR | JSON | TEXT] SELECT ...",
        token,
    )
