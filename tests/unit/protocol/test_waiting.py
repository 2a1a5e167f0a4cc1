"""One timer for the deadlines of all calls, and each call stopped at its own."""

import math
from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

from snowflake_mcp.protocol.calls import Call
from snowflake_mcp.protocol.waiting import Waiting
from tests.support.catalogs import request


class Stand:
    """Calls that wait, and when each was stopped and why."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.waiting = Waiting(self.clock)
        self.stopped: list[tuple[str, float, str | None]] = []

    def add(self, name: str, due: float) -> Call[None]:
        call: Call[None] = Call(request(self.clock))
        call.work = Deferred()

        def ended(_: object) -> None:
            self.stopped.append((name, self.clock.seconds(), call.context.cancel_reason))
            self.waiting.discard(call)

        call.work.addBoth(ended)
        self.waiting.add(call, due)
        return call

    def end(self, call: Call[None]) -> None:
        assert call.work is not None
        call.work.callback(None)

    @property
    def timers(self) -> list[float]:
        return [timer.getTime() for timer in self.clock.getDelayedCalls()]


def test_each_is_stopped_at_its_own_deadline() -> None:
    """Whatever the order in which they came, by one timer at a time."""
    stand = Stand()
    for name, due in (("b", 20.0), ("c", 30.0), ("a", 10.0), ("b2", 20.0)):
        stand.add(name, due)
        assert len(stand.timers) == 1
    stand.clock.pump([1.0] * 31)
    late = [("a", 10.0), ("b", 20.0), ("b2", 20.0), ("c", 30.0)]
    assert stand.stopped == [(name, at, "timeout") for name, at in late]
    assert (len(stand.waiting), stand.timers) == (0, [])


def test_a_call_that_has_ended_costs_no_timer() -> None:
    """The one there is stays, and finds who is next when it fires."""
    stand = Stand()
    first = stand.add("first", 10.0)
    stand.end(first)
    stand.add("next", 15.0)
    assert stand.timers == [10.0]
    stand.clock.advance(10.0)
    assert stand.timers == [15.0]
    stand.clock.advance(5.0)
    assert stand.stopped == [("first", 0.0, None), ("next", 15.0, "timeout")]


def test_what_has_no_end_has_no_deadline() -> None:
    """It is in flight all the same."""
    stand = Stand()
    endless = stand.add("endless", math.inf)
    assert (list(stand.waiting), stand.timers) == ([endless], [])


def test_a_timer_that_comes_early_makes_nobody_late() -> None:
    """It is set for a span of time, and rounding may bring it before the moment that was meant."""

    class Early(Clock):
        def callLater(
            self,
            delay: float,
            callable: Callable[..., object],  # noqa: A002 - the name that twisted gives it
            *args: object,
            **kw: object,
        ) -> IDelayedCall:
            return super().callLater(delay * 0.999, callable, *args, **kw)

    stand = Stand(Early())
    stand.add("one", 10.0)
    stand.clock.advance(9.99)
    assert [name for name, _, _ in stand.stopped] == ["one"]
    assert stand.timers == []


def test_one_that_cannot_be_stopped_hinders_no_other() -> None:
    """It stays in flight until its work has ended, and is told once."""
    stand = Stand()

    def fails(_: object) -> None:
        raise RuntimeError("no")

    bad: Call[None] = Call(request(stand.clock))
    bad.work = Deferred(fails)
    stand.waiting.add(bad, 5.0)
    stand.add("good", 5.0)
    stand.add("later", 7.0)
    with pytest.raises(RuntimeError):
        stand.clock.advance(5.0)
    stand.clock.advance(0)
    assert stand.stopped == [("good", 5.0, "timeout")]
    assert next(iter(stand.waiting)) is bad
    stand.clock.advance(2.0)
    assert stand.stopped[1:] == [("later", 7.0, "timeout")]
    assert stand.timers == []


def test_nothing_is_left_behind() -> None:
    """Once the server stops."""
    stand = Stand()
    stand.end(stand.add("one", 10.0))
    stand.waiting.disarm()
    assert stand.timers == []
    stand.add("two", 12.0)
    assert stand.timers == [12.0]
