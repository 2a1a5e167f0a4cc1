"""What this process remembers of its statements: bounded, for their owners."""

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.handles import Asking, Handles
from snowflake_mcp.warehouse.ledger import KEPT_S, Ledger, Record

OWNER = ("server", "ann")


class _Live:
    """A statement that runs."""

    look = end_with = None


def record(query_id: str, *, live: bool = False) -> Record:
    """A statement of ann."""
    return Record(query_id, OWNER, 10, 0.0, _Live() if live else None)  # type: ignore[arg-type]


def test_the_oldest_that_has_ended_makes_room() -> None:
    """What runs stays, however old; of the rest the newest."""
    ledger = Ledger(Clock(), max_records=3)
    ledger.add(record("runs", live=True))
    for number in range(10):
        ledger.add(record(f"q{number}"))
    assert len(ledger) == 3
    assert ledger.find("runs", OWNER) is not None
    assert ledger.find("q9", OWNER) is not None
    assert ledger.find("q0", OWNER) is None


def test_nothing_is_kept_longer_than_its_result() -> None:
    """After a day Snowflake has no result either."""
    clock = Clock()
    ledger = Ledger(clock)
    ledger.add(record("old"))
    clock.advance(KEPT_S + 1)
    ledger.add(record("new"))
    assert (ledger.find("old", OWNER), len(ledger)) == (None, 1)


def test_only_running_ones_may_exceed_the_bound() -> None:
    """With nothing to forget, nothing is forgotten, and adding comes to an end."""
    ledger = Ledger(Clock(), max_records=2)
    for number in range(5):
        ledger.add(record(f"q{number}", live=True))
    assert len(ledger) == 5


def test_anothers_is_not_found() -> None:
    """Server and principal both count."""
    ledger = Ledger(Clock())
    ledger.add(record("q"))
    assert ledger.find("q", OWNER) is not None
    assert ledger.find("q", ("server", "bob")) is None
    assert ledger.find("q", ("other", "ann")) is None


def test_waiting_for_an_end_can_be_given_up() -> None:
    """Who leaves is not told; the others are, once."""
    one = record("q", live=True)
    left, waits = one.over(), one.over()
    gone: list[object] = []
    left.addErrback(lambda failure: gone.append(failure.check(CancelledError)))
    left.cancel()
    one.end("success", None, 3.0)
    assert gone == [CancelledError]
    assert (waits.called, one.over().called) == (True, True)
    assert one.standing(9.0).elapsed_s == 3.0


def test_an_owners_statements_come_newest_first() -> None:
    """Since a moment, so many, none of another owner, and none whose beginning is not known."""
    ledger = Ledger(Clock())
    for number, started in enumerate((5.0, 9.0, 7.0, 1.0, None)):
        ledger.add(Record(f"q{number}", OWNER, 10, started, None, "t", "x" * 999))
    ledger.add(Record("theirs", ("server", "eve"), 10, 8.0, None))
    found = ledger.of(OWNER, 5.0, 10)
    assert [each.query_id for each in found] == ["q1", "q2", "q0"]
    assert [each.query_id for each in ledger.of(OWNER, 0.0, 1)] == ["q1"]
    assert len(found[0].sql) == 500


def test_a_statement_began_at_a_time_of_day() -> None:
    """Whatever the clock of the reactor counts from: a server's counts from its machine's start."""
    clock = Clock()
    nothing: Any = None
    ledger = Ledger(clock)
    ledger.add(Record("q", OWNER, 10, 2.0, None))
    ledger.add(Record("unknown", OWNER, 10, None, None))
    clock.advance(5.0)
    handles = Handles(
        clock, ledger, nothing, nothing, lambda: None, nothing, nothing, lambda: 1_795_000_000.0
    )
    asking = Asking(Principal("ann"), {"server": OWNER[0], "principal": OWNER[1]})
    assert [each.started for each in handles.recent(asking, 0.0, 9)] == [1_794_999_997.0]
