"""Whether Snowflake would answer now, found out cheaply."""

from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.warehouse.sessions import Sessions
from snowflake_mcp.warehouse.threads import Reactor

__all__ = ["Readiness"]

Answer = tuple[bool, str]

_CACHED_S: Final = 10.0
_BAD_NEWS_S: Final = 1.0
"""A recovery is to be seen soon; how often a login is tried is not for this to decide."""
_SLACK_S: Final = 2.0
_RECENT_S: Final = 60.0
"""A session that Snowflake answered so recently proves enough."""


class Readiness:
    """Answers probes from what is known; logs in or sends a heartbeat at most every 10 s.

    It asks the server's own connection: what another one does concerns its callers alone.
    Reactor thread only. Logging in needs no virtual warehouse, so no probe costs credits. The
    session of a probe runs no statement, so anybody may have it afterwards.
    """

    def __init__(self, reactor: Reactor, sessions: Sessions, login_s: float) -> None:
        self._reactor = reactor
        self._sessions = sessions
        self.login_s = login_s
        """How long a login may take."""
        self._answer: Answer | None = None
        self._asked_at = 0.0
        self._known_at = 0.0
        self._waiting: list[Deferred[Answer]] = []
        self._asking = False

    @property
    def age_s(self) -> float:
        """How old the last answer is, in seconds."""
        return self._reactor.seconds() - self._known_at

    async def check(self) -> Answer:
        """Whether it answers, and a sentence for the operator without secrets."""
        now = self._known_at = self._reactor.seconds()
        failure = self._sessions.own.logins.failure
        if failure is not None:
            return False, failure.message
        if self._answer is not None:
            keep_s = _CACHED_S if self._answer[0] else _BAD_NEWS_S
            if now - self._asked_at < keep_s:
                self._known_at = self._asked_at
                return self._answer
        used_at = self._sessions.pool.last_used_at(self._sessions.home.account)
        if used_at is not None and now - used_at < _RECENT_S:
            self._known_at = used_at
            return True, f"Snowflake answered {now - used_at:.0f} s ago"
        waiting: Deferred[Answer] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        if not self._asking:
            self._asking = True
            # On its own: a probe that hangs up must not cut the login of the others short.
            Deferred.fromCoroutine(self._ask()).addBoth(self._tell)
        return await waiting

    async def _ask(self) -> Answer:
        sessions = self._sessions
        key = sessions.home
        session = sessions.pool.lease(key)
        if session is not None:
            if await sessions.is_alive(session):
                sessions.pool.give_back(session)
                return True, "Snowflake answered a heartbeat"
            sessions.pool.discard(session)
        opening = Deferred.fromCoroutine(sessions.lease(key, new=True))
        timer = self._reactor.callLater(self.login_s + _SLACK_S, opening.cancel)
        try:
            session = await opening
        except CancelledError:
            return False, "the login is still under way"
        finally:
            if timer.active():
                timer.cancel()
        sessions.pool.give_back(session)
        return True, "logged in"

    def _tell(self, result: Answer | Failure) -> None:
        self._asking = False
        if not isinstance(result, Failure):
            answer = result
        elif isinstance(result.value, ToolFailure):
            answer = (False, result.value.message)
        else:
            answer = (False, f"the check failed: {type(result.value).__name__}")
        self._answer = answer
        self._asked_at = self._known_at = self._reactor.seconds()
        waiting, self._waiting = self._waiting, []
        for probe in waiting:
            probe.callback(answer)
