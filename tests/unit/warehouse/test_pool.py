"""Leases of sessions: by key, exclusive, bounded in number, idle time and age."""

from twisted.internet.task import Clock

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.warehouse.pool import Key, Pool, Session

ANN = Key("main", "ann")
BOB = Key("main", "bob")


class Stand:
    """A pool with its clock and what it has closed."""

    def __init__(self, settings: PoolSettings | None = None) -> None:
        self.clock = Clock()
        self.closed: list[Session] = []
        self.pool = Pool(self.clock, settings or PoolSettings(), self.closed.append)


def test_a_session_is_leased_to_one_at_a_time() -> None:
    """Leased it is gone from the pool; given back it is there again."""
    stand = Stand()
    session = stand.pool.adopt("connection", ANN)
    assert stand.pool.lease(ANN) is None
    stand.pool.give_back(session)
    assert stand.pool.lease(ANN) is session
    assert stand.pool.lease(ANN) is None
    assert stand.pool.snapshot() == {"idle": 0, "leased": 1, "opened": 1, "closed": 0}


def test_keys_do_not_mix() -> None:
    """Every part of the key separates: principal, role, warehouse, database, schema, account."""
    stand = Stand()
    stand.pool.give_back(stand.pool.adopt("connection", ANN))
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
    sessions = [stand.pool.adopt(number, key) for number, key in enumerate((ANN, BOB, ANN))]
    for session in sessions:
        stand.pool.give_back(session)
        stand.clock.advance(1)
    assert stand.closed == [sessions[0]]
    stand.pool.stop()


def test_idle_sessions_are_closed_in_time() -> None:
    """After the idle limit a session is closed without anybody asking, and no timer stays."""
    stand = Stand(PoolSettings(idle_session_s=100))
    first = stand.pool.adopt("connection", ANN)
    stand.pool.give_back(first)
    stand.clock.advance(60)
    second = stand.pool.adopt("connection", ANN)
    stand.pool.give_back(second)
    stand.clock.advance(41)
    assert stand.closed == [first]
    stand.clock.advance(100)
    assert stand.closed == [first, second]
    assert stand.clock.getDelayedCalls() == []


def test_old_sessions_are_not_kept() -> None:
    """Past its age a session is closed when it comes back, and never leased."""
    stand = Stand(PoolSettings(session_age_s=100, idle_session_s=1_000))
    back_late, idle = stand.pool.adopt("a", ANN), stand.pool.adopt("b", ANN)
    stand.pool.give_back(idle)
    stand.clock.advance(100)
    stand.pool.give_back(back_late)
    assert stand.closed == [back_late]
    assert stand.pool.lease(ANN) is None
    stand.pool.stop()


def test_a_session_in_doubt_is_closed() -> None:
    """Discarded is closed and not leased again."""
    stand = Stand()
    session = stand.pool.adopt("connection", ANN)
    stand.pool.discard(session)
    assert stand.closed == [session]
    assert stand.pool.lease(ANN) is None
    assert stand.pool.leased == 0


def test_stopping_closes_now_or_on_return() -> None:
    """Idle sessions close at once, leased ones when they come back; no timer stays."""
    stand = Stand()
    idle, leased = stand.pool.adopt("a", ANN), stand.pool.adopt("b", ANN)
    stand.pool.give_back(idle)
    stand.pool.stop()
    assert stand.closed == [idle]
    stand.pool.give_back(leased)
    assert stand.closed == [idle, leased]
    assert stand.clock.getDelayedCalls() == []
