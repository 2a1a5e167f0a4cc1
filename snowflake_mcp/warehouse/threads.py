"""Worker threads for blocking driver calls, with a stop that never waits for a stuck one."""

from collections import deque
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from snowflake_mcp.ops.daemons import DaemonThreadPool
from snowflake_mcp.protocol.alarms import Clock

__all__ = ["Door", "Reactor", "Threads"]

P = ParamSpec("P")
T = TypeVar("T")
_Errand: TypeAlias = tuple[
    Callable[[bool, Any], object], Callable[..., object], tuple[object, ...], dict[str, object]
]


class Reactor(Clock, Protocol):
    """The part of a reactor that the warehouse uses: its clock and its door for threads."""

    def callFromThread(self, call: Callable[..., object], /, *args: object) -> None:
        """Run something on the reactor thread; callable from any thread."""


class Door:
    """What jobs go through to their threads, and what comes of them back to the reactor.

    The two methods are what ``deferToThreadPool`` uses of a pool and of a reactor. A thread that
    wakes while the reactor is at work is in its way, since there is one interpreter lock: so what
    comes back goes to the reactor in one call for all that has come, and what would wait for
    others anyway is given out at the end of the reactor's turn, all at once.
    """

    def __init__(self, reactor: Reactor, pool: DaemonThreadPool) -> None:
        self._reactor = reactor
        self._pool = pool
        self._given: list[_Errand] = []
        self._come: deque[tuple[Callable[[Any], object], object]] = deque()
        self._rung = False
        self.idle: list[Deferred[None]] = []
        """Who waits until nothing is under way."""
        self.busy = 0
        """Jobs that were given and have not come back."""

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, Any], object],
        func: Callable[..., object],
        *args: object,
        **kwargs: object,
    ) -> None:
        """As a pool's; reactor thread only."""
        self.busy += 1
        self._given.append((onResult, func, args, kwargs))
        if self.busy == 1:
            self._give_out()
        elif len(self._given) == 1:
            self._reactor.callLater(0, self._give_out)

    def _give_out(self) -> None:
        given, self._given = self._given, []
        for told, job, args, named in given:
            try:
                self._pool.callInThreadWithCallback(told, job, *args, **named)
            except RuntimeError:
                # The system has no thread left: that is what comes of this job.
                told(False, Failure())

    def callFromThread(self, call: Callable[[Any], object], outcome: object) -> None:
        """As a reactor's; any thread."""
        self._come.append((call, outcome))
        # No lock: who finds it rung has put down what it brings before whoever opens looks, since
        # that one takes the ring back first. Two who ring at once only ring twice.
        if not self._rung:
            self._rung = True
            self._reactor.callFromThread(self._open)

    def _open(self) -> None:
        self._rung = False
        # What comes from here on rings again, so that others have their turn in between.
        for _ in range(len(self._come)):
            call, outcome = self._come.popleft()
            self.busy -= 1
            # The caller comes first: it still has to put away what the thread used. One who has
            # cancelled has its answer, and the Deferred swallows this one; none of them raises.
            call(outcome)
        if not self.busy:
            idle, self.idle = self.idle, []
            for waiting in idle:
                waiting.callback(None)


class Threads:
    """A named pool of at most ``size`` threads; reactor thread only, except inside the jobs.

    A job that was started always runs to its end: cancelling the Deferred of ``run`` only stops
    the waiting. ``busy`` therefore counts jobs until their thread has really come back.
    """

    def __init__(self, reactor: Reactor, name: str, size: int) -> None:
        self._reactor = reactor
        self._pool = DaemonThreadPool(size, f"snowflake-{name}")
        self._door = Door(reactor, self._pool)
        # Neither is a whole one; deferToThreadPool asks one method of each.
        self._as_reactor = cast(IReactorFromThreads, self._door)
        self._as_pool = cast(ThreadPool, self._door)
        self.stopped = False
        self.size = size

    @property
    def busy(self) -> int:
        """How many jobs were given and are not back."""
        return self._door.busy

    def start(self) -> None:
        """Let jobs run; threads are made when they are first needed."""
        self._pool.start()

    def resize(self, size: int) -> None:
        """From now on at most so many; those too many end when their jobs do."""
        self.size = size
        self._pool.adjustPoolsize(0, size)

    def run(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run a blocking job in a thread; the Deferred fires on the reactor thread."""
        if self.stopped:
            raise RuntimeError("the threads are stopped")
        return deferToThreadPool(self._as_reactor, self._as_pool, job, *args, **kwargs)

    async def stop(self, limit_s: float) -> bool:
        """Wait at most ``limit_s`` seconds for the jobs, then let the threads go.

        Returns whether every thread came back; a stuck one is left behind, it cannot be ended.
        """
        if self.stopped:
            return not self.busy
        self.stopped = True
        if self.busy:
            idle: Deferred[None] = Deferred()
            self._door.idle.append(idle)
            timer = self._reactor.callLater(limit_s, idle.cancel)
            idle.addErrback(lambda _: None)
            await idle
            if timer.active():
                timer.cancel()
        self._pool.stop()
        return not self.busy
