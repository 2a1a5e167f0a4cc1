"""Getting a session for a statement: an idle one that lives, or a login the account can bear."""

from collections import Counter
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse import connect, queries
from snowflake_mcp.warehouse.accounts import Accounts, Seat
from snowflake_mcp.warehouse.breaker import Breaker
from snowflake_mcp.warehouse.entrance import Entrance
from snowflake_mcp.warehouse.errors import classify
from snowflake_mcp.warehouse.pool import Pool
from snowflake_mcp.warehouse.session import NOBODY, Key, Session
from snowflake_mcp.warehouse.threads import Reactor, Threads
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["Sessions"]

_CLOSERS: Final = 2
"""Threads that log out; few, because nobody waits for them."""
_HEARTS: Final = 4
"""Threads that ask sessions for a sign of life."""
_COUNTED: Final = ("logins", "failed_logins")
_HEARTBEAT_S: Final = 5.0
"""A session that does not answer within this is not used."""


class Sessions:
    """The sessions of all connections; reactor thread only, the driver works in threads."""

    log = Logger()

    def __init__(self, reactor: Reactor, accounts: Accounts, pool: PoolSettings) -> None:
        self._reactor = reactor
        self._accounts = accounts
        self._settings = pool
        self._closers = Threads(reactor, "closer", _CLOSERS)
        self._hearts = Threads(reactor, "heart", _HEARTS)
        self._entrances: dict[str, Entrance] = {}
        self._alarms: dict[Session, IDelayedCall] = {}
        self._started = False
        self._past: Counter[str] = Counter()
        """What connections counted that are no more: such numbers only grow."""
        self.home = Key(accounts.own, NOBODY)
        """Under which sessions are kept that anybody at the server's own seat may adopt."""
        self.pool = Pool(reactor, pool, self._close)
        self.revived = 0
        """Idle sessions that answered before they were used again."""
        self.found_dead = 0
        for name in accounts.names:
            self.entrance(name)

    def start(self) -> None:
        """Let sessions be opened and closed."""
        self._started = True
        for threads in (self._closers, self._hearts, *self._doors):
            threads.start()

    async def stop(self, limit_s: float) -> None:
        """Close what is idle and let the threads go; returns within ``limit_s``."""
        for alarm in self._alarms.values():
            alarm.cancel()
        self._alarms.clear()
        self.pool.stop()
        end = self._reactor.seconds() + limit_s
        await self._closers.stop(limit_s * 0.8)
        self._started = False
        for threads in (self._hearts, *self._doors):
            await threads.stop(max(0.0, end - self._reactor.seconds()) / 2)

    def seat(self, principal: Principal, wish: Wish = NO_WISH) -> Seat:
        """Where this caller's statements run from now on.

        Raises:
            ToolFailure: the caller's table is no more, or does not let it choose that.
        """
        return self._accounts.seat(principal, wish)

    def wishes(self, principal: Principal) -> list[Wish]:
        """The connections that this caller may choose, its own first.

        Raises:
            ToolFailure: the caller's table is no more.
        """
        return self._accounts.wishes(principal)

    def key(
        self,
        principal: Principal,
        database: str | None = None,
        schema: str | None = None,
        wish: Wish = NO_WISH,
    ) -> Key:
        """The key under which this principal's sessions with that context are kept.

        Raises:
            ToolFailure: the caller's table is no more, or does not let it choose that.
        """
        seat = self.seat(principal, wish)
        return Key(seat.connection, principal.name, seat.role, seat.warehouse, database, schema)

    def entrance(self, connection: str) -> Entrance:
        """The way in by a connection; made when it is first wanted.

        Raises:
            KeyError: there is no such connection.
        """
        found = self._entrances.get(connection)
        if found is None:
            account = self._accounts.of(connection)
            found = Entrance(self._reactor, account, self._settings)
            self._entrances[connection] = found
            if self._started:
                found.doors.start()
        return found

    @property
    def own(self) -> Entrance:
        """The way in by the server's own connection."""
        return self.entrance(self._accounts.own)

    async def lease(self, key: Key, *, new: bool = False) -> Session:
        """A session for one statement: an idle one, or one that has just logged in.

        Cancelling is safe at any time: a login under way goes on, and whoever comes next gets
        its session. ``new`` passes the idle ones over.

        Raises:
            ToolFailure: the login failed, now or a moment ago; there is nothing to log in to; or
                no session became free in time.
        """
        while not new and (session := self.pool.lease(key)) is not None:
            if not self.pool.is_stale(session):
                return session
            if await self.is_alive(session):
                self.revived += 1
                return session
            self.found_dead += 1
            self.pool.discard(session)
        session = await self.pool.room(key)
        if session is not None:
            return session
        return await self._log_in(key)

    async def is_alive(self, session: Session) -> bool:
        """Whether Snowflake still knows the session; never wakes a warehouse.

        A session whose heartbeat is cancelled is discarded: its thread is still at it.
        """
        beat = self._hearts.run(connect.is_alive, session.connection)
        timer = self._reactor.callLater(_HEARTBEAT_S, beat.cancel)
        try:
            return await beat
        except CancelledError:
            if timer.active():
                self.pool.discard(session)
                raise
            return False
        except Exception as error:  # noqa: BLE001 - the answer says it: it does not live
            self.log.debug("no heartbeat: {why}", why=type(error).__name__)
            return False
        finally:
            if timer.active():
                timer.cancel()

    def keep(self, session: Session, limit_s: float) -> None:
        """Hold a session whose statement runs on without a caller, ``limit_s`` at most; beat it.

        Snowflake ends what runs on a session that it has not heard of for five minutes. The
        statement has a time limit of its own in Snowflake; the session is closed after it.
        """
        self.pool.keep(session)
        until = self._reactor.seconds() + limit_s + self._settings.keep_alive_s
        self._wait_to_beat(session, until)

    def retire(self) -> int:
        """The credentials may have changed: the next login reads them, and may be tried at once.

        Running statements finish on their sessions. Returns how many idle sessions are closed.
        """
        for name, entrance in list(self._entrances.items()):
            if self._accounts.knows(name, entrance.account):
                entrance.forgive()
            else:
                del self._entrances[name]
                entrance.close()
                self._past.update({each: entrance.logins.snapshot()[each] for each in _COUNTED})
        return self.pool.retire()

    def breakers(self) -> list[Breaker]:
        """Of every connection that is in use."""
        return [entrance.breaker for entrance in self._entrances.values()]

    def take(self, settings: PoolSettings) -> None:
        """Go on with these bounds; ``fetchers`` is not one of them."""
        self._settings = settings
        self.pool.take(settings)
        for entrance in self._entrances.values():
            entrance.widen(settings.max_logins)
            entrance.breaker.take(settings.breaker_failures, settings.breaker_pause_s)

    def may_warm(self) -> bool:
        """Whether a session that nobody has asked for may be opened now."""
        pool, settings = self.pool, self._settings
        wanted = min(settings.warm_sessions, settings.max_idle_sessions)
        return pool.fresh < wanted and pool.size < settings.max_sessions and self.own.logins.proven

    async def warm_up(self) -> None:
        """Open one session that nobody has asked for, at the server's own seat.

        Raises:
            ToolFailure: the login failed, or logins pause.
        """
        self.pool.give_back(await self.lease(self.home, new=True))

    def snapshot(self) -> dict[str, Any]:
        """Numbers for /status, of all connections together."""
        each = [entrance.logins.snapshot() for entrance in self._entrances.values()]
        return {
            **self.pool.snapshot(),
            "max_sessions": self._settings.max_sessions,
            "revived": self.revived,
            "found_dead": self.found_dead,
            **{
                name: sum(numbers[name] for numbers in each) + self._past[name]
                for name in (*_COUNTED, "logging_in")
            },
            "paused": self.own.logins.snapshot()["paused"],
        }

    def connections(self) -> dict[str, dict[str, Any]]:
        """Numbers for /status, by connection; the server's own comes first."""
        open_now = Counter(session.key.account for session in self.pool.sessions)
        return {
            name: {**self.entrance(name).snapshot(), "sessions": open_now[name]}
            for name in self._accounts.names
        }

    @property
    def _doors(self) -> list[Threads]:
        return [entrance.doors for entrance in self._entrances.values()]

    async def _log_in(self, key: Key) -> Session:
        """Log in where there is room for it."""
        generation = self.pool.generation
        try:
            entrance = self.entrance(key.account)
            parameters = await entrance.permission(key)
        except BaseException:
            self.pool.no_session()
            raise
        asked: Deferred[Session] = Deferred()
        login = entrance.doors.run(
            connect.open_session,
            parameters,
            connect.Bounds(self._settings.login_timeout_s, self._accounts.longest_statement_s),
            key.database,
            key.schema,
            key.role,
            key.warehouse,
        )
        login.addCallbacks(
            self._logged_in,
            self._refused,
            callbackArgs=(entrance, key, generation, asked),
            errbackArgs=(entrance, key, asked),
        )
        return await asked

    def _logged_in(
        self,
        connection: Any,
        entrance: Entrance,
        key: Key,
        generation: int,
        asked: Deferred[Session],
    ) -> None:
        session = self.pool.adopt(connection, key, generation)
        entrance.logins.worked()
        if asked.called:
            self.pool.give_back_unused(session, self.home)
        else:
            asked.callback(session)

    def _refused(
        self, reason: Failure, entrance: Entrance, key: Key, asked: Deferred[Session]
    ) -> None:
        error: Any = reason.value
        trouble = classify(error, "login")
        failure = trouble.failure()
        # For the operator alone: the driver's text names host and user, never the secret.
        self.log.warn(  # noqa: G010 - twisted's logger has no warning()
            "login failed: {family}, errno {errno}, connection {connection}: {text}",
            connection=key.account,
            family=failure.family.value,
            errno=failure.details.get("errno"),
            text=str(error)[:300],
        )
        entrance.refused(key, trouble)
        if not asked.called:
            # Without its cause: the frames of the driver's exception hold the secrets.
            asked.errback(failure)
        self.pool.no_session()

    def _wait_to_beat(self, session: Session, until: float) -> None:
        self._alarms[session] = self._reactor.callLater(
            self._settings.keep_alive_s, self._beat, session, until
        )

    def _beat(self, session: Session, until: float) -> None:
        del self._alarms[session]
        if self._reactor.seconds() >= until:
            self.pool.let_go(session)
            return
        self._wait_to_beat(session, until)
        self._hearts.run(connect.is_alive, session.connection).addErrback(self._not_closed)

    def _close(self, session: Session) -> None:
        if self._closers.stopped:
            # The process ends; Snowflake drops the session by itself.
            return
        self._closers.run(_end, session.connection, session.unfinished).addErrback(self._not_closed)

    def _not_closed(self, reason: Failure) -> None:
        self.log.debug("a session did not answer: {why}", why=type(reason.value).__name__)


def _end(connection: Any, unfinished: str | None) -> None:
    try:
        if unfinished is not None:
            queries.abort(connection, unfinished)
    finally:
        connect.close(connection)
