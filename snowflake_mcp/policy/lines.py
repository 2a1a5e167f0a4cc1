"""What the server and a judging child say to each other: one line of JSON for each message."""

import msgspec

from snowflake_mcp.policy.terms import NOWHERE, Situation, Terms
from snowflake_mcp.policy.verdict import Verdict

__all__ = ["Answer", "Question", "Ready"]


class Question(msgspec.Struct, frozen=True):
    """A text to be judged."""

    number: int
    """Counts up from 1; the answer carries it back."""
    sql: str
    terms: Terms
    situation: Situation = NOWHERE


class Ready(msgspec.Struct, frozen=True, tag="ready", forbid_unknown_fields=True):
    """The first line of a child: it is warm and waits."""


class Answer(msgspec.Struct, frozen=True, tag="answer", forbid_unknown_fields=True):
    """The verdict about a question."""

    number: int
    verdict: Verdict
