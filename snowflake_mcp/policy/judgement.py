"""Judges the segments of a statement; everything here is pure, linear and in process."""

from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import Kind, Token

__all__ = ["judge_segment"]


def judge_segment(tokens: list[Token]) -> tuple[str, list[Finding]]:
    """Kind of one statement and what speaks against it."""
    head = tokens[0]
    findings: list[Finding] = []
    if head.word != "SELECT" or head.kind is not Kind.WORD:
        findings.append(
            Finding(
                Rule.UNKNOWN_STATEMENT,
                f"A statement that begins with {head.text[:40]} is not known to be a read.",
                "Use SELECT.",
                head,
            )
        )
    findings += [
        Finding(
            Rule.USER_FUNCTION,
            "A bracket is not understood yet.",
            "Write the query without brackets.",
            token,
        )
        for token in tokens
        if token.text == "("
    ]
    findings += [
        Finding(Rule.WRITE_INSIDE, f"{token.text} writes.", "Remove it.", token)
        for token in tokens
        if token.word in {"INTO", "NEXTVAL", "UPDATE"}
    ]
    return "select", findings
