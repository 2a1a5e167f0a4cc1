"""The ledger: what a principal has used today, and when that is too much."""

from snowflake_mcp.policy.ledger import Allowance, Ledger

DAY_S = 86_400.0


class Wall:
    """The time of day, set by the test."""

    def __init__(self) -> None:
        self.now = 20_000 * DAY_S + 5.0

    def __call__(self) -> float:
        return self.now


def test_each_allowance_ends_by_itself() -> None:
    """Statements and seconds when they are reached, bytes before they are exceeded.

    What is allowed is the caller's, what is used the principal's.
    """
    ledger, allowed = Ledger(Wall()), Allowance(statements=2, seconds=10.0, scan_bytes=100)
    page = ledger.page("a")
    assert ledger.exhausted("a", allowed, 100) == ""
    assert "101 of 100 bytes" in ledger.exhausted("a", allowed, 101)
    page.scan_bytes = 60
    assert "101 of 100 bytes" in ledger.exhausted("a", allowed, 41)
    page.seconds = 10.0
    assert "10 of 10 seconds" in ledger.exhausted("a", allowed)
    page.statements = 2
    assert "2 of 2 statements" in ledger.exhausted("a", allowed)
    assert ledger.exhausted("b", allowed) == ""
    assert ledger.exhausted("a", Allowance(statements=3)) == ""


def test_without_an_allowance_nothing_ends() -> None:
    """Zero is no limit, and use is counted all the same."""
    ledger = Ledger(Wall())
    ledger.page("a").statements = 10**9
    ledger.page("b").seconds = 1.26
    assert ledger.exhausted("a", Allowance(), 10**18) == ""
    assert ledger.snapshot() == {
        "principals": 2,
        "statements": 10**9,
        "seconds": 1.3,
        "scan_bytes": 0,
    }


def test_a_day_ends_at_midnight_utc() -> None:
    """Then everybody has a new page."""
    wall = Wall()
    ledger, allowed = Ledger(wall), Allowance(statements=1)
    ledger.page("a").statements += 1
    wall.now += DAY_S - 6.0
    assert ledger.exhausted("a", allowed) != ""
    wall.now += 1.0
    assert ledger.exhausted("a", allowed) == ""
    assert ledger.snapshot()["statements"] == 0


def test_pages_are_bounded() -> None:
    """However many principals come, memory is bounded; the last ones are remembered."""
    ledger = Ledger(Wall())
    for number in range(10_050):
        ledger.page(str(number)).statements = 1
    assert ledger.snapshot()["principals"] == 10_000
    assert ledger.page("10049").statements == 1
    assert ledger.page("0").statements == 0
