"""A connection with a bound of its own waits before the places of all."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from snowflake_mcp.config.model import Backend, ConnectionSettings, PoolSettings
from snowflake_mcp.config.places import ConnectionPool
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.accounts import Seat
from snowflake_mcp.warehouse.lane import Permit
from snowflake_mcp.warehouse.lanes import Lanes
from tests.unit.warehouse.waiting import job


def seat(name: str, most: int = 0) -> Seat:
    pool = ConnectionPool(most)
    return Seat(name, None, None, ConnectionSettings(name, Backend.SNOWFLAKE, pool=pool))


SLOW, FAST = seat("slow", 2), seat("fast")


class Stand:
    """Three places, of which the slow connection has two."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        pool = PoolSettings(**{"max_statements": 3, "max_wait_s": 10.0, **settings})
        self.lanes = Lanes(self.clock, pool, lambda _: (0, 0))

    def ask(self, at: Seat, principal: str = "ann", **facts: Any) -> Deferred[Permit]:
        """A place for a statement there."""
        asked = job("", principal=principal, **facts)
        return Deferred.fromCoroutine(self.lanes.admit(asked, at))

    @property
    def numbers(self) -> tuple[int, int]:
        """Running and waiting."""
        told = self.lanes.snapshot()
        return told["running"], told["waiting"]


def has(place: Deferred[Permit]) -> Permit | None:
    """The permit that it has come to; ``None``: it waits."""
    return place.result if place.called and isinstance(place.result, Permit) else None


def failed(place: Deferred[Permit]) -> ToolFailure:
    """What it failed with."""
    caught: list[Any] = []
    place.addErrback(lambda reason: caught.append(reason.value))
    assert isinstance(caught[0], ToolFailure)
    return caught[0]


def test_a_bounded_connection_leaves_places_for_others() -> None:
    """Its third statement waits, though there is a place, which another connection has."""
    stand = Stand()
    one, two, three = (stand.ask(SLOW) for _ in range(3))
    assert has(one)
    assert has(two)
    assert has(three) is None
    assert has(stand.ask(FAST))
    assert stand.numbers == (3, 1)


def test_a_place_goes_back_to_both() -> None:
    """Whoever waits for the connection comes next there; a second release does nothing."""
    stand = Stand()
    one, _, three = (stand.ask(SLOW) for _ in range(3))
    permit = has(one)
    assert permit
    permit.release()
    permit.release()
    assert has(three)
    assert stand.numbers == (2, 0)


def test_who_gives_up_holds_no_place_of_the_connection() -> None:
    """Cancelled while it waited for one of all."""
    stand = Stand(max_statements=2)
    narrow = seat("slow", 1)
    held = [stand.ask(FAST), stand.ask(FAST)]
    waits = stand.ask(narrow)
    assert has(waits) is None
    waits.addErrback(lambda _: None)
    waits.cancel()
    permit = has(held[0])
    assert permit
    permit.release()
    assert has(stand.ask(narrow))


def test_the_wait_is_bounded_as_a_whole() -> None:
    """A statement's own time counts for both lines together."""
    stand = Stand(max_statements=2)
    narrow = seat("slow", 1)
    first = stand.ask(narrow)
    stand.ask(FAST)
    late = stand.ask(narrow, timeout_s=5.0)
    stand.clock.advance(3)
    waits = stand.ask(FAST, "bob")
    permit = has(first)
    assert permit
    permit.release()
    assert has(waits)
    stand.clock.advance(1.9)
    assert not late.called
    stand.clock.advance(0.2)
    assert failed(late).family is Family.BUSY


def test_a_bound_that_a_reload_changes_counts_for_the_next() -> None:
    """One that is wider lets in whoever waits as well."""
    stand = Stand()
    assert has(stand.ask(seat("slow", 1)))
    waits = stand.ask(seat("slow", 1))
    assert has(waits) is None
    assert has(stand.ask(seat("slow", 2))) is None
    assert has(waits)


def test_a_closed_lane_admits_nobody_anywhere() -> None:
    """Those who wait for a connection hear so, and those who come."""
    stand = Stand()
    waiting = [stand.ask(SLOW) for _ in range(3)][2]
    stand.lanes.close(ToolFailure(Family.UNAVAILABLE, "over"))
    for place in (waiting, stand.ask(SLOW), stand.ask(seat("other", 1))):
        assert failed(place).message == "over"


@pytest.mark.parametrize("most", [0, 3, 9])
def test_without_a_bound_there_is_no_line_of_its_own(most: int) -> None:
    """Nor with one that is as wide as all."""
    stand = Stand()
    assert all(has(stand.ask(seat("slow", most))) for _ in range(3))
    assert stand.lanes._of == {}
