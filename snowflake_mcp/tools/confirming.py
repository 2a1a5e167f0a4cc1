"""Asking the user before a statement that changes something is sent."""

import hashlib
from collections import OrderedDict
from typing import Final

from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import Family, McpError, ToolFailure
from snowflake_mcp.protocol.inputs import AskFailedError, InputRequired, Question

__all__ = ["Confirmations", "ask"]

_KEY: Final = "confirm"
_MOST: Final = 1_000
"""Open questions that are remembered; of the oldest one the user is asked once more."""


class Confirmations:
    """The questions that wait for their answer; reactor thread only.

    In the stateless era a client may bring the same answer twice. Each question is good for one
    statement, so the second time the user is asked again.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[bytes, int] = OrderedDict()

    def asked(self, subject: bytes) -> None:
        """The user is being asked about ``subject``."""
        self._open[subject] = self._open.pop(subject, 0) + 1
        if len(self._open) > _MOST:
            self._open.popitem(last=False)

    def answered(self, subject: bytes) -> bool:
        """Take back one question about ``subject``; False when none is open."""
        left = self._open.pop(subject, 0)
        if left > 1:
            self._open[subject] = left - 1
        return left > 0


async def ask(
    context: RequestContext,
    confirmations: Confirmations,
    message: str,
    *subject: str | None,
    instead: str,
) -> None:
    """Ask the user for a yes; ``subject`` is all that the yes is good for.

    ``instead`` says what else can be done where the user cannot be asked.

    Raises:
        ToolFailure: the user said no, or cannot be asked.
        InputRequired: stateless era: pass it on, the client will retry with the answer.
        McpError: stateless era: the client cannot be asked (-32021).
    """
    parts = [context.facts.principal.name, message, *(part or "" for part in subject)]
    about = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()
    if _KEY in context.answers and not confirmations.answered(about):
        del context.answers[_KEY]
    if _KEY not in context.answers:
        confirmations.asked(about)
    waiting = _KEY not in context.answers
    context.trail.confirmation = "asked"
    try:
        answer = (await context.ask({_KEY: _question(message)}))[_KEY]
    except InputRequired:
        waiting = False
        raise
    except AskFailedError as failure:
        context.trail.confirmation = "impossible"
        raise ToolFailure(
            Family.REFUSED,
            f"{message.partition(chr(10))[0]} The user has to confirm it. {failure.message}",
            f"Nothing was run. {instead}",
        ) from failure
    except McpError:
        context.trail.confirmation = "impossible"
        raise
    finally:
        if waiting:
            confirmations.answered(about)
    context.trail.confirmation = "given" if _is_yes(answer) else "declined"
    if not _is_yes(answer):
        raise ToolFailure(
            Family.REFUSED,
            "The user did not confirm the statement. Nothing was sent.",
            "Ask the user what to do instead.",
        )


def _question(message: str) -> Question:
    schema = {
        "type": "object",
        "properties": {"confirm": {"type": "boolean", "title": "Run this statement"}},
        "required": ["confirm"],
    }
    return Question("elicitation/create", {"message": message, "requestedSchema": schema})


def _is_yes(answer: object) -> bool:
    if not isinstance(answer, dict) or answer.get("action") != "accept":
        return False
    content = answer.get("content")
    return isinstance(content, dict) and content.get("confirm") is True
