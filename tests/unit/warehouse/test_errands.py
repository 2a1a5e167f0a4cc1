"""Errands: callers have the threads in turn, and what nobody waits for is not begun."""

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse import errands as module
from snowflake_mcp.warehouse.errands import Errands

ANN, BOB = Principal("ann"), Principal("bob")


class Stand:
    """Errands whose two threads come back when the test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.given_back = 0
        self.asked: list[str] = []
        self.held: list[Deferred[str]] = []
        pool = SimpleNamespace(give_back=self._give_back, discard=lambda _: None)
        sessions: Any = SimpleNamespace(pool=pool, key=lambda who, wish: who, lease=self._lease)
        self.errands = Errands(self.clock, sessions)  # type: ignore[arg-type]
        monkeypatch.setattr(self.errands.threads, "run", self._thread)

    async def _lease(self, key: object, *, new: bool) -> object:
        return SimpleNamespace(connection=key)

    def _give_back(self, _: object) -> None:
        self.given_back += 1

    def _thread(self, call: Any, connection: Any, what: str) -> Deferred[str]:
        self.asked.append(what)
        held: Deferred[str] = Deferred()
        self.held.append(held)
        return held

    def ask(self, who: Principal, what: str) -> Deferred[Any]:
        return self.errands.run(who, lambda *_: None, what)

    def come_back(self) -> None:
        """The thread that has been away longest."""
        self.held.pop(0).callback("done")


def why(asked: Deferred[Any]) -> BaseException | None:
    """The failure, which must be there already."""
    assert isinstance(asked.result, Failure)
    reason = asked.result.value
    asked.addErrback(lambda _: None)
    return reason


def test_callers_have_the_threads_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with many questions does not hold up another with one."""
    stand = Stand(monkeypatch)
    many = [stand.ask(ANN, f"ann {number}") for number in range(6)]
    one = stand.ask(BOB, "bob")
    assert stand.asked == ["ann 0", "ann 1"]
    for _ in range(4):
        stand.come_back()
    assert stand.asked == ["ann 0", "ann 1", "ann 2", "bob", "ann 3", "ann 4"]
    assert [each.called for each in (*many, one)] == [True] * 3 + [False] * 3 + [True]
    while stand.held:
        stand.come_back()
    assert stand.given_back == 7
    assert stand.clock.getDelayedCalls() == []


def test_what_nobody_waits_for_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Called off in the queue it is gone; called off in its thread it ends, and nobody hears."""
    stand = Stand(monkeypatch)
    begun = [stand.ask(ANN, f"ann {number}") for number in range(2)]
    gone, stays = stand.ask(ANN, "gone"), stand.ask(ANN, "stays")
    for each in (gone, begun[0]):
        each.cancel()
        assert isinstance(why(each), CancelledError)
    stand.come_back()
    assert stand.asked == ["ann 0", "ann 1", "stays"]
    stand.come_back()
    stand.come_back()
    assert (stays.result, stand.given_back) == ("done", 3)


def test_the_queue_is_bounded_and_ends_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many questions are told so; at the stop the waiting ones are."""
    monkeypatch.setattr(module, "_QUEUE", 1)
    stand = Stand(monkeypatch)
    for number in range(2):
        stand.ask(ANN, f"ann {number}")
    waiting = stand.ask(ANN, "waiting")
    told = why(stand.ask(ANN, "too many"))
    assert isinstance(told, ToolFailure)
    assert (told.family, told.retryable) == (Family.BUSY, True)
    assert "2 questions run" in told.message
    Deferred.fromCoroutine(stand.errands.stop(1.0))
    stopped = why(waiting)
    assert isinstance(stopped, ToolFailure)
    assert stopped.family is Family.UNAVAILABLE
