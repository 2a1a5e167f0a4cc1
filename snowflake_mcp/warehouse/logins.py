"""When a login may be tried: a first try alone, then some at a time, a pause after a failure."""

import random
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.alarms import Clock
from snowflake_mcp.protocol.errors import Family, ToolFailure

__all__ = ["Logins"]

AUTH_PAUSE_S: Final = 60.0
"""After refused credentials. Snowflake locks a user out after some refusals."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 4.0
"""After an unreachable endpoint the pause doubles from the first to this one; with its jitter it
ends within 5 s, and so the server recovers that soon. One try at a time is no storm."""


class Logins:
    """Guards the account against login storms; reactor thread only.

    Until a login has worked, and again after one has failed, only one is under way and the
    others wait for what becomes of it; then at most ``width`` are. After a failure all are
    answered with it at once until the pause is over.
    """

    def __init__(
        self, clock: Clock, width: int, jitter: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self.width = width
        """Logins that may be under way at once, once one has worked."""
        self._jitter = jitter
        self._proven = False
        self._under_way = 0
        self._waiting: list[Deferred[None]] = []
        self._failure: ToolFailure | None = None
        self._pause_s = 0.0
        self._closed_until = 0.0
        self.count = 0
        """Logins that have worked."""
        self.failed = 0

    @property
    def proven(self) -> bool:
        """Whether the last login worked."""
        return self._proven

    @property
    def failure(self) -> ToolFailure | None:
        """Why logins pause; ``None`` when one may be tried."""
        left_s = self._closed_until - self._clock.seconds()
        if self._failure is None or left_s <= 0:
            return None
        return self._failure.anew(
            message=f"{self._failure.message} The next login is tried in {left_s:.0f} s.",
            next_login_s=round(left_s, 1),
        )

    async def enter(self) -> None:
        """Wait for the right to try one login; end it with ``worked``, ``refused`` or ``gave_up``.

        Raises:
            ToolFailure: the last login failed and its pause is not over.
        """
        while True:
            failure = self.failure
            if failure is not None:
                raise failure
            if self._under_way < (self.width if self._proven else 1):
                self._under_way += 1
                return
            turn: Deferred[None] = Deferred(self._waiting.remove)
            self._waiting.append(turn)
            await turn

    def worked(self) -> None:
        """The login succeeded: from here on logins may go side by side."""
        self.count += 1
        self._proven = True
        self._failure = None
        self._pause_s = 0.0
        self._settle()

    def refused(self, failure: ToolFailure) -> None:
        """The login failed: pause, and let only one try afterwards."""
        self.failed += 1
        self._proven = False
        self._failure = failure
        if failure.family is Family.AUTH:
            pause_s = AUTH_PAUSE_S
        else:
            self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2 or FIRST_PAUSE_S)
            # Replicas that lost the same endpoint do not come back in step.
            pause_s = self._pause_s * (0.75 + self._jitter() / 2)
        self._closed_until = max(self._closed_until, self._clock.seconds() + pause_s)
        self._settle()

    def barred(self) -> None:
        """The login failed for what it asked for, not for who asked: others may go on."""
        self.failed += 1
        self._settle()

    def gave_up(self) -> None:
        """The login was not tried after all; somebody else may."""
        self._settle()

    def forgive(self) -> None:
        """The credentials have changed: do not wait for the end of a pause; one may try."""
        self._proven = False
        self._failure = None
        self._pause_s = 0.0
        self._closed_until = 0.0

    def snapshot(self) -> dict[str, Any]:
        """Numbers for /status."""
        failure = self.failure
        return {
            "logins": self.count,
            "failed_logins": self.failed,
            "logging_in": self._under_way,
            "paused": failure.family.value if failure is not None else None,
        }

    def _settle(self) -> None:
        self._under_way -= 1
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            turn.callback(None)
