"""Open sessions that wait to be used again; nobody but one statement at a time has one."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.ops.fairness import FairQueue
from snowflake_mcp.protocol.alarms import Clock
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.session import NOBODY, Key, Session

__all__ = ["Pool"]

_AGE_SPREAD: Final = 0.1
"""Sessions that were opened together must not all end together: some go earlier by so much."""
_SPARE_S: Final = 5.0
"""How long a session stays that is one more than may lie idle. Who runs statements one after the
other comes back for it at once, and the login for another one takes a second."""


@dataclass(eq=False, slots=True)
class _Turn:
    key: Key
    answer: Deferred[Session | None]


class Pool:
    """Keeps sessions by key, within bounds of number, idle time and age; reactor thread only.

    It never blocks. ``close`` takes a session that nobody has any more and ends it in a thread.
    A session is leased to one statement at a time. Those who need one more than there may be
    wait, and are served principal by principal in turn.
    """

    def __init__(
        self,
        clock: Clock,
        settings: PoolSettings,
        close: Callable[[Session], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._close = close
        self._jitter = jitter
        self._idle: list[Session] = []  # longest unused first
        self._leased: set[Session] = set()
        self._kept: set[Session] = set()
        self._opening = 0
        self._turns: FairQueue[_Turn] = FairQueue()
        self.generation = 0
        """Counts the times that credentials were changed."""
        self._sweep: IDelayedCall | None = None
        self._stopped = False
        self._serving = False
        self.opened = 0
        self.closed = 0

    @property
    def leased(self) -> int:
        """Sessions that a statement has now."""
        return len(self._leased)

    @property
    def size(self) -> int:
        """Sessions that are open or being opened."""
        return len(self._idle) + len(self._leased) + len(self._kept) + self._opening

    @property
    def fresh(self) -> int:
        """Idle sessions that nobody has used yet."""
        return sum(session.key.principal == NOBODY for session in self._idle)

    @property
    def sessions(self) -> list[Session]:
        """Every session that is open."""
        return [*self._idle, *self._leased, *self._kept]

    def last_used_at(self, account: str) -> float | None:
        """When that account last answered on a session that is still open and not kept."""
        sessions = [*self._idle, *self._leased]
        used = (session.used_at for session in sessions if session.key.account == account)
        return max(used, default=None)

    def lease(self, key: Key) -> Session | None:
        """The most recently used idle session of that key, or a fresh one; ``None``: see ``room``.

        The caller asks it for a sign of life first if it ``is_stale``.
        """
        return self._taken(key, key) or self._taken(key.fresh, key)

    def is_stale(self, session: Session) -> bool:
        """Whether it lay idle for so long that Snowflake may have ended it."""
        return self._clock.seconds() - session.used_at >= self._settings.validate_after_s

    async def room(self, key: Key) -> Session | None:
        """Wait until one more session may be open; cancelling gives the place in the line up.

        Returns ``None`` for the right to log in, which ends with ``adopt`` or ``no_session``; or
        a session of that key that came back in the meantime, leased to the caller.

        Raises:
            ToolFailure: BUSY, when none became free within ``max_wait_s``.
        """
        if self.size >= self._settings.max_sessions and self._idle:
            self._end(self._idle.pop(0))
        if self.size < self._settings.max_sessions:
            self._opening += 1
            return None
        owner = key.principal
        turn = _Turn(key, Deferred(lambda _: self._turns.remove(owner, turn)))
        self._turns.add(owner, turn)
        limit_s = self._settings.max_wait_s
        timer = self._clock.callLater(limit_s, self._too_late, turn, limit_s)
        try:
            return await turn.answer
        finally:
            if timer.active():
                timer.cancel()

    def adopt(self, connection: Any, key: Key, generation: int) -> Session:
        """Take in a connection that has just logged in; it is leased to the caller.

        ``generation`` is what the pool's was before the login read its credentials.
        """
        now = self._clock.seconds()
        age_s = self._settings.session_age_s * (1 - _AGE_SPREAD * self._jitter())
        session = Session(connection, key, now, now + age_s, generation, used_at=now)
        self._opening -= 1
        self._leased.add(session)
        self.opened += 1
        return session

    def no_session(self) -> None:
        """The login for which there was room came to nothing."""
        self._opening -= 1
        self._serve()

    def give_back(self, session: Session) -> None:
        """The statement is over and the session is sound: keep it for the next one."""
        self._leased.discard(session)
        session.used_at = self._clock.seconds()
        if self._stopped or self._is_over(session):
            self._end(session)
        elif self._turns:
            self._hand_over(session)
        else:
            self._idle.append(session)
            if not self._settings.max_idle_sessions:
                self._end_spare()
            elif session.key.principal == NOBODY:
                # An older one may have stopped being one of the warm ones by that.
                self._plan_sweep()
            else:
                self._sweep_by(self._ends_at(session))

    def give_back_unused(self, session: Session, home: Key) -> None:
        """Nothing has run on it: at ``home`` whoever comes next may have it, else its owner."""
        if session.key.fresh == home:
            session.key = home
        self.give_back(session)

    def discard(self, session: Session) -> None:
        """The session's state is in doubt: close it, never lease it again."""
        self._leased.discard(session)
        self._end(session)

    def keep(self, session: Session) -> None:
        """Its statement runs on without a caller: hold it, until ``let_go``."""
        self._leased.discard(session)
        self._kept.add(session)

    def let_go(self, session: Session) -> None:
        """The statement of a session that was kept has ended: close the session."""
        self._kept.discard(session)
        self._end(session)

    def take(self, settings: PoolSettings) -> None:
        """Go on within these bounds; leased sessions are left until they come back."""
        self._settings = settings
        self._end_spare()
        self._serve()
        self._plan_sweep()

    def retire(self) -> int:
        """The credentials have changed: close idle sessions now and leased ones when they return.

        Returns how many were idle.
        """
        self.generation += 1
        idle, self._idle = self._idle, []
        for session in idle:
            self._end(session)
        return len(idle)

    def stop(self) -> None:
        """Close what is idle; what is leased is closed when it comes back.

        A session whose statement runs on is left as it is: to end it would end its statement.
        """
        self._stopped = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for turn in self._turns.clear():
            turn.answer.cancel()
        self.retire()

    def snapshot(self) -> dict[str, Any]:
        """Numbers for /status; no names."""
        return {
            "idle": len(self._idle),
            "warm": self.fresh,
            "leased": self.leased,
            "kept": len(self._kept),
            "opening": self._opening,
            "waiting": len(self._turns),
            "keys": len({session.key for session in self.sessions}),
            "opened": self.opened,
            "closed": self.closed,
        }

    def _taken(self, wanted: Key, key: Key) -> Session | None:
        for session in reversed(self._idle):
            if session.key == wanted and not self._is_over(session):
                self._idle.remove(session)
                self._leased.add(session)
                session.key = key
                return session
        return None

    def _is_over(self, session: Session) -> bool:
        return session.generation != self.generation or self._clock.seconds() >= session.expires_at

    def _end(self, session: Session) -> None:
        self.closed += 1
        self._close(session)
        self._serve()

    def _hand_over(self, session: Session) -> None:
        turn = self._turns.take()
        if session.key in (turn.key, turn.key.fresh):
            session.key = turn.key
            self._leased.add(session)
            turn.answer.callback(session)
            return
        self._opening += 1
        self._end(session)
        turn.answer.callback(None)

    def _serve(self) -> None:
        if self._serving:
            # Whoever was just let in gave up at once; the loop below goes on.
            return
        self._serving = True
        try:
            while self._turns and self.size < self._settings.max_sessions:
                self._opening += 1
                self._turns.take().answer.callback(None)
        finally:
            self._serving = False

    def _too_late(self, turn: _Turn, limit_s: float) -> None:
        self._turns.remove(turn.key.principal, turn)
        turn.answer.errback(
            ToolFailure(
                Family.BUSY,
                f"The server is busy: all of its Snowflake sessions ({self.size}) were in use "
                f"for {limit_s:g} s.",
                "Wait a few seconds and call again, or run fewer statements at once.",
                retryable=True,
            )
        )

    def _least_wanted(self) -> int:
        """The longest unused one; a warm one only when there are no others."""
        if self.fresh > self._settings.warm_sessions:
            return 0
        used = (n for n, each in enumerate(self._idle) if each.key.principal != NOBODY)
        return next(used, 0)

    def _end_spare(self, unused_since: float = math.inf) -> None:
        """End those that are more than may lie idle, unless they were in use after that time."""
        while len(self._idle) > self._settings.max_idle_sessions:
            place = self._least_wanted()
            if self._idle[place].used_at > unused_since:
                return
            self._end(self._idle.pop(place))

    def _ends_at(self, session: Session) -> float:
        warm = session.key.principal == NOBODY and self.fresh <= self._settings.warm_sessions
        if warm:
            return session.expires_at
        return min(session.expires_at, session.used_at + self._settings.idle_session_s)

    def _plan_sweep(self) -> None:
        if self._idle:
            self._sweep_by(min(map(self._ends_at, self._idle)))

    def _sweep_by(self, end: float) -> None:
        """Look at the idle ones at that time at the latest, and soon where there are too many."""
        if self._stopped or not self._idle:
            return
        now = self._clock.seconds()
        if len(self._idle) > self._settings.max_idle_sessions:
            end = min(end, now + _SPARE_S)
        wait_s = max(1.0, end - now)
        if self._sweep is None:
            self._sweep = self._clock.callLater(wait_s, self._sweep_idle)
        elif self._sweep.getTime() > now + wait_s:
            self._sweep.reset(wait_s)

    def _sweep_idle(self) -> None:
        self._sweep = None
        now = self._clock.seconds()
        for session in list(self._idle):
            if now >= self._ends_at(session):
                self._idle.remove(session)
                self._end(session)
        self._end_spare(now - _SPARE_S)
        self._plan_sweep()
