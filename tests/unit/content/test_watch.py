"""Changes of what clients have read are told, at a bounded cost."""

from typing import Any

from twisted.internet.defer import Deferred

from snowflake_mcp.content.watch import CatalogWatch
from snowflake_mcp.protocol.changes import Change
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import LOCAL
from tests.support.catalogs import MISSING, SMALL, Answer, request
from tests.unit.content.stand import Stand

ORDERS = "snowflake://DEMO/SALES/ORDERS"
MORE_SCHEMAS: Answer = (("name", "is_current"), [["NEW", "N"], ["SALES", "Y"]])


def started(stand: Stand) -> CatalogWatch:
    watch = stand.content.watch(stand.changes)
    watch.startService()
    return watch


def did(work: Any) -> Any:
    """The result of a coroutine that does not wait."""
    found: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(found.append)
    return found[0]


def read(stand: Stand, uri: str = ORDERS) -> None:
    did(stand.library.read(uri, request()))


def test_a_change_of_what_was_read_is_told() -> None:
    """Once, at the next look; what stayed the same is not told."""
    stand = Stand()
    stand.listen()
    watch = started(stand)
    read(stand)
    read(stand, "snowflake://DEMO")
    stand.clock.advance(60)
    assert stand.heard == []
    stand.statements.answers["SHOW OBJECTS LIKE 'ORDERS' "] = (("name", "rows"), [["ORDERS", 6]])
    stand.clock.advance(60)
    stand.clock.advance(60)
    assert stand.heard == [Change("resource", ORDERS)]
    watch.stopService()


def test_a_change_of_the_list_is_told() -> None:
    """A schema that came is a new resource, and a change of its database."""
    stand = Stand()
    stand.listen()
    started(stand)
    did(stand.library.resources(request()))
    read(stand, "snowflake://DEMO")
    stand.statements.answers['SHOW SCHEMAS IN DATABASE "DEMO"'] = MORE_SCHEMAS
    stand.clock.advance(60)
    assert stand.heard == [Change("resources"), Change("resource", "snowflake://DEMO")]


def test_a_round_reads_nothing_twice() -> None:
    """The list and its databases stand on the same statements."""
    stand = Stand()
    stand.listen()
    started(stand)
    did(stand.library.resources(request()))
    read(stand, "snowflake://databases")
    read(stand, "snowflake://DEMO")
    before = len(stand.sql)
    stand.clock.advance(60)
    assert len(stand.sql) - before == 2


def test_what_goes_and_what_comes_is_told() -> None:
    """A table that is dropped, and one that was waited for before it was there."""
    stand = Stand()
    stand.listen()
    started(stand)
    read(stand)
    assert stand.library.can_watch("snowflake://DEMO/LATER", LOCAL)
    stand.clock.advance(60)
    assert stand.heard == []
    stand.statements.answers = {
        "DESCRIBE": MISSING,
        'SHOW TABLES IN SCHEMA "DEMO"."LATER"': (("name",), []),
        'SHOW VIEWS IN SCHEMA "DEMO"."LATER"': (("name",), []),
        **SMALL,
    }
    stand.clock.advance(60)
    assert stand.heard == [
        Change("resource", ORDERS),
        Change("resource", "snowflake://DEMO/LATER"),
    ]


def test_a_reader_who_finds_a_difference_tells_the_others() -> None:
    """Without waiting for the next look."""
    stand = Stand()
    stand.listen()
    stand.content.seen.tell(stand.changes.publish)
    read(stand, "snowflake://DEMO")
    stand.statements.answers['SHOW SCHEMAS IN DATABASE "DEMO"'] = MORE_SCHEMAS
    read(stand, "snowflake://DEMO")
    assert stand.heard == []
    stand.clock.advance(60)
    read(stand, "snowflake://DEMO")
    assert stand.heard == [Change("resource", "snowflake://DEMO")]


def test_nothing_is_read_when_nobody_listens() -> None:
    """And nothing either when nobody has read anything."""
    stand = Stand()
    started(stand)
    read(stand)
    before = len(stand.sql)
    stand.clock.advance(60)
    assert len(stand.sql) == before
    other = Stand()
    other.listen()
    started(other)
    other.clock.advance(60)
    assert other.sql == []


def test_interest_ends() -> None:
    """Half an hour after it was read last, a resource is looked at no more."""
    stand = Stand()
    stand.listen()
    started(stand)
    read(stand, "snowflake://DEMO")
    for _ in range(40):
        stand.clock.advance(60)
    assert len(stand.sql) == 1 + 30


def test_rounds_are_bounded_and_everything_has_its_turn() -> None:
    """Sixteen a minute of at most sixty-four."""
    stand = Stand({"": (("name",), [])})
    stand.listen()
    started(stand)
    for number in range(70):
        assert stand.library.can_watch(f"snowflake://D{number}", LOCAL)
    assert len(stand.content.seen.due()) == 64
    for _ in range(4):
        before = len(stand.sql)
        stand.clock.advance(60)
        assert len(stand.sql) - before == 16
    assert len(set(stand.sql)) == 64


