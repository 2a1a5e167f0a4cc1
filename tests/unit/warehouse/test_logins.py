"""When logins may be tried."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.logins import Logins

AUTH = ToolFailure(Family.AUTH, "refused.", details={"errno": 390100})
GONE = ToolFailure(Family.UNAVAILABLE, "gone.", retryable=True)


def ask(logins: Logins) -> Deferred[None]:
    return Deferred.fromCoroutine(logins.enter())


def why(asked: Deferred[None]) -> ToolFailure:
    assert isinstance(asked.result, Failure)
    reason = asked.result.value
    asked.addErrback(lambda _: None)
    assert isinstance(reason, ToolFailure)
    return reason


def test_the_first_login_is_alone_until_it_has_worked() -> None:
    """Others wait for the first one; when it has worked they go."""
    logins = Logins(Clock(), 4)
    first, others = ask(logins), [ask(logins) for _ in range(3)]
    assert first.called
    assert not any(other.called for other in others)
    logins.worked()
    assert all(other.called for other in others)
    assert ask(logins).called


def test_refused_credentials_pause_a_minute() -> None:
    """Who waits and who comes gets the refusal; a minute later one login is tried, one only."""
    clock = Clock()
    logins = Logins(clock, 4)
    ask(logins)
    waiting = ask(logins)
    logins.refused(AUTH)
    assert why(waiting).family is Family.AUTH
    clock.advance(59)
    told = why(ask(logins))
    assert told.details == {"errno": 390100, "next_login_s": 1.0}
    assert "next login is tried in 1 s" in told.message
    clock.advance(1)
    assert ask(logins).called
    assert not ask(logins).called


def test_an_unreachable_endpoint_is_tried_ever_less_often() -> None:
    """The pause doubles from a second to four, and starts anew after a success."""
    clock = Clock()
    logins = Logins(clock, 4, jitter=lambda: 0.5)
    pauses: list[float] = []
    for _ in range(9):
        ask(logins)
        logins.refused(GONE)
        told = why(ask(logins))
        pauses.append(told.details["next_login_s"])
        clock.advance(pauses[-1])
    assert pauses == [1, 2, 4, 4, 4, 4, 4, 4, 4]
    ask(logins)
    logins.worked()
    logins.refused(GONE)
    assert why(ask(logins)).details["next_login_s"] == 1


def test_giving_up_lets_the_next_one_try() -> None:
    """A login that was not tried after all, or whose waiting was cancelled, blocks nobody."""
    logins = Logins(Clock(), 4)
    ask(logins)
    gone, next_one = ask(logins), ask(logins)
    gone.cancel()
    gone.addErrback(Failure.trap, CancelledError)
    logins.gave_up()
    assert next_one.called
    assert logins.snapshot() == {
        "logins": 0,
        "failed_logins": 0,
        "logging_in": 1,
        "paused": None,
    }


def test_only_some_logins_go_side_by_side() -> None:
    """Past the width they wait, and each end of a login lets the next one in."""
    logins = Logins(Clock(), 2)
    ask(logins)
    logins.worked()
    asked = [ask(logins) for _ in range(4)]
    assert [one.called for one in asked] == [True, True, False, False]
    logins.worked()
    assert [one.called for one in asked] == [True, True, True, False]
    logins.gave_up()
    assert all(one.called for one in asked)


def test_changed_credentials_end_a_pause() -> None:
    """Whoever mended the secret does not wait for the pause; again one tries first."""
    clock = Clock()
    logins = Logins(clock, 4)
    ask(logins)
    logins.refused(AUTH)
    assert not logins.proven
    logins.forgive()
    first, second = ask(logins), ask(logins)
    before = (first.called, second.called)
    logins.worked()
    assert (*before, second.called) == (True, False, True)
    assert logins.proven
