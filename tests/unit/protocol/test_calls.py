"""Work that begins at once, and costs a Deferred of its own only where it waits."""

import gc
from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import AlreadyCalledError, CancelledError, Deferred
from twisted.python.failure import Failure

from snowflake_mcp.protocol.calls import Call, begun
from tests.support.catalogs import request


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

    assert begun(_adds) == 0
    failed = begun(fails)
    assert isinstance(failed, Failure)
    assert failed.type is KeyError


def test_work_may_refuse_before_it_begins() -> None:
    """What is no coroutine yet fails as one would."""

    def refuses() -> Coroutine[Any, Any, int]:
        raise KeyError("no")

    failed = begun(refuses)
    assert isinstance(failed, Failure)
    assert failed.type is KeyError


def test_work_that_waits_goes_on() -> None:
    """With each value and each failure that it waited for, however often."""
    first: Deferred[int] = Deferred()
    second: Deferred[int] = Deferred()
    third: Deferred[int] = Deferred()
    work = begun(_adds, first, second, third)
    assert isinstance(work, Deferred)
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

    work = begun(works)
    assert isinstance(work, Deferred)
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

    work = begun(works)
    assert isinstance(work, Deferred)
    del work
    gc.collect()
    assert closed == [True]


def test_an_answer_is_told_once_to_whoever_asks() -> None:
    """Before it is there and after it, by callback and by Deferred; each hears the same."""
    call: Call[str] = Call(request())
    heard: list[object] = []
    call.when_answered(heard.append)
    call.reply.addCallback(heard.append)
    assert (call.answered, heard) == (False, [])
    call.answer("yes")
    call.when_answered(heard.append)
    assert (call.answered, heard) == (True, ["yes"] * 3)
    late: Call[str] = Call(request())
    late.answer("no")
    assert late.reply.result == "no"


def test_there_is_one_answer() -> None:
    """A second one is a fault of ours, and does not reach the client."""
    call: Call[str] = Call(request())
    call.answer("yes")
    with pytest.raises(AlreadyCalledError):
        call.answer("no")
    assert call.reply.result == "yes"


def test_what_does_not_wait_cannot_be_cancelled() -> None:
    """Before its first wait and after its end a call ignores it, and keeps no reason."""
    call: Call[str] = Call(request())
    call.cancel("timeout")
    assert call.context.cancel_reason is None
    call.work = Deferred()
    call.work.callback(None)
    call.cancel("timeout")
    assert call.context.cancel_reason is None
