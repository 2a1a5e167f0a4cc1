"""Judging in a test: one line, and no reactor."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from snowflake_mcp.policy.assessment import assess
from snowflake_mcp.policy.terms import NOWHERE, Situation, Terms
from snowflake_mcp.policy.verdict import Verdict

__all__ = ["ALLOWED", "REFUSED", "DirectGate", "judge", "rules"]

_ROWS: Final[list[Mapping[str, Any]]] = [
    json.loads(line)
    for line in Path(__file__).with_name("statements.jsonl").read_text("utf-8").splitlines()
]
ALLOWED: Final = [row for row in _ROWS if "kind" in row]
"""Statements of our own that pass, each with its kind."""
REFUSED: Final = [row for row in _ROWS if "rule" in row]
"""Statements of our own that do not, each with its first rule and the capabilities it needs."""


def judge(sql: str, *granted: str, max_sql_bytes: int = 65_536) -> Verdict:
    """The verdict about ``sql`` with the named capabilities granted."""
    return assess(sql, Terms(max_sql_bytes, frozenset(granted)))


class DirectGate:
    """The gate without its child processes, for tests of what stands behind it."""

    async def judge(
        self, sql: str, terms: Terms, situation: Situation = NOWHERE, owner: str = ""
    ) -> Verdict:
        """The verdict, at once."""
        return assess(sql, terms, situation)


def rules(verdict: Verdict) -> list[str]:
    """The rule ids of a refusal, in their order."""
    return [refusal.rule for refusal in verdict.refusals]
