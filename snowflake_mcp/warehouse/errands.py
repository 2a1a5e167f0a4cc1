"""Short driver calls about statements that other processes run: how is it, end it."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.errors import SessionFate, classify
from snowflake_mcp.warehouse.pool import Session
from snowflake_mcp.warehouse.sessions import Sessions
from snowflake_mcp.warehouse.threads import Reactor, Threads

__all__ = ["Errands"]

T = TypeVar("T")

_THREADS: Final = 2


class Errands:
    """Runs a call on a session of a principal, without a place in the lane; reactor thread only.

    What it asks takes Snowflake milliseconds and no warehouse. Its threads are its own, so that
    questions never hold up statements or aborts.
    """

    def __init__(self, reactor: Reactor, sessions: Sessions) -> None:
        self.threads = Threads(reactor, "errand", _THREADS)
        self._sessions = sessions

    def run(self, principal: Principal, call: Callable[..., T], *args: object) -> Deferred[T]:
        """``call(connection, *args)`` in a thread; cancelling only stops the waiting.

        Fails with ToolFailure when the driver does.
        """
        answer: Deferred[T] = Deferred()

        def over(result: Any) -> None:
            # Cancelled or not, the session has been put away by now.
            answer.callback(result)

        Deferred.fromCoroutine(self._run(principal, call, *args)).addBoth(over)
        return answer

    async def _run(self, principal: Principal, call: Callable[..., T], *args: object) -> T:
        if self.threads.stopped:
            raise ToolFailure(Family.UNAVAILABLE, "The server is stopping.", retryable=True)
        key = self._sessions.key(principal)
        fresh = False
        while True:
            session = await self._sessions.lease(key, new=fresh)
            try:
                result = await self.threads.run(call, session.connection, *args)
            except Exception as error:
                trouble = classify(error, "statement")
                self._put_away(session, trouble.fate)
                if trouble.fate is SessionFate.EXPIRED and not fresh:
                    fresh = True
                    continue
                raise trouble.failure() from error
            self._sessions.pool.give_back(session)
            return result

    def _put_away(self, session: Session, fate: SessionFate) -> None:
        pool = self._sessions.pool
        (pool.give_back if fate is SessionFate.KEEP else pool.discard)(session)