def test_a_failure_ends_its_round_only() -> None:
    """Snowflake does not answer: nothing is told, and the next round looks again."""
    stand = Stand()
    stand.listen()
    started(stand)
    read(stand)
    good = stand.statements.answers
    stand.statements.answers = {"": ToolFailure(Family.UNAVAILABLE, "gone")}
    stand.clock.advance(60)
    stand.statements.answers = {**good, "DESCRIBE": MISSING}
    stand.clock.advance(60)
    assert stand.heard == []
    stand.statements.answers = {"DESCRIBE": MISSING, **good}
    stand.clock.advance(60)
    assert stand.heard == [Change("resource", ORDERS)]


def test_a_fault_of_ours_ends_its_round_only(log_failures: list[object]) -> None:
    """It is logged with its traceback, and the next round looks again."""
    stand = Stand()
    stand.listen()
    started(stand)
    read(stand, "snowflake://DEMO")
    good = stand.statements.answers
    stand.statements.answers = {"": ZeroDivisionError()}
    stand.clock.advance(60)
    assert len(log_failures) == 1
    stand.statements.answers = good
    stand.statements.answers['SHOW SCHEMAS IN DATABASE "DEMO"'] = MORE_SCHEMAS
    stand.clock.advance(60)
    assert stand.heard == [Change("resource", "snowflake://DEMO")]


def test_what_is_not_looked_at_is_not_compared() -> None:
    """It made room for another while it was read."""
    stand = Stand()
    stand.listen()
    stand.content.seen.found("snowflake://DEMO", "", "text")
    assert stand.content.seen.due() == []


def test_stopping_aborts_what_runs() -> None:
    """The stop waits for that, and no other round begins."""
    stand = Stand()
    stand.listen()
    watch = started(stand)
    read(stand, "snowflake://DEMO")
    stand.statements.held = True
    stand.clock.advance(60)
    assert len(stand.statements.waiting) == 1
    stopped: list[None] = []
    watch.stopService().addCallback(stopped.append)
    assert (stopped, stand.statements.cancelled) == ([None], 1)
    stand.clock.advance(600)
    assert len(stand.sql) == 2
    assert stand.clock.getDelayedCalls() == []


def test_stopping_before_anything_ran() -> None:
    """A service that was never started stops at once."""
    stand = Stand()
    stopped: list[None] = []
    stand.content.watch(stand.changes).stopService().addCallback(stopped.append)
    assert stopped == [None]


def wrote(stand: Stand) -> None:
    """A statement of ours has changed something."""
    stand.content.directory.changed("finance")
    stand.library._catalog.changed("finance")


def test_our_own_change_is_looked_at_at_once() -> None:
    """Within a second, all that clients have read, and once for several statements."""
    stand = Stand()
    stand.listen()
    watch = started(stand)
    read(stand, "snowflake://DEMO")
    stand.statements.answers['SHOW SCHEMAS IN DATABASE "DEMO"'] = MORE_SCHEMAS
    before = len(stand.sql)
    wrote(stand)
    wrote(stand)
    assert stand.heard == []
    stand.clock.advance(1)
    assert stand.heard == [Change("resource", "snowflake://DEMO")]
    assert len(stand.sql) == before + 1
    watch.stopService()
    wrote(stand)
    assert stand.clock.getDelayedCalls() == []


def test_a_difference_between_two_readings_is_looked_at_first() -> None:
    """Of more resources than a round has, those that it touches come first, and soon."""
    small = {"SHOW SCHEMAS IN ACCOUNT": (("name", "database_name"), [["SALES", "DEMO"]])}
    objects = ("name", "database_name", "schema_name", "kind", "created_on")
    stand = Stand(
        {
            **small,
            "SHOW OBJECTS IN ACCOUNT": (objects, [["ORDERS", "DEMO", "SALES", "TABLE", "1"]]),
            **SMALL,
        }
    )
    stand.listen()
    started(stand)
    for number in range(40):
        assert stand.library.can_watch(f"snowflake://D{number}", LOCAL)
    read(stand)
    did(stand.content.directory.contents(stand.content.askers.watch(""), 1.0))
    stand.statements.answers["SHOW OBJECTS IN ACCOUNT"] = (
        objects,
        [["ORDERS", "DEMO", "SALES", "TABLE", "2"]],
    )
    stand.statements.answers["SHOW OBJECTS LIKE 'ORDERS' "] = (("name", "rows"), [["ORDERS", 6]])
    # Old enough to be read anew after a round that has no turn for this table.
    stand.clock.advance(600)
    assert stand.heard == []
    stand.clock.advance(1)
    assert stand.heard == [Change("resource", ORDERS)]


def test_nothing_is_compared_while_nobody_listens() -> None:
    """What clients have read is left alone, whatever we change."""
    stand = Stand()
    started(stand)
    read(stand, "snowflake://DEMO")
    before = len(stand.sql)
    wrote(stand)
    stand.clock.advance(2)
    assert len(stand.sql) == before
