"""The thread pool as a service."""

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.warehouse.threads import Threads
from tests.unit.warehouse.waiting import async_test, clock, within


@async_test
async def test_jobs_run_in_daemon_threads() -> None:
    """A job runs in a named thread that does not hold up the end of the process."""
    threads = Threads(clock, "test", 1)
    threads.start()
    worker = await within(threads.run(threading.current_thread), 5)
    assert worker is not threading.current_thread()
    assert worker.daemon
    assert worker.name.startswith("snowflake-test")
    assert await threads.stop(5)
    assert await threads.stop(5)


@async_test
async def test_a_job_counts_until_its_thread_is_back() -> None:
    """Cancelling the wait does not end the job, and stop waits for it."""
    threads = Threads(clock, "test", 1)
    threads.start()
    go = threading.Event()
    waiting = threads.run(go.wait, 5)
    waiting.addErrback(lambda _: None)
    waiting.cancel()
    assert threads.busy == 1
    clock.callLater(0.05, go.set)
    assert await threads.stop(5)
    assert threads.busy == 0


@async_test
async def test_stop_leaves_a_stuck_thread_behind() -> None:
    """Past the limit stop returns and says that a thread is missing."""
    threads = Threads(clock, "test", 1)
    threads.start()
    go = threading.Event()
    waiting = threads.run(go.wait, 5)
    assert not await threads.stop(0.05)
    with pytest.raises(RuntimeError):
        threads.run(go.set)
    go.set()
    assert await within(waiting, 5)


@async_test
async def test_errors_come_back() -> None:
    """What a job raises is raised where it is awaited."""
    threads = Threads(clock, "test", 1)
    threads.start()
    with pytest.raises(ZeroDivisionError):
        await within(threads.run(lambda: 1 // 0), 5)
    await threads.stop(5)


class Posts(Clock):
    """A reactor that does what threads ask of it when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[Callable[[], object]] = []
        self.came = threading.Semaphore(0)

    def callFromThread(self, call: Callable[..., object], /, *_: object) -> None:
        self.posted.append(call)
        self.came.release()

    def turn(self) -> None:
        """Wait until something is to be done, and do it."""
        assert self.came.acquire(timeout=5)
        self.posted.pop(0)()


class Held:
    """Something that a job uses."""


def test_those_who_come_back_together_wake_the_reactor_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it is at something else, the first one calls it, and it finds the others as well."""
    down = threading.Semaphore(0)
    land = vars(Threads)["_land"]

    def landed(*outcome: Any) -> None:
        land(*outcome)
        down.release()

    monkeypatch.setattr(Threads, "_land", landed)
    reactor = Posts()
    threads = Threads(reactor, "test", 3)
    threads.start()
    together = threading.Barrier(3)
    for _ in range(2):
        answers = [threads.run(together.wait, 5) for _ in range(3)]
        assert all(down.acquire(timeout=5) for _ in answers)
        # Two that look at the same moment may both call, and the second call finds nothing.
        assert len(reactor.posted) < len(answers)
        while reactor.posted:
            reactor.turn()
        assert sorted(str(answer.result) for answer in answers) == ["0", "1", "2"]
        assert threads.busy == 0


def test_a_hop_is_one_call_of_the_reactor() -> None:
    """One after the other: each job wakes it once, and the thread is the same one."""
    reactor = Posts()
    threads = Threads(reactor, "test", 4)
    threads.start()
    used = set()
    for _ in range(20):
        answer = threads.run(threading.get_ident)
        reactor.turn()
        used.add(answer.result)
    assert len(used) == 1
    assert reactor.posted == []
    assert not reactor.came.acquire(blocking=False)


def test_jobs_wait_in_their_order_for_a_thread() -> None:
    """There are never more threads than allowed, nor any before the start."""
    reactor = Posts()
    threads = Threads(reactor, "test", 1)
    order: list[int] = []
    answers = [threads.run(order.append, n) for n in range(5)]
    assert (order, threads.busy) == ([], 5)
    threads.start()
    while not all(answer.called for answer in answers):
        reactor.turn()
    assert order == [0, 1, 2, 3, 4]
    assert threads.busy == 0


def test_more_threads_count_at_once_and_fewer_in_time() -> None:
    """After a reload: who waits gets a new thread, and those too many end when they are free."""
    reactor = Posts()
    threads = Threads(reactor, "test", 1)
    threads.start()
    both = threading.Barrier(3)
    workers: list[threading.Thread] = []

    def job() -> None:
        workers.append(threading.current_thread())
        both.wait(5)

    answers = [threads.run(job) for _ in range(2)]
    threads.resize(2)
    threads.resize(1)
    both.wait(5)
    while not all(answer.called for answer in answers):
        reactor.turn()
    assert len(vars(threads)["_free"]) == 1
    threads.resize(0)
    for worker in workers:
        worker.join(5)
    assert [worker.is_alive() for worker in workers] == [False, False]
    threads.run(order_nothing)
    assert threads.busy == 1


def order_nothing() -> None:
    """Nothing."""


@pytest.mark.parametrize("fails", [False, True])
def test_a_free_thread_keeps_nothing(fails: bool) -> None:
    """Neither what a job was given nor what came of it, once its caller has let go of that."""
    reactor = Posts()
    threads = Threads(reactor, "test", 1)
    threads.start()

    def job(held: Held) -> Held:
        if fails:
            raise ValueError(held)
        return held

    held: Any = Held()
    known = weakref.ref(held)
    answer = threads.run(job, held)
    del held
    reactor.turn()
    answer.addBoth(lambda _: None)
    del answer
    gc.collect()
    assert known() is None


def test_a_thread_is_free_before_the_news_of_its_work_has_come() -> None:
    """A reactor that is busy gives it the next job without hearing of the last one first."""
    reactor = Posts()
    threads = Threads(reactor, "test", 1)
    threads.start()
    first = threads.run(threading.get_ident)
    assert reactor.came.acquire(timeout=5)
    done = threading.Event()
    second = threads.run(done.set)
    assert done.wait(5)
    assert not first.called
    reactor.came.release()
    while not second.called:
        reactor.turn()
    assert isinstance(first.result, int)
    assert threads.busy == 0
    assert len(vars(threads)["_free"]) == 1
