"""Open sessions that wait to be used again; nobody but one statement at a time has one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from twisted.internet.interfaces import IDelayedCall

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.warehouse.threads import Clock

__all__ = ["Key", "Pool", "Session"]


class Key(NamedTuple):
    """What must agree before a session may serve a statement.

    The principal is a part of it: results and session state of one caller never meet another.
    """

    account: str
    principal: str
    role: str | None = None
    warehouse: str | None = None
    database: str | None = None
    schema: str | None = None


@dataclass(eq=False, slots=True)
class Session:
    """A logged-in connection; whoever holds it has it alone."""

    connection: Any
    """The driver's; only worker threads touch it."""
    key: Key
    opened_at: float
    used_at: float = field(default=0.0)
    """When it last came back from a statement that Snowflake answered."""
    unfinished: str | None = None
    """A statement that may still run on it, to be aborted before the session is closed."""


class Pool:
    """Keeps idle sessions by key, closes old ones; reactor thread only, never blocks.

    ``close`` takes a session that nobody has any more and ends it in a thread.
    """

    def __init__(
        self, clock: Clock, settings: PoolSettings, close: Callable[[Session], None]
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._close = close
        self._idle: list[Session] = []  # longest unused first
        self._leased: set[Session] = set()
        self._sweep: IDelayedCall | None = None
        self._stopped = False
        self.opened = 0
        self.closed = 0

    @property
    def leased(self) -> int:
        """Sessions that a statement has now."""
        return len(self._leased)

    @property
    def last_used_at(self) -> float | None:
        """When Snowflake last answered on a session that is still open."""
        sessions = [*self._idle, *self._leased]
        return max((session.used_at for session in sessions), default=None)

    def lease(self, key: Key) -> Session | None:
        """The most recently used idle session of that key, or ``None``: log in and ``adopt``."""
        for session in reversed(self._idle):
            if session.key == key and not self._is_old(session):
                self._idle.remove(session)
                self._leased.add(session)
                return session
        return None

    def adopt(self, connection: Any, key: Key) -> Session:
        """Take in a connection that has just logged in; it is leased to the caller."""
        now = self._clock.seconds()
        session = Session(connection, key, opened_at=now, used_at=now)
        self._leased.add(session)
        self.opened += 1
        return session

    def give_back(self, session: Session) -> None:
        """The statement is over and the session is sound: keep it for the next one."""
        self._leased.discard(session)
        session.used_at = self._clock.seconds()
        if self._stopped or self._is_old(session) or not self._settings.max_idle_sessions:
            self._end(session)
            return
        self._idle.append(session)
        while len(self._idle) > self._settings.max_idle_sessions:
            self._end(self._idle.pop(0))
        self._plan_sweep()

    def discard(self, session: Session) -> None:
        """The session's state is in doubt: close it, never lease it again."""
        self._leased.discard(session)
        self._end(session)

    def abandon(self, session: Session) -> None:
        """Forget the session without ending it: something in Snowflake is to outlive us."""
        self._leased.discard(session)
        self.closed += 1

    def stop(self) -> None:
        """Close what is idle; what is leased is closed when it comes back."""
        self._stopped = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        idle, self._idle = self._idle, []
        for session in idle:
            self._end(session)

    def snapshot(self) -> dict[str, Any]:
        """Numbers for /status."""
        return {
            "idle": len(self._idle),
            "leased": self.leased,
            "opened": self.opened,
            "closed": self.closed,
        }

    def _is_old(self, session: Session) -> bool:
        return self._clock.seconds() - session.opened_at >= self._settings.session_age_s

    def _end(self, session: Session) -> None:
        self.closed += 1
        self._close(session)

    def _plan_sweep(self) -> None:
        if self._sweep is None and self._idle:
            due = self._idle[0].used_at + self._settings.idle_session_s
            self._sweep = self._clock.callLater(
                max(1.0, due - self._clock.seconds()), self._sweep_idle
            )

    def _sweep_idle(self) -> None:
        self._sweep = None
        now = self._clock.seconds()
        for session in list(self._idle):
            if now - session.used_at >= self._settings.idle_session_s or self._is_old(session):
                self._idle.remove(session)
                self._end(session)
        self._plan_sweep()
