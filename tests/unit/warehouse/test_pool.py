"""Leases of sessions: by key, exclusive, bounded in number, idle time and age."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.pool import Pool
from snowflake_mcp.warehouse.session import NOBODY, Key, Session

ANN = Key("main", "ann")
BOB = Key("main", "bob")
FRESH = Key("main", NOBODY)
ELSEWHERE = Key("main", "ann", database="D")


class Stand:
    """A pool with its clock and what it has closed."""

    def __init__(self, settings: PoolSettings | None = None) -> None:
        self.clock = Clock()
        self.closed: list[Session] = []
        self.pool = Pool(
            self.clock, settings or PoolSettings(), self.closed.append, jitter=lambda: 0.0
        )

    def open(self, connection: object, key: Key) -> Session:
        """Log in: there is room, and a connection comes of it."""
        assert self.ask(key).result is None
        return self.pool.adopt(connection, key, self.pool.generation)

    def ask(self, key: Key) -> Deferred[Session | None]:
        return Deferred.fromCoroutine(self.pool.room(key))


def test_a_session_is_leased_to_one_at_a_time() -> None:
    """Leased it is gone from the pool; given back it is there again."""
    stand = Stand()
    session = stand.open("connection", ANN)
    assert stand.pool.lease(ANN) is None
    stand.pool.give_back(session)
    assert stand.pool.lease(ANN) is session
    assert stand.pool.lease(ANN) is None
    assert stand.pool.snapshot() == {
        "idle": 0,
        "warm": 0,
        "leased": 1,
        "kept": 0,
        "opening": 0,
        "waiting": 0,
        "keys": 1,
        "opened": 1,
        "closed": 0,
    }


def test_keys_do_not_mix() -> None:
    """Every part of the key separates: principal, role, warehouse, database, schema, account."""
    stand = Stand()
    stand.pool.give_back(stand.open("connection", ANN))
    others = [
        BOB,
        Key("other", "ann"),
        Key("main", "ann", role="R"),
        Key("main", "ann", warehouse="W"),
        Key("main", "ann", database="D"),
        Key("main", "ann", schema="S"),
    ]
    assert [stand.pool.lease(key) for key in others] == [None] * len(others)


def test_the_longest_unused_goes_when_there_are_too_many() -> None:
    """Over the limit of idle sessions the oldest idle one is closed, whoever's it is."""
    stand = Stand(PoolSettings(max_idle_sessions=2))
    sessions = [stand.open(number, key) for number, key in enumerate((ANN, BOB, ANN))]
    for session in sessions:
        stand.pool.give_back(session)
        stand.clock.advance(1)
    assert stand.closed == []
    stand.clock.advance(5)
    assert stand.closed == [sessions[0]]
    stand.clock.advance(60)
    assert stand.closed == [sessions[0]]
    stand.pool.stop()
    assert stand.clock.getDelayedCalls() == []


def test_no_session_is_closed_that_is_wanted_again_at_once() -> None:
    """More callers than idle sessions may be, each in turn: nobody has to log in again."""
    stand = Stand(PoolSettings(max_idle_sessions=1))
    sessions = [stand.open(number, ANN) for number in range(4)]
    for _ in range(50):
        for session in sessions:
            stand.pool.give_back(session)
        stand.clock.advance(1)
        assert {stand.pool.lease(ANN) for _ in sessions} == set(sessions)
    assert stand.closed == []
    stand.pool.give_back(sessions[0])
    stand.pool.give_back(sessions[1])
    stand.clock.advance(6)
    assert stand.closed == [sessions[0]]
    stand.pool.stop()


def test_what_must_not_lie_idle_is_closed_at_once() -> None:
    """No idle sessions at all means a login for each statement."""
    stand = Stand(PoolSettings(max_idle_sessions=0))
    session = stand.open("connection", ANN)
    stand.pool.give_back(session)
    assert stand.closed == [session]
    assert stand.clock.getDelayedCalls() == []


def test_idle_sessions_are_closed_in_time() -> None:
    """After the idle limit a session is closed without anybody asking, and no timer stays."""
    stand = Stand(PoolSettings(idle_session_s=100))
    first = stand.open("connection", ANN)
    stand.pool.give_back(first)
    stand.clock.advance(60)
    second = stand.open("connection", ANN)
    stand.pool.give_back(second)
    stand.clock.advance(41)
    assert stand.closed == [first]
    stand.clock.advance(100)
    assert stand.closed == [first, second]
    assert stand.clock.getDelayedCalls() == []


