"""The pool of worker threads."""

import threading
from queue import SimpleQueue
from typing import Any

import pytest
from twisted.python.failure import Failure

from snowflake_mcp.ops.daemons import DaemonThreadPool


class Told:
    """What came of jobs, in the order in which it came."""

    def __init__(self) -> None:
        self._outcomes: SimpleQueue[tuple[bool, Any]] = SimpleQueue()

    def __call__(self, well: bool, result: Any) -> None:
        self._outcomes.put((well, result))

    def next(self) -> Any:
        """The next one, which has to be a good one."""
        well, result = self._outcomes.get(timeout=5)
        assert well, result
        return result


def started(size: int) -> DaemonThreadPool:
    """A pool at work."""
    pool = DaemonThreadPool(size, "test")
    pool.start()
    return pool


def at_once(pool: DaemonThreadPool, told: Told, jobs: int) -> list[threading.Thread]:
    """Have so many jobs run that all wait for each other; the threads that they ran in."""
    together = threading.Barrier(jobs, timeout=5)

    def job() -> threading.Thread:
        together.wait()
        return threading.current_thread()

    for _ in range(jobs):
        pool.callInThreadWithCallback(told, job)
    return [told.next() for _ in range(jobs)]


def test_what_blocks_never_holds_up_another_while_a_thread_is_left() -> None:
    """Whether the threads are there already or not, and however many jobs are given at once."""
    pool, told = started(4), Told()
    for _ in range(50):
        go = threading.Event()
        for _ in range(3):
            pool.callInThreadWithCallback(told, go.wait, 5)
        for number in range(5):
            pool.callInThreadWithCallback(told, int, number)
        assert [told.next() for _ in range(5)] == [0, 1, 2, 3, 4]
        go.set()
        assert [told.next() for _ in range(3)] == [True, True, True]
    pool.stop()


def test_a_thread_is_made_only_for_a_job_that_would_wait() -> None:
    """Jobs one after the other run in one thread, those at the same time in as many as allowed."""
    pool, told = started(3), Told()
    used = set()
    for _ in range(20):
        pool.callInThreadWithCallback(told, threading.get_ident)
        used.add(told.next())
    assert len(used) == 1
    assert len(set(at_once(pool, told, 3))) == 3
    pool.stop()


def test_never_more_threads_than_allowed() -> None:
    """Those for whom there is none wait in their order."""
    pool, told = started(1), Told()
    order: list[int] = []
    go = threading.Event()
    pool.callInThreadWithCallback(told, go.wait, 5)
    for number in range(5):
        pool.callInThreadWithCallback(told, order.append, number)
    assert not order
    go.set()
    for _ in range(6):
        told.next()
    assert order == [0, 1, 2, 3, 4]
    pool.stop()


def test_jobs_given_before_the_start_wait_for_it() -> None:
    """No thread is there before it."""
    pool, told = DaemonThreadPool(2, "test"), Told()
    together = threading.Barrier(2, timeout=5)
    for _ in range(2):
        pool.callInThreadWithCallback(told, together.wait)
    assert together.n_waiting == 0
    pool.start()
    assert sorted([told.next(), told.next()]) == [0, 1]
    pool.stop()


def test_another_size_counts_at_once_upwards_and_in_time_downwards() -> None:
    """Who waits gets a new thread, and threads too many end."""
    pool, told = started(1), Told()
    together = threading.Barrier(3, timeout=5)
    for _ in range(3):
        pool.callInThreadWithCallback(told, together.wait)
    pool.adjustPoolsize(0, 3)
    assert sorted([told.next(), told.next(), told.next()]) == [0, 1, 2]
    workers = at_once(pool, told, 3)
    pool.adjustPoolsize(0, 0)
    for worker in workers:
        worker.join(5)
    assert not any(worker.is_alive() for worker in workers)
    pool.callInThreadWithCallback(told, int, 7)
    pool.adjustPoolsize(0, 1)
    assert told.next() == 7
    pool.stop()


def test_no_thread_is_kept_ready() -> None:
    """What twisted's pool can and this one cannot is said, not passed over."""
    with pytest.raises(ValueError, match="when they are needed"):
        started(2).adjustPoolsize(1, 2)


def test_stop_waits_for_nobody_and_what_was_given_is_done() -> None:
    """A stuck thread does not hold it up, and those that are done with their jobs end."""
    pool, told = started(2), Told()
    go = threading.Event()
    pool.callInThreadWithCallback(told, go.wait, 5)
    pool.callInThreadWithCallback(told, threading.current_thread)
    other = told.next()
    pool.callInThreadWithCallback(told, int, 3)
    pool.stop()
    assert told.next() == 3
    other.join(5)
    assert not other.is_alive()
    go.set()
    assert told.next() is True


def test_a_failure_is_told_and_a_broken_listener_ends_nothing() -> None:
    """The thread goes on in either case."""
    pool, told = started(1), Told()
    outcomes: SimpleQueue[tuple[bool, Any]] = SimpleQueue()

    def tell(well: bool, result: Any) -> None:
        outcomes.put((well, result))
        raise RuntimeError("nobody listens")

    pool.callInThreadWithCallback(tell, divmod, 1, 0)
    well, failure = outcomes.get(timeout=5)
    assert not well
    assert isinstance(failure, Failure)
    assert failure.check(ZeroDivisionError)
    pool.callInThreadWithCallback(told, int, 1)
    assert told.next() == 1
    pool.stop()


def test_a_thread_that_the_system_does_not_give_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The job is refused, and the next one tries again."""
    pool, told = DaemonThreadPool(3, "refused"), Told()
    pool.start()

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        with pytest.raises(RuntimeError, match="can't start"):
            pool.callInThreadWithCallback(told, int, 1)
    pool.callInThreadWithCallback(told, int, 2)
    assert told.next() == 2
    names = [thread.name for thread in threading.enumerate()]
    assert len([name for name in names if "refused" in name]) == 1
    pool.stop()
