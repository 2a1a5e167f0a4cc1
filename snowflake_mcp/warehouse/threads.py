"""Worker threads for blocking driver calls, with a stop that never waits for a stuck one."""

from collections.abc import Callable
from threading import Thread
from typing import ParamSpec, Protocol, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from snowflake_mcp.ops.daemons import DaemonThreadPool

__all__ = ["Clock", "Reactor", "Threads"]

P = ParamSpec("P")
T = TypeVar("T")


class Clock(Protocol):
    """The part of a reactor that tells the time and calls back later."""

    def seconds(self) -> float:
        """The time, in seconds."""

    def callLater(
        self, delay: float, call: Callable[..., object], /, *args: object
    ) -> IDelayedCall:
        """Call back in ``delay`` seconds."""


class Reactor(Clock, Protocol):
    """The part of a reactor that the warehouse uses: its clock and its door for threads."""

    def callFromThread(self, call: Callable[..., object], /, *args: object) -> None:
        """Run something on the reactor thread; callable from any thread."""


class Threads:
    """A named pool of at most ``size`` threads; reactor thread only, except inside the jobs.

    A job that was started always runs to its end: cancelling the Deferred of ``run`` only stops
    the waiting. ``busy`` therefore counts jobs until their thread has really come back.
    """

    def __init__(self, reactor: Reactor, name: str, size: int) -> None:
        self._reactor = reactor
        self._pool = DaemonThreadPool(minthreads=0, maxthreads=size, name=f"snowflake-{name}")
        self._idle: list[Deferred[None]] = []
        self.stopped = False
        self.size = size
        self.busy = 0

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
        self.busy += 1
        reactor = cast(IReactorFromThreads, self._reactor)
        answer: Deferred[T] = Deferred()

        def came_back(result: T | Failure) -> None:
            # A cancelled Deferred has been called already and swallows this one result. The
            # caller comes first: it still has to put away what the thread used.
            self.busy -= 1
            answer.callback(result)
            if not self.busy:
                idle, self._idle = self._idle, []
                for waiting in idle:
                    waiting.callback(None)

        deferToThreadPool(reactor, self._pool, job, *args, **kwargs).addBoth(came_back)
        return answer

    async def stop(self, limit_s: float) -> bool:
        """Wait at most ``limit_s`` seconds for the jobs, then let the threads go.

        Returns whether every thread came back; a stuck one is left behind, it cannot be ended.
        """
        if self.stopped:
            return not self.busy
        self.stopped = True
        if self.busy:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            timer = self._reactor.callLater(limit_s, idle.cancel)
            idle.addErrback(lambda _: None)
            await idle
            if timer.active():
                timer.cancel()
        # ThreadPool.stop() joins every thread, a stuck one without end: not on the reactor.
        Thread(target=self._pool.stop, name="snowflake-stop", daemon=True).start()
        return not self.busy
