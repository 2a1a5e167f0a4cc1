"""Who says nothing for too long is told so, each at its own time, by one timer."""

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.transports.silence import Silence


class Quiet:
    """One that waits; may take others along when it is told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.told_at: list[float] = []
        self.fault: Exception | None = None
        self.leaving: tuple[Silence, Quiet] | None = None

    def break_silence(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.told_at.append(self._clock.seconds())
        if self.leaving is not None:
            silence, other = self.leaving
            silence.end(other)


def _waiting(clock: Clock, silence: Silence, *starts: float) -> list[Quiet]:
    waiting = []
    for start in starts:
        clock.advance(start - clock.seconds())
        waiting.append(Quiet(clock))
        silence.begin(waiting[-1])
    return waiting


def test_each_is_told_once_and_in_its_own_time() -> None:
    """One timer, and yet everybody has waited for just as long; two at once are both told."""
    clock = Clock()
    waiting = _waiting(clock, Silence(clock, 15.0), 0.0, 4.3, 4.3, 9.1)
    assert len(clock.getDelayedCalls()) == 1
    clock.pump([0.1] * 400)
    assert [each.told_at for each in waiting] == [
        [pytest.approx(at, abs=0.11)] for at in (15.0, 19.3, 19.3, 24.1)
    ]
    assert clock.getDelayedCalls() == []


def test_who_has_spoken_is_not_told() -> None:
    """Nor does the timer of one that has left come early for the next."""
    clock = Clock()
    silence = Silence(clock, 15.0)
    first, second = _waiting(clock, silence, 0.0, 5.0)
    silence.end(first)
    silence.end(first)
    clock.advance(14.9)
    assert (first.told_at, second.told_at) == ([], [])
    clock.advance(0.1)
    assert (first.told_at, second.told_at) == ([], [20.0])
    assert clock.getDelayedCalls() == []
    _waiting(clock, silence, 30.0)
    assert [call.getTime() for call in clock.getDelayedCalls()] == [45.0]


def test_one_that_is_told_may_take_another_along() -> None:
    """Whoever is gone by then is not told, though its time is the same."""
    clock = Clock()
    silence = Silence(clock, 1.0)
    first, second, third = _waiting(clock, silence, 0.0, 0.0, 0.0)
    first.leaving = silence, second
    clock.advance(1.0)
    assert [len(each.told_at) for each in (first, second, third)] == [1, 0, 1]


def test_what_goes_wrong_in_one_is_no_others() -> None:
    """The next one is told all the same, and so are those who come later."""
    clock = Clock()
    silence = Silence(clock, 1.0)
    first, second, third = _waiting(clock, silence, 0.0, 0.0, 0.5)
    first.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        clock.advance(0.5)
    clock.advance(0.0)
    clock.advance(0.5)
    assert [each.told_at for each in (second, third)] == [[1.0], [1.5]]


def test_after_the_stop_nobody_is_told() -> None:
    """And no timer stays behind, twice or before anybody came."""
    clock = Clock()
    silence = Silence(clock, 1.0)
    silence.stop()
    (one,) = _waiting(clock, silence, 0.0)
    silence.stop()
    silence.stop()
    assert clock.getDelayedCalls() == []
    clock.advance(2.0)
    (other,) = _waiting(clock, silence, 3.0)
    clock.advance(2.0)
    assert (len(one.told_at), len(other.told_at)) == (0, 1)
