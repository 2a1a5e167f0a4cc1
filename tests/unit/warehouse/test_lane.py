"""Admission: places, the queue, fairness, waits that end."""

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.lane import Lane, Permit


def a_lane(clock: Clock, width: int = 1, queue: int = 8) -> Lane:
    return Lane(clock, width=width, queue=queue, max_wait_s=30.0)


def ask(lane: Lane, principal: str = "ann", limit_s: float = 100.0) -> Deferred[Permit]:
    return Deferred.fromCoroutine(lane.admit(principal, limit_s))


def now(asked: Deferred[Permit]) -> Permit:
    """The permit, which must be there already."""
    assert isinstance(asked.result, Permit)
    return asked.result


def why(asked: Deferred[Permit]) -> BaseException:
    """The failure, which must be there already."""
    assert isinstance(asked.result, Failure)
    reason = asked.result.value
    asked.addErrback(lambda _: None)
    assert reason is not None
    return reason


def test_places_are_given_at_once_while_there_are_some() -> None:
    """Up to the width nobody waits."""
    lane = a_lane(Clock(), width=2)
    now(ask(lane))
    now(ask(lane))
    assert lane.snapshot() == {"running": 2, "waiting": 0, "max_running": 2, "max_waiting": 8}


def test_a_released_place_goes_to_the_next() -> None:
    """Who waits gets the place when it is released, and releasing twice gives nothing more."""
    lane = a_lane(Clock())
    first = now(ask(lane))
    second, third = ask(lane), ask(lane)
    assert [second.called, third.called] == [False, False]
    first.release()
    first.release()
    assert [second.called, third.called] == [True, False]
    assert (lane.running, lane.waiting) == (1, 1)
    now(second).release()
    now(third).release()
    assert (lane.running, lane.waiting) == (0, 0)


def test_a_long_line_whose_calls_end_at_once() -> None:
    """Places that come back as soon as they are given are given on, however many wait."""
    lane = a_lane(Clock(), queue=2_000)
    first = now(ask(lane))
    waiting = [ask(lane).addCallback(Permit.release) for _ in range(2_000)]
    first.release()
    assert [each.result for each in waiting] == [None] * 2_000
    assert (lane.running, lane.waiting) == (0, 0)


def test_a_full_queue_is_busy_at_once() -> None:
    """D-01: beyond the queue the answer is immediate, retryable and has the numbers."""
    lane = a_lane(Clock(), queue=1)
    now(ask(lane))
    ask(lane)
    told = why(ask(lane))
    assert isinstance(told, ToolFailure)
    assert (told.family, told.retryable) == (Family.BUSY, True)
    assert told.details == {"running": 1, "waiting": 1, "retry_after_s": 5}


@pytest.mark.parametrize(("limit_s", "until_s"), [(100.0, 30.0), (5.0, 5.0)])
def test_a_wait_ends(limit_s: float, until_s: float) -> None:
    """The shorter of the lane's and the caller's limit ends the wait with "busy"."""
    clock = Clock()
    lane = a_lane(clock)
    now(ask(lane))
    waiting = ask(lane, limit_s=limit_s)
    clock.advance(until_s - 0.1)
    assert not waiting.called
    clock.advance(0.2)
    told = why(waiting)
    assert isinstance(told, ToolFailure)
    assert told.family is Family.BUSY
    assert lane.waiting == 0
    assert clock.getDelayedCalls() == []


def test_a_cancelled_wait_leaves_the_queue() -> None:
    """Who gives up is forgotten; the place goes to the one behind."""
    clock = Clock()
    lane = a_lane(clock)
    first = now(ask(lane))
    gone, stays = ask(lane), ask(lane)
    gone.cancel()
    assert isinstance(why(gone), CancelledError)
    first.release()
    now(stays).release()
    assert (lane.running, lane.waiting) == (0, 0)
    assert clock.getDelayedCalls() == []


