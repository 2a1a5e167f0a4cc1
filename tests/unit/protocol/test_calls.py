"""Work that begins at once, and costs a Deferred of its own only where it waits."""

import gc

import pytest
from twisted.internet.defer import CancelledError, Deferred

from snowflake_mcp.protocol.calls import begun


async def _adds(*waits: "Deferred[int]") -> int:
    total = 0
    for each in waits:
        try:
            total += await each
        except ValueError:
            total += 100
    return total


def test_work_that_never_waits_has_ended() -> None:
    """With its value, or its failure."""

    async def fails() -> int:
        raise KeyError("no")

    assert begun(_adds()).result == 0
    failed = begun(fails())
    failed.addErrback(lambda failure: failure.trap(KeyError))
    assert failed.result is KeyError


def test_work_that_waits_goes_on() -> None:
    """With each value and each failure that it waited for, however often."""
    first: Deferred[int] = Deferred()
    second: Deferred[int] = Deferred()
    third: Deferred[int] = Deferred()
    work = begun(_adds(first, second, third))
    assert not work.called
    second.callback(2)
    first.callback(1)
    assert not work.called
    third.errback(ValueError())
    assert work.result == 103


@pytest.mark.parametrize("place", [0, 1])
def test_cancelling_reaches_what_is_waited_for(place: int) -> None:
    """At the first wait as at a later one; and the work hears of it."""
    waits: list[Deferred[int]] = [Deferred(), Deferred()]
    heard: list[str] = []

    async def works() -> None:
        try:
            await _adds(*waits)
        except CancelledError:
            heard.append("cancelled")
            raise

    work = begun(works())
    for each in waits[:place]:
        each.callback(1)
    work.cancel()
    work.addErrback(lambda failure: failure.trap(CancelledError))
    assert heard == ["cancelled"]
    assert waits[place].called


def test_work_that_nobody_waits_for_any_more_is_closed() -> None:
    """When all that refers to it is gone its ``finally`` runs, as it does for any coroutine."""
    closed: list[bool] = []

    async def works() -> None:
        try:
            await Deferred()
        finally:
            closed.append(True)

    work = begun(works())
    del work
    gc.collect()
    assert closed == [True]
