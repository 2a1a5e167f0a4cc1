"""Logins and the bounds of what may be open, on an injected clock."""

from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from snowflake_mcp.simulator.bench import Bench
from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.frontdesk import FrontDesk, Refused
from snowflake_mcp.simulator.ids import QueryIds
from snowflake_mcp.simulator.results import ResultStore
from snowflake_mcp.simulator.sessions import Session
from snowflake_mcp.simulator.statements import Docket, State, Submission
from snowflake_mcp.simulator.tokens import Pair, Tokens
from tests.unit.simulator.test_sessions import HeldPool, ObedientRunner


class Office:
    """A front desk with engines that obey the test."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.callFromThread = lambda call, *given: call(*given)  # type: ignore[attr-defined]
        now = self.clock.seconds
        self.pool = HeldPool()
        self.docket = Docket(ResultStore(10, 1 << 20, 1 << 20, now), now)
        bench = Bench(cast(Any, self.clock), self.pool, self.docket, QueryIds(now), now)
        tokens: Tokens[Session] = Tokens(now, 3_600, 14_400)
        self.desk = FrontDesk(bench, lambda _database, _schema: ObedientRunner(), None, tokens)

    def login(self, **more: Any) -> tuple[Session, Pair]:
        """A session of its own."""
        place = dict.fromkeys(("database", "schema", "warehouse", "role"))
        given: dict[str, Any] = {"user": "u", "password": "p", **place, "parameters": {}, **more}
        opened: list[Any] = []
        running = Deferred.fromCoroutine(self.desk.login(**given)).addBoth(opened.append)
        while not opened:
            self.pool.let_go()
        assert running.called
        session, pair = opened[0]
        return session, pair


@pytest.fixture
def office() -> Office:
    """Nobody is logged in."""
    return Office()


def test_too_many_statements_are_refused(office: Office) -> None:
    """2,000 that wait and run; the next is told so, and goes once there is room."""
    session, _ = office.login()
    first = office.desk.submit(session, Submission("", "select 0", "http://x"))
    for number in range(1, 2_000):
        office.desk.submit(session, Submission("", f"select {number}", "http://x"))
    with pytest.raises(Refused) as refused:
        office.desk.submit(session, Submission("", "select 1", "http://x"))
    assert refused.value.status == 429
    office.pool.let_go()
    assert first.state is State.SUCCESS
    office.desk.submit(session, Submission("", "select 1", "http://x"))


def test_an_idle_session_is_closed_at_the_next_login(office: Office) -> None:
    """After four hours without a request; one with a heartbeat stays."""
    idle, idle_pair = office.login()
    _, pair = office.login()
    for _ in range(5):
        office.clock.advance(3_000)
        pair = office.desk.renew(pair.master_token)[1]
    office.login()
    with pytest.raises(StatementFailed) as gone:
        office.desk.session(idle_pair.token)
    assert gone.value.code == "390111"
    assert office.desk.known(pair.token) is not idle
    assert len(office.desk.sessions()) == 2


def test_a_session_whose_tokens_are_dead_ends_when_nothing_runs(office: Office) -> None:
    """Nobody can come back to it, but what it runs goes on to its end."""
    busy, busy_pair = office.login()
    _, quiet_pair = office.login()
    statement = office.desk.submit(busy, Submission("", "select system$wait(3600)", "http://x"))
    for pair in (busy_pair, quiet_pair):
        office.desk.expire(pair.token, "master")
    office.clock.advance(60)
    office.login()
    assert statement.state is State.RUNNING
    assert (office.desk.known(busy_pair.token), office.desk.known(quiet_pair.token)) == (busy, None)


def test_the_longest_idle_session_makes_room(office: Office) -> None:
    """A thousand at most."""
    pairs = [office.login()[1]]
    office.clock.advance(1)
    pairs += [office.login()[1] for _ in range(1_000)]
    assert len(office.desk.sessions()) == 1_000
    assert office.desk.known(pairs[0].token) is None
    assert office.desk.known(pairs[1].token) is not None


def test_session_parameters_come_with_the_login(office: Office) -> None:
    """In any case; a wrong value refuses the login before there is a session."""
    session, _ = office.login(parameters={"query_tag": "t", "UNKNOWN": 7})
    assert session.parameters.get("QUERY_TAG") == "t"
    opened: list[Any] = []
    wrong = {"user": "u", "password": "p", "parameters": {"ABORT_DETACHED_QUERY": "maybe"}}
    place = dict.fromkeys(("database", "schema", "warehouse", "role"))
    given: dict[str, Any] = {**wrong, **place}
    Deferred.fromCoroutine(office.desk.login(**given)).addErrback(opened.append)
    assert opened[0].value.code == "001008"
    assert office.pool.held == []
