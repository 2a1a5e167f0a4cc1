"""A pool of worker threads that hands jobs on cheaply and never holds up the end of the process."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, ParamSpec, TypeAlias, TypeVar

from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["DaemonThreadPool"]

P = ParamSpec("P")
T = TypeVar("T")
_Told: TypeAlias = Callable[[bool, Any], object]
_Errand: TypeAlias = tuple[_Told, Callable[..., Any], tuple[Any, ...], dict[str, Any]]
_log = Logger()


class DaemonThreadPool:
    """At most ``size`` threads, and one queue that all of them take from.

    It stands in for ``twisted.python.threadpool.ThreadPool`` where ``deferToThreadPool`` wants one
    (docs/decisions/0007). A thread is made when more jobs are given and not done than there are
    threads, so a job never waits for another one as long as there may be one thread more.

    One thread gives jobs and starts, stops and resizes: the reactor's.
    """

    def __init__(self, size: int, name: str) -> None:
        self.name = name
        self.size = size
        self.started = False
        self._queue: SimpleQueue[_Errand | None] = SimpleQueue()
        self._lock = Lock()
        self._open = 0
        """Jobs that are given and not done; threads take away from it, under the lock."""
        self._threads = 0
        """Those that will be left when all who are sent away have gone."""
        self._made = 0

    def start(self) -> None:
        """Let jobs run, those that wait already first; threads are made as they are needed."""
        self.started = True
        self._hire()

    def stop(self) -> None:
        """Let the threads go when they have done what was given; waits for none of them."""
        self.started = False
        self._dismiss(0)

    def adjustPoolsize(self, minthreads: int, maxthreads: int) -> None:
        """From now on at most ``maxthreads``; those too many end when their jobs do.

        No thread is kept ready (``minthreads`` has to be 0): each is made by the job that needs it.
        """
        if minthreads:
            raise ValueError("threads are made when they are needed")
        self.size = maxthreads
        self._dismiss(maxthreads)
        self._hire()

    def callInThreadWithCallback(
        self,
        onResult: _Told,
        func: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Have ``func`` called in a thread, and there ``onResult(well, result or Failure)``.

        Raises:
            RuntimeError: a thread is needed and the system gives none.
        """
        with self._lock:
            self._open += 1
        try:
            self._hire()
        except RuntimeError:
            self._done()
            raise
        self._queue.put((onResult, func, args, kwargs))

    def _hire(self) -> None:
        while self.started and self._threads < min(self._open, self.size):
            self._made += 1
            # The interpreter joins ordinary threads at exit, so one call that never returns, of a
            # driver or to a disk, would keep the whole process alive.
            name = f"PoolThread-{self.name}-{self._made}"
            Thread(target=self._work, name=name, daemon=True).start()
            self._threads += 1

    def _dismiss(self, rest: int) -> None:
        while self._threads > rest:
            self._threads -= 1
            self._queue.put(None)

    def _done(self) -> None:
        with self._lock:
            self._open -= 1

    def _work(self) -> None:
        while self._next():
            pass

    def _next(self) -> bool:
        # A function of its own, so that an idle thread holds nothing of what it did last.
        errand = self._queue.get()
        if errand is None:
            return False
        told, job, args, named = errand
        outcome = _outcome(job, args, named)
        # Before it is told: who hears of it and gives the next job finds this thread free.
        self._done()
        try:
            told(*outcome)
        except Exception:  # noqa: BLE001 - there is nobody to tell, and the thread goes on
            _log.failure("a job's result could not be told")
        finally:
            # A failure keeps this frame as well, as the one that called those that failed: what is
            # left in it would go round in a circle.
            del errand, told, outcome
        return True


def _outcome(
    job: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[bool, Any]:
    # Knows nothing of whom it is for: a failure keeps the frames that it came through.
    try:
        return True, job(*args, **named)
    except BaseException:  # noqa: BLE001 - whoever waits is told, on the reactor thread
        return False, Failure()
