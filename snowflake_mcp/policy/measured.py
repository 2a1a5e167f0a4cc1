"""A gate that is counted: how many verdicts of which kind, why refused, how long they took."""

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.policy.verdict import Verdict

__all__ = ["Judge", "MeasuredGate"]


class Judge(Protocol):
    """What decides whether an agent's SQL may be sent; ``gate.Gate`` does."""

    async def judge(self, sql: str, terms: Terms, situation: Situation, owner: str) -> Verdict:
        """The verdict; never raises for any text. ``owner`` is whose text it is."""


class MeasuredGate:
    """Passes every text on and counts what comes back; reactor thread only."""

    def __init__(self, gate: Judge, metrics: Metrics, clock: IReactorTime) -> None:
        self._gate = gate
        self._metrics = metrics
        self._clock = clock

    async def judge(self, sql: str, terms: Terms, situation: Situation, owner: str = "") -> Verdict:
        """The verdict of the gate behind it.

        Raises:
            CancelledError: the caller is no longer interested.
        """
        began = self._clock.seconds()
        verdict = await self._gate.judge(sql, terms, situation, owner)
        self._metrics.count("gate_verdicts", verdict.kind, verdict.word)
        self._metrics.observe("gate_seconds", self._clock.seconds() - began)
        for rule in verdict.rules:
            self._metrics.count("gate_refusals", rule)
        return verdict
