"""Values kept for a short time and read once for all who wait."""

from collections.abc import Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from snowflake_mcp.warehouse.recent import Recent


class Source:
    """Readings that end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[Deferred[str]] = []
        self.cancelled = 0

    async def read(self) -> str:
        self.begun.append(Deferred(self._cancel))
        return await self.begun[-1]

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


class Stand:
    """A cache of three entries and ten characters over a clock that the test turns."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.recent: Recent[str] = Recent(
            self.clock, len, keep_s=60.0, max_entries=3, max_weight=10
        )
        self.source = Source()

    def ask(self, key: str = "k", max_age_s: float | None = None) -> "Deferred[str]":
        return Deferred.fromCoroutine(self.recent.get(key, self.source.read, max_age_s))

    def put(self, key: str, value: str) -> None:
        self.ask(key)
        self.source.begun[-1].callback(value)

    def has(self, key: str) -> bool:
        before = len(self.source.begun)
        asked = self.ask(key)
        kept = len(self.source.begun) == before
        asked.addErrback(lambda _: None)
        asked.cancel()
        return kept


def result(asked: "Deferred[str]") -> list[str]:
    found: list[str] = []
    asked.addCallback(found.append)
    return found


def keeping(caught: list[object]) -> Callable[[Failure], None]:
    def keep(failure: Failure) -> None:
        caught.append(failure.type)

    return keep


def test_a_value_is_kept_for_its_time() -> None:
    """Within the time nothing is read; after it, and for who wants it younger, it is."""
    stand = Stand()
    stand.put("k", "one")
    stand.clock.advance(59)
    assert result(stand.ask()) == ["one"]
    asked = stand.ask(max_age_s=5)
    assert len(stand.source.begun) == 2
    stand.source.begun[-1].callback("two")
    assert result(asked) == ["two"]
    assert result(stand.ask()) == ["two"]
    stand.clock.advance(60)
    assert not result(stand.ask())


def test_all_who_ask_at_once_share_one_reading() -> None:
    """One reading, one value for everybody."""
    stand = Stand()
    asked = [stand.ask() for _ in range(5)]
    assert len(stand.source.begun) == 1
    stand.source.begun[0].callback("v")
    assert [result(each) for each in asked] == [["v"]] * 5


def test_one_who_leaves_leaves_alone() -> None:
    """The reading goes on for the others."""
    stand = Stand()
    first, second = stand.ask(), stand.ask()
    first.addErrback(lambda failure: failure.trap(CancelledError))
    first.cancel()
    assert stand.source.cancelled == 0
    stand.source.begun[0].callback("v")
    assert result(second) == ["v"]


def test_when_all_have_left_the_reading_is_cancelled() -> None:
    """Nobody waits, so nothing runs; who comes then starts anew."""
    stand = Stand()
    for asked in (stand.ask(), stand.ask()):
        asked.addErrback(lambda failure: failure.trap(CancelledError))
        asked.cancel()
    assert stand.source.cancelled == 1
    again = stand.ask()
    assert len(stand.source.begun) == 2
    stand.source.begun[1].callback("v")
    assert result(again) == ["v"]


def test_a_reading_that_ends_slowly_does_not_take_the_place_of_a_new_one() -> None:
    """Aborting may take a while; its end concerns nobody any more."""
    stand = Stand()
    over: Deferred[None] = Deferred(lambda _: None)

    async def slow() -> str:
        try:
            return await stand.source.read()
        except CancelledError:
            await over
            raise

    asked: Deferred[str] = Deferred.fromCoroutine(stand.recent.get("k", slow))
    asked.addErrback(lambda failure: failure.trap(CancelledError))
    asked.cancel()
    again = stand.ask()
    over.callback(None)
    third = stand.ask()
    assert len(stand.source.begun) == 2
    stand.source.begun[1].callback("v")
    assert (result(again), result(third)) == (["v"], ["v"])


def test_failures_reach_everyone_and_are_not_kept() -> None:
    """The next who asks reads again."""
    stand = Stand()
    caught: list[object] = []
    for _ in range(2):
        stand.ask().addErrback(keeping(caught))
    stand.source.begun[0].errback(KeyError("no"))
    assert caught == [KeyError, KeyError]
    stand.put("k", "v")
    assert result(stand.ask()) == ["v"]


def test_a_reading_that_ends_at_once() -> None:
    """The value comes in the same turn."""

    async def now() -> str:
        return "v"

    recent = Stand().recent
    assert result(Deferred.fromCoroutine(recent.get("k", now))) == ["v"]


def test_a_failure_at_once() -> None:
    """So does a failure."""

    async def fails() -> str:
        raise KeyError("no")

    caught: list[object] = []
    asked = Deferred.fromCoroutine(Stand().recent.get("k", fails))
    asked.addErrback(keeping(caught))
    assert caught == [KeyError]


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"a": "1", "b": "1", "c": "1", "d": "1"}, {"b", "c", "d"}),
        ({"a": "12345", "b": "12345", "c": "1"}, {"b", "c"}),
        ({"a": "1", "b": "x" * 11}, {"a"}),
        ({"a": "x" * 10, "b": "1"}, {"b"}),
    ],
)
def test_what_is_kept_is_bounded(values: dict[str, str], kept: set[str]) -> None:
    """In number and in weight; what was used longest ago goes first."""
    stand = Stand()
    for key, value in values.items():
        stand.put(key, value)
    assert len(stand.recent) == len(kept)
    assert {key for key in values if stand.has(key)} == kept


def test_use_keeps_a_value_longer() -> None:
    """Among the young ones the least used makes room."""
    stand = Stand()
    for key in "abc":
        stand.put(key, "1")
    assert result(stand.ask("a")) == ["1"]
    stand.put("d", "1")
    assert [stand.has(key) for key in "abcd"] == [True, False, True, True]


def test_old_values_make_room_first() -> None:
    """What is too old to be used is dropped when something new comes."""
    stand = Stand()
    stand.put("a", "12345678")
    stand.clock.advance(60)
    stand.put("b", "1")
    assert len(stand.recent) == 1


def test_a_failure_of_one_caller_is_not_the_failure_of_others() -> None:
    """Who joined a reading that failed for its first asker's sake reads, once, for all of them."""
    stand = Stand()
    stand.recent = Recent(
        stand.clock,
        len,
        keep_s=60.0,
        max_entries=3,
        max_weight=10,
        personal=lambda error: isinstance(error, PermissionError),
    )
    for failure, tries in ((PermissionError("yours alone"), 2), (ValueError("for all"), 1)):
        stand.source.begun.clear()
        caught: list[object] = []
        first, second, third = (stand.ask() for _ in range(3))
        first.addErrback(keeping(caught))
        stand.source.begun[0].errback(failure)
        assert caught == [type(failure)]
        assert len(stand.source.begun) == tries
        if tries == 2:
            stand.source.begun[1].callback("read")
            assert (result(second), result(third)) == (["read"], ["read"])
            stand.clock.advance(61)
        else:
            for each in (second, third):
                each.addErrback(keeping(caught))
            assert caught == [ValueError] * 3


def test_who_reads_after_another_and_fails_alike_is_told() -> None:
    """Nobody reads for ever: the second failure is one's own."""
    stand = Stand()
    stand.recent._personal = lambda error: True
    caught: list[object] = []
    for asked in (stand.ask(), stand.ask()):
        asked.addErrback(keeping(caught))
    for number in range(2):
        stand.source.begun[number].errback(PermissionError("busy"))
    assert caught == [PermissionError] * 2
    assert len(stand.source.begun) == 2