def test_principals_take_turns() -> None:
    """D-01: one principal's many calls do not hold back another's single one."""
    lane = a_lane(Clock())
    permits = [now(ask(lane))]
    order: list[str] = []

    def admitted(permit: Permit, principal: str) -> None:
        order.append(principal)
        permits.append(permit)

    for principal in ("ann", "ann", "ann", "bob"):
        ask(lane, principal).addCallback(admitted, principal)
    while permits:
        permits.pop(0).release()
    assert order == ["ann", "bob", "ann", "ann"]
    assert lane.running == 0


def test_a_full_queue_makes_room_for_a_shorter_line() -> None:
    """The longest line gives up its newest call; nobody gains by it who has as many waiting."""
    lane = a_lane(Clock(), queue=4)
    permit = now(ask(lane))
    flood = [ask(lane, "ann") for _ in range(4)]
    bob = ask(lane, "bob")
    told = why(flood[3])
    assert isinstance(told, ToolFailure)
    assert told.message.endswith("4 of your calls wait for a place, more than anybody else's.")
    assert [bob.called, lane.waiting] == [False, 4]
    ask(lane, "bob")
    # Two and two: a third would only turn the tables.
    assert isinstance(why(ask(lane, "bob")), ToolFailure)
    assert isinstance(why(ask(lane, "ann")), ToolFailure)
    assert [flood[0].called, flood[1].called, flood[2].called] == [False, False, True]
    assert isinstance(why(flood[2]), ToolFailure)
    permit.release()
    assert flood[0].called


def test_a_share_bounds_places_and_waiting() -> None:
    """Beyond its places a principal waits while others pass; beyond its line it is busy."""
    shares = {"ann": (1, 2)}
    lane = Lane(
        Clock(), width=3, queue=8, max_wait_s=30.0, share_of=lambda who: shares.get(who, (0, 0))
    )
    first = now(ask(lane, "ann"))
    second, third = ask(lane, "ann"), ask(lane, "ann")
    assert [second.called, third.called] == [False, False]
    told = why(ask(lane, "ann"))
    assert isinstance(told, ToolFailure)
    assert "2 of your calls already wait" in told.message
    bob = now(ask(lane, "bob"))
    carl = now(ask(lane, "carl"))
    dora = ask(lane, "dora")
    # Bob's place is not for Ann, although she was here first.
    bob.release()
    assert [second.called, dora.called] == [False, True]
    carl.release()
    assert (lane.running, lane.waiting) == (2, 2)
    first.release()
    assert [second.called, third.called] == [True, False]
    # A reload counts from the next time a place is given.
    shares["ann"] = (0, 0)
    now(dora).release()
    assert third.called
    now(second).release()
    now(third).release()
    assert (lane.running, lane.waiting) == (0, 0)


def test_whoever_comes_while_places_are_given_away_stands_behind() -> None:
    """A call that ends at once and comes again does not overtake those who wait."""
    lane = a_lane(Clock())
    first = now(ask(lane))
    order: list[str] = []

    def ends(permit: Permit, name: str) -> None:
        order.append(name)
        permit.release()
        if name == "first":
            ask(lane).addCallback(ends, "again")

    ask(lane).addCallback(ends, "first")
    ask(lane).addCallback(ends, "second")
    first.release()
    assert order == ["first", "second", "again"]


def test_a_closed_lane_admits_nobody() -> None:
    """Closing answers those who wait and those who come later with the given failure."""
    clock = Clock()
    lane = a_lane(clock)
    permit = now(ask(lane))
    waiting = ask(lane)
    stopping = ToolFailure(Family.UNAVAILABLE, "stopping")
    lane.close(stopping)
    told = [why(waiting), why(ask(lane)), why(ask(lane))]
    assert [str(each) for each in told] == ["stopping"] * 3
    # One that is raised for everybody would keep the frames of all of them.
    assert len({id(each) for each in (stopping, *told)}) == 4
    permit.release()
    assert (lane.running, lane.waiting) == (0, 0)
    assert clock.getDelayedCalls() == []