def test_old_sessions_are_not_kept() -> None:
    """Past its age an idle session is closed, and a leased one when it comes back."""
    stand = Stand(PoolSettings(session_age_s=100, idle_session_s=1_000))
    back_late, idle = stand.open("a", ANN), stand.open("b", ANN)
    stand.pool.give_back(idle)
    stand.clock.advance(100)
    stand.pool.give_back(back_late)
    assert stand.closed == [idle, back_late]
    assert stand.pool.lease(ANN) is None
    stand.pool.stop()


def test_a_session_in_doubt_is_closed() -> None:
    """Discarded is closed and not leased again."""
    stand = Stand()
    session = stand.open("connection", ANN)
    stand.pool.discard(session)
    assert stand.closed == [session]
    assert stand.pool.lease(ANN) is None
    assert stand.pool.leased == 0


def test_stopping_closes_now_or_on_return() -> None:
    """Idle sessions close at once, leased ones when they come back; no timer stays."""
    stand = Stand()
    idle, leased = stand.open("a", ANN), stand.open("b", ANN)
    stand.pool.give_back(idle)
    stand.pool.stop()
    assert stand.closed == [idle]
    stand.pool.give_back(leased)
    assert stand.closed == [idle, leased]
    assert stand.clock.getDelayedCalls() == []


def test_a_fresh_session_is_anybodys_once() -> None:
    """One that nobody has used is adopted by the first who comes; afterwards it is theirs."""
    stand = Stand()
    fresh = stand.open("connection", FRESH)
    stand.pool.give_back(fresh)
    assert stand.pool.lease(ELSEWHERE) is None
    assert stand.pool.lease(BOB) is fresh
    stand.pool.give_back(fresh)
    assert stand.pool.lease(ANN) is None
    assert stand.pool.lease(FRESH) is None
    assert stand.pool.lease(BOB) is fresh
    stand.pool.stop()


def test_own_sessions_come_before_fresh_ones() -> None:
    """A session of the key is taken first, so that the warm one stays for somebody new."""
    stand = Stand()
    stand.pool.give_back(stand.open("warm", FRESH))
    own = stand.open("own", ANN)
    stand.pool.give_back(own)
    assert stand.pool.lease(ANN) is own
    assert stand.pool.fresh == 1
    stand.pool.stop()


def test_warm_sessions_stay_until_they_are_old() -> None:
    """The idle limit and the number of idle sessions spare them; their age does not."""
    stand = Stand(PoolSettings(warm_sessions=1, max_idle_sessions=1, session_age_s=1_000))
    warm = stand.open("warm", FRESH)
    stand.pool.give_back(warm)
    used = stand.open("used", ANN)
    stand.pool.give_back(used)
    stand.clock.advance(6)
    assert stand.closed == [used]
    stand.clock.advance(694)
    assert stand.closed == [used]
    stand.clock.advance(301)
    assert stand.closed == [used, warm]


def test_an_unused_session_goes_to_whoever_comes() -> None:
    """A login that its caller did not wait for is not lost; one with a context keeps its owner."""
    stand = Stand()
    plain, placed = stand.open("a", ANN), stand.open("b", ELSEWHERE)
    stand.pool.give_back_unused(plain, FRESH)
    stand.pool.give_back_unused(placed, FRESH)
    assert stand.pool.lease(BOB) is plain
    assert stand.pool.lease(ELSEWHERE) is placed
    stand.pool.stop()


def test_there_are_never_more_sessions_than_allowed() -> None:
    """At the bound an idle one of anybody makes room; when all are leased, the next one waits."""
    stand = Stand(PoolSettings(max_sessions=2))
    first, second = stand.open("a", ANN), stand.open("b", ANN)
    stand.pool.give_back(first)
    third = stand.open("c", BOB)
    assert stand.closed == [first]
    waiting = stand.ask(BOB)
    assert not waiting.called
    assert stand.pool.snapshot()["waiting"] == 1
    stand.pool.discard(second)
    assert waiting.result is None
    assert stand.pool.size == 2
    stand.pool.no_session()
    assert stand.pool.size == 1
    stand.pool.discard(third)
    assert stand.pool.size == 0
    stand.pool.stop()


def test_a_session_that_comes_back_is_handed_over() -> None:
    """Who waits with the same key gets it as it is; with another key it is closed for a login."""
    stand = Stand(PoolSettings(max_sessions=1))
    session = stand.open("a", ANN)
    same = stand.ask(ANN)
    stand.pool.give_back(session)
    assert same.result is session
    other = stand.ask(BOB)
    stand.pool.give_back(session)
    assert other.result is None
    assert stand.closed == [session]
    assert stand.pool.size == 1


