"""What all sessions share, and what each needs of threads and of an engine."""

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorFromThreads, IReactorTime

from snowflake_mcp.simulator.ids import QueryIds
from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.results import Rows
from snowflake_mcp.simulator.reuse import Reuse
from snowflake_mcp.simulator.statements import Docket, Place

__all__ = ["Bench", "Clock", "Pool", "Runner"]


class Clock(IReactorTime, IReactorFromThreads):
    """The two reactor interfaces that sessions need."""


class Pool(Protocol):
    """The worker threads."""

    def callInThreadWithCallback(
        self, onResult: Callable[[bool, Any], object], func: Callable[[], object]
    ) -> None:
        """Run ``func`` in a worker; ``onResult`` gets (success, value) in that worker."""


class Runner(Protocol):
    """One session's connection to the engine."""

    @property
    def place(self) -> Place:
        """Where the session stands."""

    def begin(self) -> None:
        """Any thread."""

    def run(self, job: Job) -> Rows:
        """Worker threads only."""

    def interrupt(self) -> None:
        """Any thread."""

    def close(self) -> None:
        """Worker threads only."""


class Bench:
    """What all sessions share: clock, threads, ids and the docket."""

    def __init__(
        self,
        clock: Clock,
        pool: Pool,
        docket: Docket,
        ids: QueryIds,
        now: Callable[[], float],
    ) -> None:
        """``now`` gives seconds on a clock that never jumps."""
        self.clock = clock
        self.pool = pool
        self.docket = docket
        self.ids = ids
        self.now = now
        self.reuse = Reuse()
