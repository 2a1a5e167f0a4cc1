"""On whose behalf content reads the catalog, and two reads at once."""

from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred

from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.policy.objects import rules_about
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse import tags
from snowflake_mcp.warehouse.catalog import Asker

__all__ = ["SERVER", "Askers", "both"]

A = TypeVar("A")
B = TypeVar("B")

SERVER: Final = "snowflake-mcp"
"""In the query tag, as tools have it."""
_WATCH: Final = "catalog watch"
_WATCH_AGE_S: Final = 5.0
"""Young enough to see what changed, old enough that one round reads nothing twice."""


class Askers:
    """Who asks, and what their table lets them see as it counts now; reactor thread only."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def of(self, context: RequestContext) -> Asker:
        """The request's principal, with a query tag that leads back to the request.

        A read that several requests wait for carries the tag of the first.

        Raises:
            KeyError: the principal's table is no more.
        """
        facts = context.facts
        tag = {
            "server": SERVER,
            "principal": facts.principal.name,
            "client": facts.client,
            "session": facts.session_id or "",
            "request": context.request_id,
            "method": context.method,
        }
        return replace(self._asker(facts.principal, tag), trail=context.trail)

    def watch(self, profile: str = "") -> Asker:
        """The server itself, which sees what the callers of a table see.

        Raises:
            KeyError: the table is no more.
        """
        tag = {"server": SERVER, "method": _WATCH}
        return self._asker(Principal(_WATCH, profile), tag, _WATCH_AGE_S)

    def _asker(
        self, principal: Principal, tag: Mapping[str, str], max_age_s: float | None = None
    ) -> Asker:
        counts = self._profiles.of(principal.profile)
        return Asker(
            principal,
            {name: tags.value(value) for name, value in tag.items()},
            max_age_s,
            rules_about(counts.policy.allow_objects, counts.policy.deny_objects).shows,
            counts.limits,
        )


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Both results; when one fails, or the caller is cancelled, the other is cancelled."""
    one, other = Deferred.fromCoroutine(first), Deferred.fromCoroutine(second)
    try:
        return await one, await other
    finally:
        for each in (one, other):
            each.addErrback(lambda _: None)
            each.cancel()
