"""The ledger: what a principal has used, when that is too much, and what a restart takes away."""

import msgspec
import pytest
from twisted.internet.task import Clock

from snowflake_mcp.policy.ledger import Allowance, Allowances, Ledger

HOUR_S = 3_600.0
DAY_S = 86_400.0


class Wall:
    """The time of day, set by the test."""

    def __init__(self) -> None:
        self.now = 20_000 * DAY_S + 5.0

    def __call__(self) -> float:
        return self.now


def daily(statements: int = 0, seconds: float = 0.0, scan_bytes: int = 0) -> Allowances:
    return Allowances(daily=Allowance(statements, seconds, scan_bytes))


def why(ledger: Ledger, principal: str, allowed: Allowances, scan_bytes: int = 0) -> str:
    """Which allowance is used up, in words; empty when none."""
    spent = ledger.exhausted(principal, allowed, scan_bytes)
    return "" if spent is None else f"{spent.setting}: {spent.text}"


def test_each_allowance_ends_by_itself() -> None:
    """Statements and seconds when they are reached, bytes before they are exceeded.

    What is allowed is the caller's, what is used the principal's.
    """
    ledger, allowed = Ledger(Wall()), daily(statements=2, seconds=10.0, scan_bytes=100)
    assert why(ledger, "a", allowed, 100) == ""
    assert why(ledger, "a", allowed, 101) == "daily_scan_bytes: 101 of 100 bytes to read"
    ledger.use("a", scan_bytes=60)
    assert why(ledger, "a", allowed, 41) == "daily_scan_bytes: 101 of 100 bytes to read"
    ledger.use("a", seconds=9.5)
    assert why(ledger, "a", allowed) == ""
    ledger.use("a", seconds=0.5)
    assert why(ledger, "a", allowed) == "daily_seconds: 10 of 10 seconds of running statements"
    ledger.use("a", statements=2)
    assert why(ledger, "a", allowed) == "daily_statements: 2 of 2 statements"
    assert why(ledger, "b", allowed) == ""
    assert why(ledger, "a", daily(statements=3)) == ""


def test_without_an_allowance_nothing_ends() -> None:
    """Zero is no limit, and use is counted all the same."""
    ledger = Ledger(Wall())
    ledger.use("a", statements=10**9)
    ledger.use("b", seconds=1.26)
    assert ledger.exhausted("a", Allowances(), 10**18) is None
    assert ledger.snapshot() == {
        "principals": 2,
        "statements": 10**9,
        "seconds": 1.3,
        "scan_bytes": 0,
    }


def test_an_hour_and_a_day_end_by_the_clock() -> None:
    """It is said which is used up, when it begins anew, and in how many seconds."""
    wall = Wall()
    ledger = Ledger(wall)
    allowed = Allowances(Allowance(statements=2), Allowance(statements=3))
    ledger.use("a", statements=2)
    spent = ledger.exhausted("a", allowed)
    assert spent is not None
    assert (spent.whose, spent.until, spent.retry_after_s) == ("This hour's", "01:00 UTC", 3_596)
    wall.now += HOUR_S - 6.0
    assert ledger.exhausted("a", allowed) is not None
    wall.now += 1.0
    assert ledger.exhausted("a", allowed) is None
    ledger.use("a", statements=1)
    spent = ledger.exhausted("a", allowed)
    assert spent is not None
    # The day's is said although there is room in the hour: it ends later.
    assert (spent.setting, spent.whose, spent.until) == ("daily_statements", "Today's", "00:00 UTC")
    wall.now += 23 * HOUR_S
    assert ledger.exhausted("a", allowed) is None
    assert ledger.snapshot()["statements"] == 0


def test_a_clock_that_is_set_back_gives_nothing_back() -> None:
    """What was used stays used until an hour comes that was not yet."""
    wall = Wall()
    ledger = Ledger(wall)
    ledger.use("a", statements=1)
    wall.now -= HOUR_S
    allowed = Allowances(hourly=Allowance(statements=1))
    assert why(ledger, "a", allowed) != ""


def test_pages_are_bounded() -> None:
    """However many principals come, memory is bounded; the last ones are remembered."""
    ledger = Ledger(Wall())
    for number in range(10_050):
        ledger.use(str(number), statements=1)
    assert ledger.snapshot()["principals"] == 10_000
    assert ledger.used_today("10049").statements == 1
    assert ledger.used_today("0").statements == 0
    # Whoever is seen again is not the next to be forgotten.
    for number in range(9_999):
        ledger.use("10049", statements=1)
        ledger.use(str(20_000 + number), statements=1)
    assert ledger.used_today("10049").statements == 10_000


