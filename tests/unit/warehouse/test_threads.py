"""The thread pool as a service."""

import gc
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.ops.daemons import DaemonThreadPool
from snowflake_mcp.warehouse.threads import Door, Threads
from tests.unit.warehouse.waiting import async_test, clock, within


@async_test
async def test_jobs_run_in_daemon_threads() -> None:
    """A job runs in a named thread that does not hold up the end of the process."""
    threads = Threads(clock, "test", 1)
    threads.start()
    worker = await within(threads.run(threading.current_thread), 5)
    assert worker is not threading.current_thread()
    assert worker.daemon
    assert worker.name.startswith("PoolThread-snowflake-test")
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
    """A reactor whose turns are the test's."""

    def __init__(self) -> None:
        super().__init__()
        self._posted: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def callFromThread(self, call: Callable[..., object], /, *_: object) -> None:
        """As a reactor's."""
        self._posted.put(call)

    @property
    def rung(self) -> int:
        """How many calls wait."""
        return self._posted.qsize()

    def turn(self) -> None:
        """Wait until something is to be done, and do it."""
        self._posted.get(timeout=5)()
        self.advance(0)


class Held:
    """Something that a job uses."""


def started(reactor: Any, size: int) -> Threads:
    """Threads at work."""
    threads = Threads(reactor, "test", size)
    threads.start()
    return threads


def test_those_who_come_back_together_wake_the_reactor_once() -> None:
    """While it is at something else, the first one calls it and the others are with it."""
    reactor = Posts()
    threads = started(reactor, 1)
    answers = [threads.run(int, number) for number in range(5)]
    last = threading.Event()
    end = threads.run(last.set)
    reactor.advance(0)
    assert last.wait(5)
    while not end.called:
        # The last one is put down a moment after it has run, and may call once more.
        assert reactor.rung <= 2
        reactor.turn()
    assert [answer.result for answer in answers] == [0, 1, 2, 3, 4]
    assert threads.busy == 0


def test_a_hop_is_one_call_of_the_reactor() -> None:
    """One after the other: each wakes it once, and the thread is the same one."""
    reactor = Posts()
    threads = started(reactor, 4)
    used = set()
    for _ in range(20):
        answer = threads.run(threading.get_ident)
        reactor.turn()
        used.add(answer.result)
    assert len(used) == 1
    assert reactor.rung == 0


def test_one_alone_goes_at_once_and_others_at_the_end_of_the_turn() -> None:
    """They go all together, and nothing is left waiting."""
    reactor = Posts()
    threads = started(reactor, 2)
    go, gone = threading.Event(), threading.Event()
    threads.run(gone.set)
    assert gone.wait(5)
    seen: list[int] = []
    for number in range(3):
        threads.run(seen.append, number)
    assert (seen, threads.busy) == ([], 4)
    threads.run(go.set)
    reactor.advance(0)
    assert go.wait(5)
    while threads.busy:
        reactor.turn()
    assert sorted(seen) == [0, 1, 2]
    assert reactor.getDelayedCalls() == []


def test_what_blocks_holds_up_nobody_who_came_in_the_same_turn() -> None:
    """As long as there may be a thread more."""
    reactor = Posts()
    threads = started(reactor, 3)
    go = threading.Event()
    stuck = [threads.run(go.wait, 5) for _ in range(2)]
    answers = [threads.run(int, number) for number in range(20)]
    reactor.advance(0)
    while not all(answer.called for answer in answers):
        reactor.turn()
    assert [answer.called for answer in stuck] == [False, False]
    assert threads.busy == 2
    go.set()
    while threads.busy:
        reactor.turn()


def test_nothing_that_comes_back_is_lost_or_told_twice() -> None:
    """Many threads at the door while the reactor opens it again and again."""
    reactor = Posts()
    door = Door(reactor, DaemonThreadPool(1, "unused"))
    told: list[int] = []

    def bring(first: int) -> None:
        for number in range(first, first + 500):
            door.callFromThread(told.append, number)

    bringing = [threading.Thread(target=bring, args=(each * 500,)) for each in range(8)]
    for thread in bringing:
        thread.start()
    while len(told) < 4000:
        reactor.turn()
    for thread in bringing:
        thread.join(5)
    assert sorted(told) == list(range(4000))
    assert reactor.rung <= 1


def test_what_comes_while_the_door_is_open_has_the_next_turn() -> None:
    """It rings again: it is neither lost nor done before others had their turn."""
    reactor = Posts()
    door = Door(reactor, DaemonThreadPool(1, "unused"))
    told: list[int] = []

    def late(number: int) -> None:
        told.append(number)
        door.callFromThread(told.append, number + 1)

    door.callFromThread(late, 1)
    reactor.turn()
    assert told == [1]
    reactor.turn()
    assert told == [1, 2]


def test_no_thread_to_be_had_is_the_answer_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as any other failure, and nothing counts as under way."""
    reactor = Posts()
    threads = started(reactor, 1)

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        answer = threads.run(int, 1)
    failures: list[Any] = []
    answer.addErrback(failures.append)
    reactor.turn()
    assert failures[0].check(RuntimeError)
    assert threads.busy == 0


@pytest.mark.parametrize("fails", [False, True])
def test_an_idle_thread_keeps_nothing(fails: bool) -> None:
    """Neither what a job was given nor what came of it, once its caller has let go of that."""
    reactor = Posts()
    threads = started(reactor, 1)

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
    # The thread has put its job down once it takes the next one.
    del answer
    threads.run(int)
    reactor.turn()
    gc.collect()
    assert known() is None


def test_what_is_kept_of_a_failure_goes_without_the_collector() -> None:
    """It knows nothing of whom it is for, so that nothing goes round in a circle."""
    reactor = Posts()
    threads = started(reactor, 1)

    def job(held: Held) -> None:
        raise ValueError

    held: Any = Held()
    known = weakref.ref(held)
    gc.collect()
    gc.disable()
    try:
        answer = threads.run(job, held)
        del held
        reactor.turn()
        answer.addErrback(lambda _: None)
        del answer
        threads.run(int)
        reactor.turn()
        assert known() is None
    finally:
        gc.enable()