def test_principals_take_turns_for_scarce_sessions() -> None:
    """Many calls of one principal do not keep another one waiting."""
    stand = Stand(PoolSettings(max_sessions=1))
    session = stand.open("a", ANN)
    anns = [stand.ask(ANN) for _ in range(3)]
    bobs = stand.ask(BOB)
    stand.pool.give_back(session)
    assert [one.called for one in (*anns, bobs)] == [True, False, False, False]
    stand.pool.give_back(session)
    assert bobs.called
    assert [one.called for one in anns] == [True, False, False]


def test_many_who_give_up_at_once_do_not_pile_up() -> None:
    """As when the endpoint is gone and every login is refused before it is tried."""
    stand = Stand(PoolSettings(max_sessions=1))
    session = stand.open("a", ANN)
    turns = [stand.ask(BOB) for _ in range(2_000)]
    for turn in turns:
        turn.addCallback(lambda _: stand.pool.no_session())
    stand.pool.discard(session)
    assert [turn.result for turn in turns] == [None] * 2_000
    assert stand.pool.size == 0


def test_waiting_for_a_session_ends() -> None:
    """Cancelling leaves the line; after the limit the caller is told that the server is busy."""
    stand = Stand(PoolSettings(max_sessions=1, max_wait_s=30))
    session = stand.open("a", ANN)
    gone, late = stand.ask(BOB), stand.ask(BOB)
    gone.cancel()
    gone.addErrback(Failure.trap, CancelledError)
    stand.clock.advance(30)
    assert isinstance(late.result, Failure)
    reason = late.result.value
    late.addErrback(lambda _: None)
    assert isinstance(reason, ToolFailure)
    assert (reason.family, reason.retryable) == (Family.BUSY, True)
    stand.pool.give_back(session)
    assert stand.pool.snapshot()["idle"] == 1
    stand.pool.stop()
    assert stand.clock.getDelayedCalls() == []


def test_what_lay_idle_is_stale() -> None:
    """Only a session that lay idle for the setting's time has to show that it lives."""
    stand = Stand(PoolSettings(validate_after_s=60))
    session = stand.open("a", ANN)
    stand.pool.give_back(session)
    stand.clock.advance(59)
    assert not stand.pool.is_stale(session)
    stand.clock.advance(1)
    assert stand.pool.is_stale(session)
    stand.pool.stop()


def test_sessions_opened_together_do_not_end_together() -> None:
    """Each lives a little less than the limit, by its own share."""
    clock = Clock()
    shares = iter([0.0, 1.0])
    pool = Pool(clock, PoolSettings(session_age_s=100), lambda _: None, lambda: next(shares))
    for name in "ab":
        assert Deferred.fromCoroutine(pool.room(ANN)).result is None
        pool.give_back(pool.adopt(name, ANN, 0))
    clock.advance(91)
    assert pool.snapshot()["idle"] == 1
    clock.advance(9)
    assert pool.snapshot()["idle"] == 0


def test_changed_credentials_retire_sessions() -> None:
    """Idle ones are closed, leased ones when they return, and so is a login that was under way."""
    stand = Stand()
    idle, leased = stand.open("a", ANN), stand.open("b", ANN)
    stand.pool.give_back(idle)
    before = stand.pool.generation
    assert stand.ask(BOB).result is None
    assert stand.pool.retire() == 1
    assert stand.closed == [idle]
    stand.pool.give_back(leased)
    stand.pool.give_back(stand.pool.adopt("c", BOB, before))
    assert len(stand.closed) == 3
    new = stand.open("d", ANN)
    stand.pool.give_back(new)
    assert stand.pool.lease(ANN) is new
    stand.pool.stop()


def test_a_kept_session_counts_until_it_is_let_go() -> None:
    """It is nobody's to lease, takes part in the bound, and is not closed by a stop."""
    stand = Stand(PoolSettings(max_sessions=2))
    kept, other = stand.open("a", ANN), stand.open("b", ANN)
    stand.pool.keep(kept)
    assert stand.pool.lease(ANN) is None
    waiting = stand.ask(BOB)
    before = waiting.called
    stand.pool.let_go(kept)
    assert (before, waiting.called) == (False, True)
    stand.pool.keep(other)
    stand.pool.stop()
    assert stand.closed == [kept]


def test_nobody_waits_for_a_pool_that_stops() -> None:
    """Who waits for a session is let go at once."""
    stand = Stand(PoolSettings(max_sessions=1))
    leased = stand.open("a", ANN)
    waiting = stand.ask(BOB)
    stand.pool.stop()
    assert isinstance(waiting.result, Failure)
    waiting.addErrback(Failure.trap, CancelledError)
    stand.pool.give_back(leased)
    assert stand.closed == [leased]
    assert stand.clock.getDelayedCalls() == []
