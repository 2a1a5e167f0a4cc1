"""Getting a session for a statement: an idle one, or a login that the account can bear."""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.config.model import LimitSettings, PoolSettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse import connect, queries
from snowflake_mcp.warehouse.credentials import Account
from snowflake_mcp.warehouse.errors import classify
from snowflake_mcp.warehouse.logins import Logins
from snowflake_mcp.warehouse.pool import Key, Pool, Session
from snowflake_mcp.warehouse.threads import Reactor, Threads

__all__ = ["Sessions"]

_CLOSERS = 2
"""Threads that log out; few, because nobody waits for them."""


class Sessions:
    """The sessions of one account; reactor thread only, the driver works in threads."""

    log = Logger()

    def __init__(
        self, reactor: Reactor, account: Account, pool: PoolSettings, limits: LimitSettings
    ) -> None:
        self._account = account
        self._bounds = connect.Bounds(
            login_s=pool.login_timeout_s, statement_s=limits.statement_timeout_s
        )
        self.closers = Threads(reactor, "closer", _CLOSERS)
        self.logins = Logins(reactor)
        self.pool = Pool(reactor, pool, self._close)

    def start(self) -> None:
        """Let sessions be opened and closed."""
        self.closers.start()

    def key(self, principal: str, database: str | None = None, schema: str | None = None) -> Key:
        """The key under which this principal's sessions with that context are kept."""
        return Key(self._account.name, principal, database=database, schema=schema)

    async def may_open(self) -> Mapping[str, object]:
        """Wait for the right to log in; returns the login's arguments for ``open``.

        Cancelling it gives the right back. Whoever got an answer must call ``open``.

        Raises:
            ToolFailure: the last login failed a moment ago, or there is nothing to log in to.
        """
        await self.logins.enter()
        try:
            return await self._account.parameters()
        except CancelledError:
            self.logins.gave_up()
            raise
        except ToolFailure:
            self.logins.gave_up()
            raise
        except Exception as error:
            self.logins.gave_up()
            self.log.warn(  # noqa: G010 - twisted's logger has no warning()
                "nothing to log in to: {kind}: {why}", kind=type(error).__name__, why=str(error)
            )
            raise ToolFailure(
                Family.UNAVAILABLE,
                str(error) or "The server's Snowflake connection is not available.",
                "Wait a little and call again.",
                retryable=True,
            ) from error

    async def open(self, key: Key, parameters: Mapping[str, object], threads: Threads) -> Session:
        """Log in, in one of ``threads``; must not be cancelled, or the session is lost.

        Raises:
            ToolFailure: the login failed; further ones pause.
        """
        try:
            connection = await threads.run(
                connect.open_session, parameters, self._bounds, key.database, key.schema
            )
        except CancelledError:
            self.logins.gave_up()
            raise
        except Exception as error:
            failure = classify(error, "login").failure()
            self.logins.refused(failure)
            # For the operator alone: the driver's text names host and user, never the secret.
            self.log.warn(  # noqa: G010 - twisted's logger has no warning()
                "login failed: {family}, errno {errno}: {text}",
                family=failure.family.value,
                errno=failure.details.get("errno"),
                text=str(error)[:300],
            )
            raise failure from error
        self.logins.worked()
        return self.pool.adopt(connection, key)

    def snapshot(self) -> dict[str, Any]:
        """Numbers for /status."""
        return {**self.pool.snapshot(), **self.logins.snapshot()}

    def _close(self, session: Session) -> None:
        if self.closers.stopped:
            # The process ends; Snowflake drops the session by itself.
            return
        self.closers.run(_end, session.connection, session.unfinished).addErrback(self._not_closed)

    def _not_closed(self, reason: Failure) -> None:
        self.log.debug("a session was not closed: {why}", why=type(reason.value).__name__)


def _end(connection: Any, unfinished: str | None) -> None:
    try:
        if unfinished is not None:
            queries.abort(connection, unfinished)
    finally:
        connect.close(connection)
