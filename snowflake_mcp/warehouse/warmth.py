"""Keeping some sessions open ahead of need, so that a first call does not wait for a login."""

import random
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.protocol.alarms import Clock
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.warehouse.sessions import Sessions

__all__ = ["Warmth"]

_LOOK_S: Final = 5.0


class Warmth:
    """Looks every few seconds whether a warm session is missing; reactor thread only.

    It opens them one by one, and only while the last login of anybody has worked: credentials
    that were refused are not tried again without need, because Snowflake locks the user.
    """

    _log = Logger()

    def __init__(
        self, clock: Clock, sessions: Sessions, jitter: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._sessions = sessions
        self._jitter = jitter
        self._next: IDelayedCall | None = None
        self._opening: Deferred[None] | None = None

    def start(self) -> None:
        """Begin to look; a second call does nothing."""
        if self._next is None:
            self._plan()

    def stop(self) -> None:
        """Look no more."""
        if self._next is not None and self._next.active():
            self._next.cancel()
        if self._opening is not None:
            self._opening.cancel()

    def _plan(self) -> None:
        # Replicas that were started together do not log in together.
        delay_s = _LOOK_S * (0.75 + self._jitter() / 2)
        self._next = self._clock.callLater(delay_s, self._look)

    def _look(self) -> None:
        self._plan()
        if self._opening is None and self._sessions.may_warm():
            self._opening = Deferred.fromCoroutine(self._sessions.warm_up())
            self._opening.addErrback(self._not_opened).addBoth(self._done)

    def _not_opened(self, reason: Failure) -> None:
        if reason.check(CancelledError) is None:
            self._log.debug(
                "no warm session: {why}",
                why=reason.value if reason.check(ToolFailure) else type(reason.value).__name__,
            )

    def _done(self, _: object) -> None:
        self._opening = None
