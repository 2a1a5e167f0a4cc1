"""The last tool calls that were refused, kept in memory for operators."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.kernel import Perform
from snowflake_mcp.protocol.tooling import ToolResult

__all__ = ["Refusals"]

_KEPT: Final = 100
_FAMILIES: Final = frozenset(
    {Family.REFUSED, Family.FORBIDDEN, Family.LIMIT, Family.BUSY, Family.UNAVAILABLE, Family.AUTH}
)
"""Answers in which the server, a policy or the role said no; a wrong name in SQL is none."""


class Refusals:
    """Who was refused what and by which rule; never the text of a statement or a name in it.

    Reactor thread only. ``wall_clock`` gives seconds since the epoch.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._last: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def last(self, count: int = _KEPT) -> list[dict[str, Any]]:
        """The newest first."""
        return list(reversed(self._last))[:count]

    def layer(self, inner: Perform) -> Perform:
        """Look at the result of every tool call; a ``Layer``."""

        async def perform(
            method: str, params: dict[str, Any], context: RequestContext
        ) -> MethodResult:
            result = await inner(method, params, context)
            failure = result.failure if isinstance(result, ToolResult) else None
            if failure is not None and failure.family in _FAMILIES:
                self._note(context, failure)
            return result

        return perform

    def _note(self, context: RequestContext, failure: ToolFailure) -> None:
        moment = datetime.fromtimestamp(self._wall_clock(), UTC)
        self._last.append(
            {
                "time": moment.isoformat(timespec="seconds"),
                "request": context.request_id,
                "principal": context.facts.principal.name,
                "tool": context.tool[:80],
                "kind": failure.family.value,
                "rules": _rules(failure.details),
            }
        )


def _rules(details: Mapping[str, Any]) -> list[str]:
    """The words of our own that say why; nothing that a caller wrote."""
    words = [str(each["rule"]) for each in details.get("refusals", ())]
    words += [str(details[key]) for key in ("rule", "reason", "limit") if key in details]
    return sorted(set(words))