def test_a_restart_takes_nothing_away() -> None:
    """Another process goes on where this one was, as far as its hour and day still are."""
    wall = Wall()
    before = Ledger(wall)
    before.use("ann/mail", statements=2, seconds=1.23456, scan_bytes=7)
    after = Ledger(wall)
    version = after.version
    after.restore(before.dump())
    used = after.used_today("ann/mail")
    assert (used.statements, used.seconds, used.scan_bytes) == (2, 1.235, 7)
    assert why(after, "ann/mail", Allowances(hourly=Allowance(statements=2))) != ""
    # Reading is no reason to write.
    assert after.version == version
    wall.now += HOUR_S
    later = Ledger(wall)
    later.restore(before.dump())
    assert why(later, "ann/mail", Allowances(hourly=Allowance(statements=2))) == ""
    assert why(later, "ann/mail", daily(statements=2)) != ""
    wall.now += DAY_S
    tomorrow = Ledger(wall)
    tomorrow.restore(before.dump())
    assert tomorrow.snapshot()["principals"] == 0


GOOD = Ledger(Wall()).dump()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff",
        b"[]",
        GOOD[:-1],
        GOOD.replace(b'"format":1', b'"format":2'),
        msgspec.json.encode({**msgspec.json.decode(GOOD), "more": 1}),
        GOOD.replace(b'"pages":{}', b'"pages":{"a":[-1,0,0]}'),
        GOOD.replace(b'"pages":{}', b'"pages":{"a":[1,0]}'),
        GOOD.replace(b'"pages":{}', b'"pages":{"a":[1,"x",0]}'),
    ],
)
def test_what_is_no_ledger_is_not_taken(data: bytes) -> None:
    """Nothing of it counts, and what counted before stays."""
    ledger = Ledger(Wall())
    ledger.use("a", statements=1)
    with pytest.raises(ValueError, match=r"\w"):
        ledger.restore(data)
    assert ledger.used_today("a").statements == 1


def test_every_use_is_something_to_write() -> None:
    """So that whoever keeps it knows; what runs uses as well."""
    ledger, clock = Ledger(Wall()), Clock()
    before = ledger.version
    ledger.use("a", seconds=0.1)
    before, used = ledger.version, before
    assert before > used
    meter = ledger.meter("a", clock.seconds)
    assert ledger.version == before
    clock.advance(1.0)
    assert ledger.version > before
    meter.stop()
    before = ledger.version
    clock.advance(1.0)
    assert ledger.version == before


def test_what_runs_is_counted_while_it_runs() -> None:
    """Two that run together use an allowance up before either has ended."""
    ledger, clock = Ledger(Wall()), Clock()
    meters = [ledger.meter("a", clock.seconds) for _ in range(2)]
    other = ledger.meter("b", clock.seconds)
    clock.advance(4.0)
    assert why(ledger, "a", daily(seconds=10.0)) == ""
    clock.advance(1.0)
    assert (
        why(ledger, "a", daily(seconds=10.0))
        == "daily_seconds: 10 of 10 seconds of running statements"
    )
    assert ledger.used_today("b").seconds == 5.0
    meters[0].stop()
    clock.advance(2.0)
    assert ledger.used_today("a").seconds == 12.0
    # A statement that was called off tells its end later; only the rest is booked then.
    clock.advance(3.0)
    meters[0].stop()
    meters[1].stop()
    other.stop()
    assert ledger.used_today("a").seconds == 20.0
    assert ledger.snapshot()["seconds"] == 30.0
    assert ledger._running == {}


def test_what_has_ended_is_not_counted_until_its_caller_leaves() -> None:
    """Leaving ends only what nobody has heard the end of, and a late end still books the rest."""
    ledger, clock = Ledger(Wall()), Clock()
    told, left = (ledger.meter("a", clock.seconds) for _ in range(2))
    clock.advance(1.0)
    told.stop()
    left.leave()
    clock.advance(4.0)
    told.leave()
    assert ledger.used_today("a").seconds == 2.0
    left.stop()
    assert ledger.used_today("a").seconds == 6.0
    assert ledger._running == {}


def test_a_new_hour_keeps_the_day() -> None:
    """Of everybody, those who do not come in it as well; and only what was used is written."""
    wall = Wall()
    ledger = Ledger(wall)
    ledger.use("a", statements=1)
    ledger.use("b", statements=2)
    wall.now += HOUR_S
    ledger.use("b", statements=4)
    kept = msgspec.json.decode(ledger.dump())
    assert kept["hourly"]["pages"] == {"b": [4, 0.0, 0]}
    assert kept["daily"]["pages"] == {"a": [1, 0.0, 0], "b": [6, 0.0, 0]}
    wall.now += DAY_S
    ledger.use("c", statements=1)
    assert list(msgspec.json.decode(ledger.dump())["daily"]["pages"]) == ["c"]


def test_a_thousand_that_run_are_booked_in_one_go() -> None:
    """Every call asks what has been used: that must not take longer the more of them run."""
    ledger, clock = Ledger(Wall()), Clock()
    asked: list[float] = []

    def now() -> float:
        asked.append(clock.seconds())
        return asked[-1]

    meters = [ledger.meter("a", now) for _ in range(1_000)]
    clock.advance(2.0)
    asked.clear()
    assert ledger.used_today("a").seconds == 2_000.0
    assert len(asked) == 1
    for meter in meters:
        meter.stop()
    assert ledger.used_today("a").seconds == 2_000.0
    assert ledger._running == {}
