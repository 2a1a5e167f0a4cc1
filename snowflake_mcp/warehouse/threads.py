"""Worker threads for blocking driver calls, with a stop that never waits for a stuck one."""

from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

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


class _Worker:
    """One thread, which does what is put into its inbox, piece by piece."""

    __slots__ = ("_inbox", "_land")

    def __init__(self, name: str, land: Callable[["_Worker", Deferred[Any], Any], None]) -> None:
        self._land = land
        self._inbox: SimpleQueue[tuple[Callable[[], Any], Deferred[Any]] | None] = SimpleQueue()
        # The interpreter joins ordinary threads at exit, so one call of the driver that never
        # returns would keep the whole process alive.
        Thread(target=self._work, name=name, daemon=True).start()

    def do(self, job: Callable[[], Any], answer: Deferred[Any]) -> None:
        """Have it done; the worker must be idle."""
        self._inbox.put((job, answer))

    def end(self) -> None:
        """Let the thread go; the worker must be idle."""
        self._inbox.put(None)

    def _work(self) -> None:
        while self._next():
            pass

    def _next(self) -> bool:
        # A function of its own, so that an idle thread holds nothing of what it did last.
        errand = self._inbox.get()
        if errand is None:
            return False
        job, answer = errand
        self._land(self, answer, _outcome(job))
        return True


def _outcome(job: Callable[[], Any]) -> Any:
    # Knows nothing of whom it is for: a failure keeps its frames, and those must not keep it.
    try:
        return job()
    except BaseException:  # noqa: BLE001 - whoever waits is told, on the reactor thread
        return Failure()


class _Landed:
    """What a thread has brought back."""

    __slots__ = ("answer", "outcome", "worker")

    def __init__(self, worker: _Worker, answer: Deferred[Any], outcome: Any) -> None:
        self.worker: _Worker | None = worker
        """``None`` once it does something else."""
        self.answer = answer
        self.outcome = outcome


class Threads:
    """A named pool of at most ``size`` threads; reactor thread only, except inside the jobs.

    A job that was started always runs to its end: cancelling the Deferred of ``run`` only stops
    the waiting. ``busy`` therefore counts jobs until their thread has really come back.

    Not twisted's: what is done on both sides of a hop is most of what a short job costs. Here the
    reactor knows which thread is free, the one that was busy last is taken first, because what it
    needs is still in the processor's caches, and those that come back while the reactor is at
    something else wake it once.
    """

    def __init__(self, reactor: Reactor, name: str, size: int) -> None:
        self._reactor = reactor
        self._name = name
        self._started = False
        self._made = 0
        self._workers = 0
        self._free: list[_Worker] = []
        self._waiting: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()
        self._landed: deque[_Landed] = deque()
        self._called = False
        self._idle: list[Deferred[None]] = []
        self.stopped = False
        self.size = size
        self.busy = 0

    def start(self) -> None:
        """Let jobs run; threads are made when they are first needed."""
        self._started = True
        self._give_out()

    def resize(self, size: int) -> None:
        """From now on at most so many; those too many end when their jobs do."""
        self.size = size
        while self._free and self._workers > size:
            self._end(self._free.pop())
        self._give_out()

    def run(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run a blocking job in a thread; the Deferred fires on the reactor thread."""
        if self.stopped:
            raise RuntimeError("the threads are stopped")
        self.busy += 1
        answer: Deferred[T] = Deferred()
        self._waiting.append((partial(job, *args, **kwargs), answer))
        self._give_out()
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
        while self._free:
            self._end(self._free.pop())
        return not self.busy

    def _give_out(self) -> None:
        while self._waiting and self._started:
            worker = self._any_worker()
            if worker is None:
                return
            worker.do(*self._waiting.popleft())

    def _any_worker(self) -> _Worker | None:
        if self._free:
            return self._free.pop()
        for place in range(len(self._landed) if self._workers <= self.size else 0):
            # It has done its work, and only the news of that is still on its way. By number:
            # threads append meanwhile, and only the reactor thread takes away.
            landed = self._landed[place]
            if landed.worker is not None:
                worker, landed.worker = landed.worker, None
                return worker
        if self._workers >= self.size:
            return None
        self._workers += 1
        self._made += 1
        return _Worker(f"snowflake-{self._name}-{self._made}", self._land)

    def _land(self, worker: _Worker, answer: Deferred[Any], outcome: Any) -> None:
        """In the worker's thread: bring the outcome to the reactor."""
        self._landed.append(_Landed(worker, answer, outcome))
        # No lock: whoever finds the flag set has put its outcome where the call that is on its way
        # will find it, since that call takes the flag back before it looks.
        if not self._called:
            self._called = True
            self._reactor.callFromThread(self._deliver)

    def _deliver(self) -> None:
        self._called = False
        # What lands from here on calls again, so that others have their turn in between.
        for _ in range(len(self._landed)):
            landed = self._landed.popleft()
            if landed.worker is not None:
                self._put_away(landed.worker)
            # A cancelled Deferred has been called already and swallows this one result. The
            # caller comes first: it still has to put away what the thread used.
            self.busy -= 1
            landed.answer.callback(landed.outcome)
            del landed
            if not self.busy:
                idle, self._idle = self._idle, []
                for waiting in idle:
                    waiting.callback(None)

    def _put_away(self, worker: _Worker) -> None:
        """A thread is free: for who waits, for later, or for good."""
        if self._workers > self.size:
            self._end(worker)
        elif self._waiting:
            worker.do(*self._waiting.popleft())
        elif self.stopped:
            self._end(worker)
        else:
            self._free.append(worker)

    def _end(self, worker: _Worker) -> None:
        self._workers -= 1
        worker.end()
