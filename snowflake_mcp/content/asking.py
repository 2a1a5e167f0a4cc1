"""On whose behalf content reads the catalog, and two reads at once."""

from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.warehouse import tags
from snowflake_mcp.warehouse.catalog import Asker

__all__ = ["SERVER", "asker_of", "both"]

A = TypeVar("A")
B = TypeVar("B")

SERVER: Final = "snowflake-mcp"
"""In the query tag, as tools have it."""


def asker_of(context: RequestContext) -> Asker:
    """The request's principal, with a query tag that leads back to the request.

    A read that several requests wait for carries the tag of the first.
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
    return Asker(facts.principal.name, {name: tags.value(value) for name, value in tag.items()})


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Both results; when one fails, or the caller is cancelled, the other is cancelled."""
    one, other = Deferred.fromCoroutine(first), Deferred.fromCoroutine(second)
    try:
        return await one, await other
    finally:
        for each in (one, other):
            each.addErrback(lambda _: None)
            each.cancel()
