"""Verdicts are counted by kind and reason, never by what was asked."""

from typing import cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock

from snowflake_mcp.ops.metrics import Distribution, Metrics
from snowflake_mcp.policy.measured import MeasuredGate
from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.policy.verdict import Refusal, Verdict


class SlowGate:
    """Takes 20 ms and says what it was told to."""

    def __init__(self, clock: Clock, verdict: Verdict) -> None:
        self.clock = clock
        self.verdict = verdict

    async def judge(self, sql: str, terms: Terms, situation: Situation, owner: str = "") -> Verdict:
        """The prepared verdict."""
        self.clock.advance(0.02)
        return self.verdict


def refused(rule: str) -> Verdict:
    refusal = Refusal(rule, "No.", "Never.", retryable=rule == "gate-unavailable")
    return Verdict(False, "select", "", frozenset(), (refusal,))


@pytest.mark.parametrize(
    ("verdict", "word", "rule"),
    [
        (Verdict(True, "select", "SELECT 1", frozenset(), ()), "allowed", None),
        (refused("not-a-read"), "refused", "not-a-read"),
        (refused("gate-unavailable"), "unjudged", "gate-unavailable"),
    ],
)
def test_each_verdict_is_counted(verdict: Verdict, word: str, rule: str | None) -> None:
    """With its reason where there is one, and the time that it took."""
    clock, metrics = Clock(), Metrics()
    gate = MeasuredGate(SlowGate(clock, verdict), metrics, cast(IReactorTime, clock))
    given: list[Verdict] = []
    work = gate.judge("SELECT secret", Terms(100), Situation())
    Deferred.fromCoroutine(work).addCallback(given.append)
    assert given == [verdict]
    shown = {sample.family.name: sample.values for sample in metrics.samples()}
    assert shown["gate_verdicts"] == {("select", word): 1}
    assert shown.get("gate_refusals") == (None if rule is None else {(rule,): 1})
    times = shown["gate_seconds"][()]
    assert isinstance(times, Distribution)
    assert times.total == pytest.approx(0.02)
