"""The words before a query is stated: where one must begin, and the list of WITH."""

from snowflake_mcp.policy.findings import Findings
from snowflake_mcp.policy.frames import Clause, Frame
from snowflake_mcp.policy.grammar import ACTIONS, SOFT
from snowflake_mcp.policy.tokens import Token
from snowflake_mcp.policy.words import TYPED_LITERALS, VERBS

__all__ = ["advance", "mismatch"]


def advance(frame: Frame, token: Token, before: Token) -> bool:
    """Take a word where a query must begin, or in a WITH list; False when it has no place there."""
    word = token.word
    if frame.clause is Clause.CTE_NAME:
        if word == "RECURSIVE" and before.word == "WITH":
            return True
        if word not in ACTIONS or word in SOFT or word in TYPED_LITERALS:
            frame.clause = Clause.CTE_AS
            return True
    elif frame.clause is Clause.CTE_AS and word == "AS":
        frame.clause = Clause.CTE_BODY
        return True
    elif frame.clause in {Clause.HEAD, Clause.CTE_NEXT}:
        if word == "SELECT":
            frame.clause = Clause.SELECT
            return True
        if frame.clause is Clause.HEAD:
            if word == "WITH" and not frame.stated:
                frame.stated = True
                frame.clause = Clause.CTE_NAME
                return True
            if word == "VALUES":
                frame.clause = Clause.VALUES
                return True
            return frame.stated and word in {"ALL", "DISTINCT", "BY", "NAME"}
    return False


def mismatch(frame: Frame, token: Token, found: Findings) -> None:
    """Tell that ``token`` cannot stand before a query is stated."""
    if token.word in VERBS or token.word == "PROCEDURE":
        found.write(token)
    elif frame.clause is Clause.HEAD:
        found.shape(token, f"A query must begin here, not {token.text[:40]}.")
    else:
        found.shape(token, f"{token.text[:40]} has no place in a WITH list here.")
    frame.clause = Clause.NONE
