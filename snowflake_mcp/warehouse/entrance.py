"""The way into one connection: when a login may be tried, for what, and in which threads."""

from collections.abc import Mapping
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.breaker import Breaker
from snowflake_mcp.warehouse.credentials import Account
from snowflake_mcp.warehouse.error_kinds import SEAT_ERRNOS
from snowflake_mcp.warehouse.errors import Trouble
from snowflake_mcp.warehouse.logins import AUTH_PAUSE_S, Logins
from snowflake_mcp.warehouse.session import Key
from snowflake_mcp.warehouse.threads import Reactor, Threads

__all__ = ["Entrance"]

_MOST_BARRED: Final = 256


class Entrance:
    """One connection's logins; reactor thread only.

    Each connection has its own pauses and its own threads, so that one whose credential is
    refused, or whose host never answers, holds up nobody else's login.
    """

    _log = Logger()

    def __init__(self, reactor: Reactor, account: Account, pool: PoolSettings) -> None:
        width = pool.max_logins
        self._reactor = reactor
        self.account = account
        self._barred: dict[Key, tuple[float, ToolFailure]] = {}
        self.logins = Logins(reactor, width)
        self.breaker = Breaker(
            reactor, pool.breaker_failures, pool.breaker_pause_s, account.settings.name
        )
        """For the statements on its sessions, as ``logins`` is for the way in."""
        self.doors = Threads(reactor, "login", width)

    async def permission(self, key: Key) -> Mapping[str, object]:
        """The right to try one login for that key, and the arguments for it.

        Raises:
            ToolFailure: a login failed a moment ago, or there is nothing to log in to.
        """
        until, barred = self._barred.get(_place(key), (0.0, None))
        if barred is not None and self._reactor.seconds() < until:
            raise barred.anew()
        await self.logins.enter()
        try:
            return await self.account.parameters()
        except CancelledError:
            self.logins.gave_up()
            raise
        except ToolFailure:
            self.logins.gave_up()
            raise
        except Exception as error:
            self.logins.gave_up()
            self._log.warn(
                "nothing to log in to: {kind}: {why}", kind=type(error).__name__, why=str(error)
            )
            raise ToolFailure(
                Family.UNAVAILABLE,
                str(error) or "The server's Snowflake connection is not available.",
                "Wait a little and call again.",
                retryable=True,
            ) from error

    def refused(self, key: Key, trouble: Trouble) -> None:
        """A login for that key failed: pause it, or all of them, as far as the reason goes."""
        if trouble.errno not in SEAT_ERRNOS:
            self.logins.refused(trouble.failure())
            return
        # Who logs in was accepted; only what this caller wants to be was not. Others may be it.
        self.logins.barred()
        now = self._reactor.seconds()
        self._barred = {each: bar for each, bar in self._barred.items() if bar[0] > now}
        if len(self._barred) < _MOST_BARRED:
            self._barred[_place(key)] = (now + AUTH_PAUSE_S, trouble.failure())

    def forgive(self) -> None:
        """The credentials have changed: whatever was refused may be tried again."""
        self._barred.clear()
        self.breaker.reset()
        self.logins.forgive()

    def widen(self, width: int) -> None:
        """From now on so many logins may be under way at once."""
        self.logins.width = width
        self.doors.resize(width)

    def close(self) -> None:
        """The connection is no more: let the threads go, whatever still waits in them."""
        Deferred.fromCoroutine(self.doors.stop(0.0))

    def snapshot(self) -> dict[str, Any]:
        """Numbers for /status; ``state`` is ``ok``, ``paused`` or ``untried``."""
        numbers = self.logins.snapshot()
        state = "ok" if self.logins.proven else "paused" if numbers["paused"] else "untried"
        return {"state": state, **numbers, "breaker": self.breaker.snapshot()}


def _place(key: Key) -> Key:
    """What of a key a login is about, whoever wants it."""
    return key.fresh
