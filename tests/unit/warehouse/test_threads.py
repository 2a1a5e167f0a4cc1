"""The thread pool as a service."""

import threading

import pytest

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
