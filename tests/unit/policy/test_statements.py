"""The gate against statements: our own, and the shared corpus where it lies beside the project."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.unit.policy.support import ALLOWED, REFUSED, judge, rules

__all__ = ["SHARED"]

SHARED: Final = Path(__file__).resolve().parents[4] / "shared" / "corpora" / "sql_gate.jsonl"


def _shared(verdict: str) -> list[Mapping[str, Any]]:
    if not SHARED.exists():
        return []
    rows = [json.loads(line) for line in SHARED.read_text("utf-8").splitlines()]
    return [row for row in rows if row["verdict"] == verdict]


@pytest.mark.parametrize("row", ALLOWED, ids=lambda row: row["sql"][:60])
def test_own_reads_pass(row: Mapping[str, Any]) -> None:
    """Documented forms of reads pass, and their kind is told."""
    verdict = judge(row["sql"])
    assert verdict.refusals == ()
    assert verdict.allowed
    assert verdict.kind == row["kind"]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: repr(row["sql"][:60]))
def test_own_writes_are_refused(row: Mapping[str, Any]) -> None:
    """What writes, reaches others or cannot be judged is refused by the rule that fits."""
    verdict = judge(row["sql"])
    assert not verdict.allowed
    assert verdict.sql == ""
    assert rules(verdict)[0] == row["rule"]
    assert sorted(verdict.capabilities) == row.get("capabilities", [])
    assert 1 <= len(verdict.refusals) <= 5
    for refusal in verdict.refusals:
        assert refusal.message.endswith(".")
        assert refusal.remedy


def test_no_harmful_statement_of_the_shared_corpus_passes() -> None:
    """Nothing that the shared corpus wants denied is allowed."""
    passed = [row["id"] for row in _shared("deny") if judge(row["sql"]).allowed]
    assert passed == []


def test_reads_of_the_shared_corpus_pass() -> None:
    """Of the reads of the shared corpus at least 99 in 100 are allowed."""
    rows = _shared("allow")
    refused = [row["id"] for row in rows if not judge(row["sql"]).allowed]
    assert len(refused) <= len(rows) / 100, refused


def test_capabilities_of_the_shared_corpus() -> None:
    """A statement that a capability would open names that capability."""
    wrong = [
        row["id"]
        for row in _shared("deny")
        if row.get("cap") and row["cap"] not in judge(row["sql"]).capabilities
    ]
    assert wrong == []
