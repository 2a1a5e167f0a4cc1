"""One timer wakes everybody at the right moment, and nobody who has dropped the alarm."""

from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.protocol.alarms import Alarms


class House:
    """Sleepers by name, and when each of them was woken."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.alarms = Alarms(self.clock)
        self.woken: list[tuple[str, float]] = []

    def sleeper(self, name: str, then: Callable[[], object] = lambda: None) -> "Sleeper":
        return Sleeper(self, name, then)

    def pass_time(self, *steps_s: float) -> list[tuple[str, float]]:
        """Who was woken meanwhile."""
        self.woken = []
        self.clock.pump(steps_s)
        return self.woken


class Sleeper:
    """Tells its house, and does something more."""

    def __init__(self, house: House, name: str, then: Callable[[], object]) -> None:
        self.house, self.name, self.then = house, name, then

    def wake(self, now: float) -> None:
        self.house.woken.append((self.name, now))
        self.then()


@pytest.fixture
def house() -> House:
    """With a clock that stands."""
    return House()


def test_each_is_woken_once_and_in_time_by_one_timer(house: House) -> None:
    """In whatever order the alarms are set."""
    for at, name in ((5.0, "late"), (1.0, "early"), (3.0, "between")):
        house.alarms.set(house.sleeper(name), at)
        assert len(house.clock.getDelayedCalls()) == 1
    steps = [0.5] * 12
    assert house.pass_time(*steps) == [("early", 1.0), ("between", 3.0), ("late", 5.0)]
    assert (house.clock.getDelayedCalls(), len(house.alarms)) == ([], 0)


def test_who_drops_the_alarm_is_not_woken(house: House) -> None:
    """The timer rings for nobody then, and is gone; for a later one it is set again."""
    gone, other = house.sleeper("gone"), house.sleeper("other")
    house.alarms.set(gone, 1.0)
    house.alarms.drop(gone)
    house.alarms.drop(gone)
    assert house.pass_time(2.0) == []
    assert house.clock.getDelayedCalls() == []
    house.alarms.set(gone, 3.0)
    house.alarms.set(other, 4.0)
    house.alarms.drop(gone)
    assert house.pass_time(1.0, 0.5, 0.5) == [("other", 4.0)]


def test_an_alarm_that_is_set_anew_counts_for_the_new_moment_alone(house: House) -> None:
    """Earlier or later than before, also by the one whom it has just woken."""
    one = house.sleeper("one", lambda: house.alarms.set(one, house.clock.seconds() + 2.0))
    house.alarms.set(one, 9.0)
    house.alarms.set(one, 1.0)
    assert house.pass_time(*[0.5] * 10) == [("one", 1.0), ("one", 3.0), ("one", 5.0)]
    house.alarms.set(one, 20.0)
    assert house.pass_time(*[1.0] * 14) == []
    assert house.pass_time(1.0) == [("one", 20.0)]


def test_one_that_was_woken_may_drop_the_alarm_of_another(house: House) -> None:
    """Both were for the same moment."""
    second = house.sleeper("second")
    house.alarms.set(house.sleeper("first", lambda: house.alarms.drop(second)), 1.0)
    house.alarms.set(second, 1.0)
    assert house.pass_time(1.0, 5.0) == [("first", 1.0)]


def test_one_that_fails_keeps_nobody_from_being_woken(house: House) -> None:
    """The error goes on to the reactor, which writes it down."""

    def fails() -> None:
        raise ZeroDivisionError

    house.alarms.set(house.sleeper("bad", fails), 1.0)
    house.alarms.set(house.sleeper("good"), 1.0)
    house.alarms.set(house.sleeper("later"), 2.0)
    with pytest.raises(ZeroDivisionError):
        house.pass_time(1.0)
    assert house.woken == [("bad", 1.0)]
    assert house.pass_time(0.0) == [("good", 1.0)]
    assert house.pass_time(1.0) == [("later", 2.0)]


def test_a_moment_that_has_passed_is_now(house: House) -> None:
    """At the next turn of the reactor, not within the call."""
    house.clock.advance(10.0)
    house.alarms.set(house.sleeper("late"), 3.0)
    assert house.woken == []
    assert house.pass_time(0.0) == [("late", 10.0)]


def test_a_timer_that_rings_a_rounding_early_still_wakes(house: House) -> None:
    """A delay is a difference of two moments, and their sum need not be the second one."""
    house.clock.rightNow = 0.1 + 0.2
    house.alarms.set(house.sleeper("one"), 1e9 / 3)
    house.clock.rightNow = 1e9 / 3 - 5e-8
    house.clock.getDelayedCalls()[0].reset(0)
    assert house.pass_time(0.0) == [("one", 1e9 / 3)]


def test_after_the_stop_nobody_is_woken(house: House) -> None:
    """And no timer stays behind, twice or before anybody came; who comes later is woken."""
    house.alarms.stop()
    house.alarms.set(house.sleeper("gone"), 1.0)
    house.alarms.stop()
    house.alarms.stop()
    assert (house.clock.getDelayedCalls(), len(house.alarms)) == ([], 0)
    house.alarms.set(house.sleeper("later"), 2.0)
    assert house.pass_time(1.0, 1.0) == [("later", 2.0)]
