"""The gate: decides whether one SQL text is a pure read, and explains a refusal."""

from typing import Final

from snowflake_mcp.policy.judgement import judge_head, judge_segment
from snowflake_mcp.policy.lexer import LexicalError, check_bytes, scan
from snowflake_mcp.policy.rules import CAPABILITIES, Finding
from snowflake_mcp.policy.statements import one_statement
from snowflake_mcp.policy.tokens import place
from snowflake_mcp.policy.verdict import Refusal, Verdict

__all__ = ["MAX_REFUSALS", "Gate"]

MAX_REFUSALS: Final = 5
"""Refusals told at once; a model mends the first ones and asks again."""
_TOKEN_CHARS: Final = 60


class Gate:
    """Judges SQL texts; holds no state beside its settings, so one gate serves every caller.

    ``granted`` names the capabilities that the operator allows (see ``rules.CAPABILITIES``).

    Raises:
        ValueError: ``granted`` holds a name that is no capability.
    """

    def __init__(self, max_sql_bytes: int, granted: frozenset[str] = frozenset()) -> None:
        if unknown := granted - CAPABILITIES.keys():
            raise ValueError(
                f"unknown capabilities {sorted(unknown)}; known are {sorted(CAPABILITIES)}"
            )
        self._max_sql_bytes = max_sql_bytes
        self._granted = granted

    async def judge(self, sql: str) -> Verdict:
        """Decide about ``sql``; never raises for any text. Reactor thread or any other."""
        head: Finding | None = None
        try:
            check_bytes(sql, self._max_sql_bytes)
            cut = scan(sql)
            head = judge_head(cut.tokens)
            statement = one_statement(sql, cut)
        except LexicalError as error:
            return _refused(sql, "unknown", frozenset(), [*filter(None, [head]), error.finding])
        kind = "unknown"
        findings: list[Finding] = []
        for segment in statement.segments:
            kind, found = judge_segment(segment)
            findings += found
        needed = frozenset(found.capability for found in findings if found.capability)
        standing = [found for found in findings if found.capability not in self._granted]
        if standing:
            return _refused(sql, kind, needed, standing)
        return Verdict(True, kind, statement.sendable, needed, ())


def _refused(sql: str, kind: str, needed: frozenset[str], findings: list[Finding]) -> Verdict:
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
