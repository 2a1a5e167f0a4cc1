"""One judging child as the server holds it: its one text and its deadline."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from snowflake_mcp.ops.children import Bounds, Errand, LineChild, Owner
from snowflake_mcp.policy.lines import Answer, Question, Ready
from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.policy.verdict import Verdict

__all__ = ["DEADLINE_S", "Child", "JudgesUnavailable", "Task"]

DEADLINE_S: Final = 1.0
"""For one text, from the moment in which the child gets it."""
_READY_WITHIN_S: Final = 15.0
_MAX_LINE: Final = 16 << 20
"""Of an answer; far above what the longest text can need."""


class JudgesUnavailable(Exception):
    """There is no verdict; the message says why, for the author of the text."""


class Task(Errand[Verdict]):
    """A text on its way to a verdict."""

    def __init__(
        self,
        sql: str,
        terms: Terms,
        situation: Situation,
        forget: "Callable[[Task], None]",
    ) -> None:
        super().__init__(forget)
        self.sql = sql
        self.terms = terms
        self.situation = situation


class Child(LineChild):
    """The pipes of one child; reactor thread only."""

    problem = JudgesUnavailable
    ended = "The process that was judging the statement ended."
    broken = "The statement could not be judged."
    late = "The statement could not be judged within {seconds:.0f} s."
    _decode = staticmethod(msgspec.json.Decoder(Ready | Answer).decode)
    _encode = staticmethod(msgspec.json.Encoder().encode)

    def __init__(self, clock: Any, owner: Owner) -> None:
        super().__init__(clock, owner, Bounds(DEADLINE_S, _READY_WITHIN_S, _MAX_LINE))

    def ask(self, task: Task) -> None:
        """Give it a text; it must be free."""
        self.give(
            task,
            lambda number: self._encode(Question(number, task.sql, task.terms, task.situation)),
        )

    def heard(self, line: bytes) -> None:
        """That it is warm, or a verdict.

        Raises:
            ValueError: it is neither, or not due.
        """
        said = self._decode(line)
        if isinstance(said, Ready):
            self.is_ready()
        else:
            self.answered(said.number, said.verdict)
