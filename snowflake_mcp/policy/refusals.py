"""Turns findings into refusals with their places in the text."""

from typing import Final

from snowflake_mcp.policy.rules import SECTION, Finding
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.tokens import place
from snowflake_mcp.policy.verdict import NO_OBJECTS, Objects, Refusal, Verdict

__all__ = ["MAX_REFUSALS", "refused"]

MAX_REFUSALS: Final = 5
"""Refusals told at once; a model mends the first ones and asks again."""
_TOKEN_CHARS: Final = 60


def refused(
    sql: str,
    findings: list[Finding],
    kind: str = "unknown",
    needed: frozenset[str] = frozenset(),
    objects: Objects = NO_OBJECTS,
    tier: Tier = Tier.READ,
    *,
    section: str = "policy",
) -> Verdict:
    """The verdict that names the most important of ``findings`` with their places in ``sql``.

    ``section`` is where the operator sets what remedies speak of.
    """
    findings = sorted(findings, key=lambda found: found.rule.rank)[:MAX_REFUSALS]
    refusals = tuple(_refusal(sql, found, section) for found in findings)
    return Verdict(False, kind, "", needed, refusals, objects, tier)


def _refusal(sql: str, found: Finding, section: str) -> Refusal:
    remedy = found.remedy.replace(SECTION, section)
    if found.token is None:
        return Refusal(found.rule.value, found.message, remedy)
    line, column = place(sql, found.token.start)
    token = found.token.text
    if len(token) > _TOKEN_CHARS:
        token = token[: _TOKEN_CHARS - 1] + "…"
    # What cannot be seen, or not even be encoded, is shown by its number.
    token = "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in token)
    return Refusal(found.rule.value, found.message, remedy, token, line, column)
