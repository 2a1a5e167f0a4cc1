"""The judgement about one text, as a pure function; the server runs it in a child process."""

from typing import Final

from snowflake_mcp.policy.judgement import judge_head, judge_segment
from snowflake_mcp.policy.lexer import LexicalError, check_bytes, scan
from snowflake_mcp.policy.rules import Finding
from snowflake_mcp.policy.statements import one_statement
from snowflake_mcp.policy.terms import Terms
from snowflake_mcp.policy.tokens import place
from snowflake_mcp.policy.verdict import Refusal, Verdict

__all__ = ["MAX_REFUSALS", "assess", "refused"]

MAX_REFUSALS: Final = 5
"""Refusals told at once; a model mends the first ones and asks again."""
_TOKEN_CHARS: Final = 60


def assess(sql: str, terms: Terms) -> Verdict:
    """Decide about ``sql``; never raises for any text. Any thread."""
    head: Finding | None = None
    try:
        check_bytes(sql, terms.max_sql_bytes)
        cut = scan(sql)
        head = judge_head(cut.tokens)
        statement = one_statement(sql, cut)
    except LexicalError as error:
        return refused(sql, [*filter(None, [head]), error.finding])
    kind = "unknown"
    findings: list[Finding] = []
    for segment in statement.segments:
        kind, found = judge_segment(segment)
        findings += found
    needed = frozenset(found.capability for found in findings if found.capability)
    standing = [found for found in findings if found.capability not in terms.granted]
    if standing:
        return refused(sql, standing, kind, needed)
    return Verdict(True, kind, statement.sendable, needed, ())


def refused(
    sql: str,
    findings: list[Finding],
    kind: str = "unknown",
    needed: frozenset[str] = frozenset(),
) -> Verdict:
    """The verdict that names the most important of ``findings`` with their places in ``sql``."""
    findings = sorted(findings, key=lambda found: found.rule.rank)[:MAX_REFUSALS]
    return Verdict(False, kind, "", needed, tuple(_refusal(sql, found) for found in findings))


def _refusal(sql: str, found: Finding) -> Refusal:
    if found.token is None:
        return Refusal(found.rule.value, found.message, found.remedy)
    line, column = place(sql, found.token.start)
    token = found.token.text
    if len(token) > _TOKEN_CHARS:
        token = token[: _TOKEN_CHARS - 1] + "…"
    # What cannot be seen, or not even be encoded, is shown by its number.
    token = "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in token)
    return Refusal(found.rule.value, found.message, found.remedy, token, line, column)
