"""Tells a verb that begins a statement from a name that only looks like one."""

from snowflake_mcp.policy.frames import Clause, Frame, Hold
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import CONTINUATIONS, RESERVED_VERBS, SHORT_STATEMENTS

__all__ = ["begins_statement"]


def begins_statement(token: Token, before: Token, after: Token, frame: Frame) -> bool:
    """Whether the verb ``token`` stands where only a statement could be meant by it.

    Columns may be called COMMENT, COPY or USE, so most verbs count only right after a bracket
    and before something that cannot follow a name.
    """
    if token.word in RESERVED_VERBS:
        return not (token.word == "UPDATE" and before.word == "FOR")
    if before.text not in {"(", ")"}:
        return False
    if after.kind is Kind.WORD:
        return after.word not in CONTINUATIONS
    if after.text == ")":
        whole = frame.clause is Clause.FROM or token.word in SHORT_STATEMENTS
        return before.text == "(" and whole and frame.hold is Hold.GROUP
    return after.kind in {Kind.QUOTED, Kind.STRING, Kind.STAGE, Kind.VARIABLE, Kind.NUMBER}
