"""Verdicts that were given before: a judgement is a pure function, so the same question has one."""

from collections import OrderedDict
from typing import Final

from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.policy.verdict import Verdict

__all__ = ["MOST_CHARS", "MOST_VERDICTS", "Remembered"]

MOST_VERDICTS: Final = 256
MOST_CHARS: Final = 4_096
"""Of a text; longer ones are judged each time, so that memory has a bound that is not large."""

_Question = tuple[str, str, Terms, Situation]


class Remembered:
    """The last verdicts, each under everything that it depends on; reactor thread only.

    The terms are a part of the question, not a version of them: after a reload that changes any
    of them no verdict from before can be found, whoever forgets to say that there was a reload.
    So is the owner, although no verdict depends on it: how fast an answer comes must not tell
    one caller what another has asked.
    """

    def __init__(self, most: int = MOST_VERDICTS) -> None:
        """``most`` 0: nothing is remembered."""
        self._most = most
        self._verdicts: OrderedDict[_Question, Verdict] = OrderedDict()
        self.found = 0
        """Questions that needed no judge."""

    def __len__(self) -> int:
        return len(self._verdicts)

    def find(self, owner: str, sql: str, terms: Terms, situation: Situation) -> Verdict | None:
        """The verdict on exactly this text, for this owner on these terms."""
        question = (owner, sql, terms, situation)
        verdict = self._verdicts.get(question)
        if verdict is not None:
            self.found += 1
            self._verdicts.move_to_end(question)
        return verdict

    def keep(
        self, owner: str, sql: str, terms: Terms, situation: Situation, verdict: Verdict
    ) -> None:
        """A judge has said so; what nobody has asked about for longest goes for it."""
        if len(sql) > MOST_CHARS:
            return
        self._verdicts[owner, sql, terms, situation] = verdict
        if len(self._verdicts) > self._most:
            self._verdicts.popitem(last=False)
