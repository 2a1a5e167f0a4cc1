"""ABORT_DETACHED_QUERY: what a session runs ends when its client has been gone for five minutes."""

from collections.abc import Sequence
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from snowflake_mcp.simulator.session_parameters import Parameters
from snowflake_mcp.simulator.statements import Statement

__all__ = ["DETACHED_S", "DetachedWatch", "Watched"]

DETACHED_S: Final = 300.0
"""Snowflake's five minutes."""


class Watched(Protocol):
    """A session, as far as it is watched."""

    parameters: Parameters

    @property
    def idle_s(self) -> float:
        """Seconds since a client was heard."""

    def touch(self) -> None:
        """A client was heard."""

    def unended(self) -> Sequence[Statement]:
        """The statements that wait or run."""

    def abort_all(self) -> None:
        """Stop them."""


class DetachedWatch:
    """Looks after one session while it runs something; reactor thread only.

    A client is there while it sends any request for the session, or holds one for an outcome.
    """

    def __init__(self, clock: IReactorTime, session: Watched) -> None:
        self._clock = clock
        self._session = session
        self._call: IDelayedCall | None = None

    def watch(self) -> None:
        """A statement begins."""
        if self._call is None and self._session.parameters.get("ABORT_DETACHED_QUERY"):
            wait_s = max(1.0, DETACHED_S - self._session.idle_s)
            self._call = self._clock.callLater(wait_s, self._look)

    def stop(self) -> None:
        """The session is over."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        self._call = None
        unended = self._session.unended()
        if any(statement.awaited for statement in unended):
            self._session.touch()
        if unended and self._session.idle_s >= DETACHED_S:
            self._session.abort_all()
        elif unended:
            self.watch()
