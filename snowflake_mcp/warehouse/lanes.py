"""Places for statements: of all connections together, and fewer of one that says so."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.protocol.alarms import Clock
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.accounts import Seat
from snowflake_mcp.warehouse.lane import Lane, Permit, Share

__all__ = ["Lanes"]

_NO_SHARE: Final[Share] = (0, 0)


class Wanting(Protocol):
    """What wants a place: a statement, or a request to a service."""

    @property
    def principal(self) -> Principal:
        """Whose it is."""

    @property
    def timeout_s(self) -> float:
        """How long it may wait and run."""


class Lanes:
    """The lane of all statements, and one before it for each connection with a bound of its own.

    Who waits for a place on a connection holds none of the places of all; so a connection that is
    slow, and bounded, cannot take every place. Reactor thread only.
    """

    def __init__(self, clock: Clock, pool: PoolSettings, share_of: Callable[[str], Share]) -> None:
        self._clock = clock
        self._pool = pool
        self._closed: ToolFailure | None = None
        self._whole = self._lane(pool.max_statements, share_of)
        self._of: dict[str, Lane] = {}

    async def admit(self, job: Wanting, seat: Seat) -> Permit:
        """Wait for a place on the connection, then for one of all.

        Raises:
            ToolFailure: BUSY, when too many wait or the wait was too long; whatever ``close`` was
                given, when the lanes are closed.
        """
        owner, width = job.principal.name, seat.settings.pool.max_statements
        if not width or width >= self._pool.max_statements:
            return await self._whole.admit(owner, job.timeout_s)
        lane = self._of.get(seat.connection)
        if lane is None:
            lane = self._of[seat.connection] = self._lane(width, lambda _: _NO_SHARE)
            if self._closed is not None:
                lane.close(self._closed)
        lane.take(width=width, queue=self._pool.max_waiting, max_wait_s=self._pool.max_wait_s)
        since = self._clock.seconds()
        beneath = await lane.admit(owner, job.timeout_s)
        try:
            left_s = max(0.0, job.timeout_s - (self._clock.seconds() - since))
            permit = await self._whole.admit(owner, left_s)
        except BaseException:
            beneath.release()
            raise
        permit.beneath = beneath
        return permit

    def take(self, pool: PoolSettings) -> None:
        """Go on within these bounds; those of a connection count when somebody next asks for it."""
        self._pool = pool
        self._whole.take(
            width=pool.max_statements, queue=pool.max_waiting, max_wait_s=pool.max_wait_s
        )

    def close(self, failure: ToolFailure) -> None:
        """Admit nobody any more; those who wait and those who come get ``failure``."""
        self._closed = failure
        for lane in (*self._of.values(), self._whole):
            lane.close(failure)

    def snapshot(self) -> dict[str, Any]:
        """Numbers for /status, of all together; who waits for a connection waits."""
        told = self._whole.snapshot()
        return {
            **told,
            "waiting": told["waiting"] + sum(each.waiting for each in self._of.values()),
        }

    def _lane(self, width: int, share_of: Callable[[str], Share]) -> Lane:
        return Lane(
            self._clock,
            width=width,
            queue=self._pool.max_waiting,
            max_wait_s=self._pool.max_wait_s,
            share_of=share_of,
        )
