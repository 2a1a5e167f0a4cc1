"""What becomes of the way to Snowflake when a statement ends before it was sent."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.breaker import Breaker
from snowflake_mcp.warehouse.session import Key, Session
from snowflake_mcp.warehouse.statement import NotWantedError
from snowflake_mcp.warehouse.work import Work
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.waiting import job

KEY = Key("test", "ann")


class Way:
    """A breaker that lets one statement try, and sessions that are leased as a test says."""

    def __init__(self, lease: Callable[[], Any]) -> None:
        self.clock, self.lease_now = Clock(), lease
        self.breaker = Breaker(self.clock, 1, 10.0)
        self.breaker.enter().failed()
        self.clock.advance(10.0)
        self.returned: list[Session] = []
        self.hops: list[Deferred[Any]] = []
        self.key = lambda *_: KEY
        self.entrance = lambda _: self
        self.pool: Any = SimpleNamespace(give_back=self.returned.append)

    async def lease(self, key: Key, *, new: bool) -> Session:
        found = self.lease_now()
        session: Session = await found if isinstance(found, Deferred) else found
        return session

    def run(self, *_: object) -> Deferred[Any]:
        self.hops.append(Deferred())
        return self.hops[-1]

    def work(self) -> Work[list[Any]]:
        means: Any = SimpleNamespace(reactor=self.clock, sessions=self, statements=self, gate=None)
        return Work(means, job("select 1"), Kept(), 20.0)


def told(reading: Deferred[Any]) -> list[BaseException | None]:
    """What it has failed with by now."""
    found: list[BaseException | None] = []

    def caught(reason: Failure) -> None:
        found.append(reason.value)

    reading.addErrback(caught)
    return found


@pytest.mark.parametrize("at_once", [True, False])
def test_a_login_that_fails_lets_the_next_one_try(at_once: bool) -> None:
    """A login says nothing of sessions that were let in."""
    refused = ToolFailure(Family.AUTH, "no")
    login: Deferred[Any] = Deferred()
    way = Way(lambda: login)
    if at_once:
        login.errback(refused)
    ended = told(way.work().reading())
    if not at_once:
        with pytest.raises(ToolFailure):
            way.breaker.check()
        login.errback(refused)
    assert ended == [refused]
    way.breaker.check()
    assert way.breaker.state == "half open"


def test_whoever_gives_up_while_it_waits_for_a_session_lets_the_next_one_try() -> None:
    """Nothing was sent, and no session was had."""
    way = Way(Deferred)
    work = way.work()
    ended = told(work.reading())
    with pytest.raises(ToolFailure):
        way.breaker.check()
    work.call_off()
    assert [type(error) for error in ended] == [CancelledError]
    way.breaker.check()
    assert (way.hops, way.returned) == ([], [])


def test_whoever_gives_up_before_it_is_sent_lets_the_next_one_try() -> None:
    """The session is as good as it was."""
    session = Session(None, KEY, 0.0, 99.0, 0)
    way = Way(lambda: session)
    ended = told(way.work().reading())
    with pytest.raises(ToolFailure):
        way.breaker.check()
    way.hops[0].errback(Failure(NotWantedError()))
    assert [type(error) for error in ended] == [NotWantedError]
    assert way.returned == [session]
    way.breaker.check()
