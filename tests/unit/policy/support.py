"""Judging in a test: one line, and no reactor."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred

from snowflake_mcp.policy.gate import Gate
from snowflake_mcp.policy.verdict import Verdict

__all__ = ["ALLOWED", "REFUSED", "judge", "rules"]

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
    gate = Gate(max_sql_bytes=max_sql_bytes, granted=frozenset(granted))
    verdicts: list[Verdict] = []
    Deferred.fromCoroutine(gate.judge(sql)).addCallback(verdicts.append)
    assert verdicts, "the gate has not answered at once"
    return verdicts[0]


def rules(verdict: Verdict) -> list[str]:
    """The rule ids of a refusal, in their order."""
    return [refusal.rule for refusal in verdict.refusals]
