"""The circuit breaker: what opens it, what a caller hears, and what closes it again."""

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.breaker import Breaker


class Circuit:
    """A breaker of three failures and four seconds, and its clock."""

    def __init__(self, failures: int = 3) -> None:
        self.clock = Clock()
        self.clock.advance(1_000.0)
        self.breaker = Breaker(self.clock, failures, 4.0)

    def fail(self, times: int = 1) -> None:
        """One after the other."""
        for _ in range(times):
            attempt = self.breaker.enter()
            self.clock.advance(0.1)
            attempt.failed()

    @property
    def state(self) -> str:
        """How it is now."""
        return self.breaker.state

    def refusal(self) -> ToolFailure:
        """What a caller hears now."""
        with pytest.raises(ToolFailure) as caught:
            self.breaker.check()
        return caught.value


def test_failures_in_a_row_open_it() -> None:
    """Then calls are answered at once, with the seconds to wait."""
    circuit = Circuit()
    circuit.fail(2)
    circuit.breaker.check()
    circuit.fail()
    told = circuit.refusal()
    assert (told.family, told.retryable) == (Family.UNAVAILABLE, True)
    assert told.message == (
        "The last 3 statements did not reach Snowflake; the next one is tried in 4 s."
    )
    assert told.details == {"breaker": "open", "retry_after_s": 4}
    assert circuit.breaker.snapshot() == {
        "connection": "",
        "state": "open",
        "failures": 3,
        "opened": 1,
        "retry_in_s": 4.0,
    }


def test_an_answer_in_between_begins_the_count_anew() -> None:
    """Only what fails in a row counts."""
    circuit = Circuit()
    for _ in range(5):
        circuit.fail(2)
        circuit.breaker.enter().reached()
    assert circuit.state == "closed"


def test_lines_that_break_together_do_not_open_it() -> None:
    """All began before the first failed; the next failure is another matter."""
    circuit = Circuit()
    attempts = [circuit.breaker.enter() for _ in range(9)]
    circuit.clock.advance(1.0)
    for attempt in attempts:
        attempt.failed()
    assert circuit.state == "closed"
    circuit.clock.advance(1.0)
    circuit.fail()
    assert circuit.state == "open"


def test_one_tries_and_closes_it() -> None:
    """After the pause one statement goes, the others wait for what becomes of it."""
    circuit = Circuit()
    circuit.fail(3)
    circuit.clock.advance(4.0)
    assert circuit.state == "half open"
    trial = circuit.breaker.enter()
    told = circuit.refusal()
    assert told.message == "One statement tries whether Snowflake can be reached again."
    assert told.details["retry_after_s"] == 2
    trial.reached()
    assert circuit.breaker.snapshot()["state"] == "closed"
    circuit.fail(2)
    assert circuit.state == "closed"


def test_one_tries_in_vain() -> None:
    """Another pause, and it counts as the same outage."""
    circuit = Circuit()
    circuit.fail(3)
    circuit.clock.advance(4.0)
    circuit.fail()
    assert circuit.refusal().details["retry_after_s"] == 4
    assert (circuit.state, circuit.breaker.opened) == ("open", 1)


def test_one_that_tries_and_is_called_off_makes_room() -> None:
    """Its end says nothing; the next one tries."""
    circuit = Circuit()
    circuit.fail(3)
    circuit.clock.advance(4.0)
    trial = circuit.breaker.enter()
    trial.gave_up()
    trial.failed()
    assert circuit.state == "half open"
    circuit.breaker.enter().reached()
    assert circuit.state == "closed"


def test_one_that_tries_and_runs_for_long() -> None:
    """That Snowflake has taken it is enough for the others."""
    circuit = Circuit()
    circuit.fail(3)
    circuit.clock.advance(4.0)
    taken = False
    trial = circuit.breaker.enter(lambda: taken)
    assert circuit.refusal().details["retry_after_s"] == 2
    taken = True
    circuit.breaker.check()
    assert circuit.state == "closed"
    trial.reached()
    assert circuit.state == "closed"


def test_those_that_were_under_way() -> None:
    """Their failures make the pause no longer; an answer to one of them ends it."""
    circuit = Circuit()
    late, later, lucky = (circuit.breaker.enter() for _ in range(3))
    circuit.fail(3)
    circuit.clock.advance(3.0)
    late.failed()
    assert circuit.refusal().details["retry_after_s"] == 1
    circuit.clock.advance(1.0)
    trial = circuit.breaker.enter()
    later.failed()
    assert circuit.state == "half open"
    lucky.reached()
    assert circuit.state == "closed"
    # The trial's own end comes when nobody asks any more.
    trial.failed()
    assert circuit.state == "closed"


def test_an_operator_closes_it() -> None:
    """And hears whether there was something to close."""
    circuit = Circuit()
    assert circuit.breaker.reset() is False
    circuit.fail(3)
    assert circuit.breaker.reset() is True
    circuit.breaker.check()
    circuit.fail(2)
    assert circuit.state == "closed"


def test_new_settings_count_from_the_next_failure() -> None:
    """What has failed so far stays counted."""
    circuit = Circuit(9)
    circuit.fail(3)
    circuit.breaker.take(4, 60.0)
    assert circuit.state == "closed"
    circuit.fail()
    assert circuit.refusal().details["retry_after_s"] == 60


@pytest.mark.parametrize(("failures", "state"), [(0, "closed"), (1, "open")])
def test_the_extremes(failures: int, state: str) -> None:
    """None: it never opens. One: the first failure opens it."""
    circuit = Circuit(failures)
    attempts = [circuit.breaker.enter() for _ in range(50)]
    attempts[0].failed()
    assert circuit.state == state
