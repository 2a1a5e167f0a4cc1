"""A circuit breaker: when an endpoint lets statement after statement fail, others need not try."""

import math
from collections.abc import Callable
from typing import Any, Final, Literal

from twisted.logger import Logger

from snowflake_mcp.protocol.alarms import Clock
from snowflake_mcp.protocol.errors import Family, ToolFailure

__all__ = ["Attempt", "Breaker"]

State = Literal["closed", "open", "half open"]

_TRIED_S: Final = 2
"""When to come back while one statement tries: its end is not known, but soon is a good guess."""


class Breaker:
    """Guards statements on sessions that were logged in; reactor thread only.

    Logins have their own pauses (``logins``); this is for an endpoint that lets in and then fails,
    or that has gone since. So many failures of the way to Snowflake in a row open it; an error
    that Snowflake itself reports, or a result, closes it. While it is open calls are answered at
    once; after the pause one statement may try, and what becomes of it decides.

    Sessions whose line breaks at one moment fail together: that alone does not open it. At least
    one failure must be of a statement that began after the first had failed.
    """

    _log = Logger()

    def __init__(self, clock: Clock, failures: int, pause_s: float, name: str = "") -> None:
        """``failures`` 0: never opens; ``name`` is the connection's, for the log."""
        self._clock = clock
        self._name = name
        self._most = failures
        self._pause_s = pause_s
        self._failures = 0
        self._first_at = 0.0
        self._again = False
        self._open_until: float | None = None
        self._trial: Attempt | None = None
        self.opened = 0
        """How often it has opened."""

    def take(self, failures: int, pause_s: float) -> None:
        """Go on with these settings: the pause counts from the next time it opens."""
        self._most, self._pause_s = failures, pause_s

    @property
    def state(self) -> State:
        """``half open``: one statement may try, or does."""
        if self._open_until is None:
            return "closed"
        return "open" if self._clock.seconds() < self._open_until else "half open"

    def check(self) -> None:
        """Whether a statement could begin now.

        Raises:
            ToolFailure: UNAVAILABLE, it is open, or another statement tries.
        """
        if self._open_until is None:
            return
        left_s = self._open_until - self._clock.seconds()
        if left_s > 0:
            retry_after_s = math.ceil(left_s)
            raise _open(
                f"The last {self._failures} statements did not reach Snowflake; the next one is "
                f"tried in {retry_after_s} s.",
                retry_after_s,
            )
        if self._trial is not None and self._trial.accepted():
            # It may run for an hour; that Snowflake has taken it says enough.
            self._close()
        elif self._trial is not None:
            raise _open("One statement tries whether Snowflake can be reached again.", _TRIED_S)

    def enter(self, accepted: Callable[[], bool] = lambda: False) -> "Attempt":
        """Begin a statement; tell the attempt how it went, once.

        ``accepted`` says whether Snowflake has taken it by now.

        Raises:
            ToolFailure: as ``check`` does.
        """
        self.check()
        attempt = Attempt(self, self._clock.seconds(), accepted)
        if self._open_until is not None:
            self._trial = attempt
        return attempt

    def reset(self) -> bool:
        """An operator knows better: close it. Returns whether it was open."""
        was_open = self._open_until is not None
        self._close()
        return was_open

    def snapshot(self) -> dict[str, Any]:
        """Numbers for /status."""
        left_s = (self._open_until or 0.0) - self._clock.seconds()
        return {
            "connection": self._name,
            "state": self.state,
            "failures": self._failures,
            "opened": self.opened,
            "retry_in_s": round(max(left_s, 0.0), 1),
        }

    def settled(self, attempt: "Attempt", reached: bool | None) -> None:
        """An attempt has ended; only ``Attempt`` calls this. ``None``: it tells nothing."""
        tried = attempt is self._trial
        if tried:
            self._trial = None
        if reached:
            if self._failures or self._open_until is not None:
                self._close()
        elif reached is False:
            self._failed(attempt, tried)

    def _failed(self, attempt: "Attempt", tried: bool) -> None:
        now = self._clock.seconds()
        if not self._failures:
            self._first_at = now
        self._again = self._again or attempt.began > self._first_at
        self._failures += 1
        if not self._most or (self._open_until is not None and not tried):
            # Those that had begun before it opened say nothing new.
            return
        if tried or (self._failures >= self._most and (self._again or self._most == 1)):
            if self._open_until is None:
                self.opened += 1
                self._log.warn(
                    "the last {failures} statements on connection {name} did not reach Snowflake: "
                    "for now calls are refused, and one at a time tries",
                    failures=self._failures,
                    name=self._name,
                )
            self._open_until = now + self._pause_s

    def _close(self) -> None:
        if self._open_until is not None:
            self._log.info("connection {name} is tried again by all", name=self._name)
        self._failures, self._again = 0, False
        self._open_until = self._trial = None


class Attempt:
    """One statement's way to Snowflake; whatever is told first counts."""

    __slots__ = ("_breaker", "accepted", "began")

    def __init__(self, breaker: Breaker, began: float, accepted: Callable[[], bool]) -> None:
        self._breaker: Breaker | None = breaker
        self.began = began
        self.accepted = accepted

    def reached(self) -> None:
        """Snowflake has answered, be it with an error of its own."""
        self._settle(True)

    def failed(self) -> None:
        """The way to Snowflake failed."""
        self._settle(False)

    def gave_up(self) -> None:
        """It ended for another reason: called off, or never begun."""
        self._settle(None)

    def _settle(self, reached: bool | None) -> None:
        breaker = self._breaker
        if breaker is not None:
            self._breaker = None
            breaker.settled(self, reached)


def _open(message: str, retry_after_s: int) -> ToolFailure:
    return ToolFailure(
        Family.UNAVAILABLE,
        message,
        f"Wait {retry_after_s} s and call again.",
        retryable=True,
        details={"breaker": "open", "retry_after_s": retry_after_s},
    )
