"""Short driver calls about statements that other processes run: how is it, end it."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.errors import SessionFate, classify
from snowflake_mcp.warehouse.lane import Lane, Permit
from snowflake_mcp.warehouse.session import Session
from snowflake_mcp.warehouse.sessions import Sessions
from snowflake_mcp.warehouse.threads import Reactor, Threads
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["Errands"]

T = TypeVar("T")

_THREADS: Final = 2
_QUEUE: Final = 512
_WAIT_S: Final = 30.0


class Errands:
    """Runs a call on a session of a principal, without a place for a statement.

    What it asks takes Snowflake milliseconds and no warehouse. Its threads are its own, so that
    questions never hold up statements or aborts; principals have them in turn. Reactor thread only.
    """

    def __init__(self, reactor: Reactor, sessions: Sessions) -> None:
        self.threads = Threads(reactor, "errand", _THREADS)
        self._sessions = sessions
        self._lane = Lane(
            reactor, width=_THREADS, queue=_QUEUE, max_wait_s=_WAIT_S, what="questions"
        )

    def run(
        self, principal: Principal, call: Callable[..., T], *args: object, wish: Wish = NO_WISH
    ) -> Deferred[T]:
        """``call(connection, *args)`` in a thread; what has a thread goes on when cancelled.

        Fails with ToolFailure when the driver does, or when too many others ask.
        """
        place = Deferred.fromCoroutine(self._lane.admit(principal.name, _WAIT_S))
        answer: Deferred[T] = Deferred(lambda _: place.cancel())

        def over(result: Any) -> None:
            # Cancelled or not, the session has been put away by now.
            if not answer.called:
                answer.callback(result)

        Deferred.fromCoroutine(self._in_turn(place, principal, wish, call, *args)).addBoth(over)
        return answer

    async def stop(self, limit_s: float) -> None:
        """Ask nothing more, and let the threads go; returns within ``limit_s``."""
        self._lane.close(_stopping())
        await self.threads.stop(limit_s)

    async def _in_turn(
        self,
        place: Deferred[Permit],
        principal: Principal,
        wish: Wish,
        call: Callable[..., T],
        *args: object,
    ) -> T:
        permit = await place
        try:
            return await self._run(principal, wish, call, *args)
        finally:
            permit.release()

    async def _run(
        self, principal: Principal, wish: Wish, call: Callable[..., T], *args: object
    ) -> T:
        if self.threads.stopped:
            raise _stopping()
        key = self._sessions.key(principal, wish=wish)
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


def _stopping() -> ToolFailure:
    return ToolFailure(Family.UNAVAILABLE, "The server is stopping.", retryable=True)
