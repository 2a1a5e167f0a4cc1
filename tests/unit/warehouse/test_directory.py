"""The directory: how an account is read, what is kept, and what is said to be missing."""

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from snowflake_mcp.config.catalog import CatalogSettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.accounts import Seat
from snowflake_mcp.warehouse.catalog import Asker
from snowflake_mcp.warehouse.directory import Contents, Directory
from snowflake_mcp.warehouse.ranking import Question, terms_of
from tests.support.catalogs import Answer, CatalogStatements
from tests.unit.warehouse.waiting import async_test

ANN = Asker(Principal("ann"))
MANY = 10_000
SHOWN = ("name", "database_name", "schema_name", "kind", "comment", "rows")


def rows(database: str, schema: str, *names: str) -> list[list[Any]]:
    return [[name, database, schema, "TABLE", "", 1] for name in names]


def full(database: str, schema: str, start: int) -> list[list[Any]]:
    """As many as SHOW gives at most."""
    return rows(database, schema, *(f"T{number:06}" for number in range(start, start + MANY)))


def account(**changes: Answer) -> dict[str, Answer]:
    """Two databases, one schema each; ``changes`` by the beginning of their statements."""
    own = {name.replace("_", " "): answer for name, answer in changes.items()}
    return {
        **own,
        "SHOW DATABASES": (("name", "comment"), [["A", ""], ["B", "the second"]]),
        "SHOW SCHEMAS IN ACCOUNT": (("name", "database_name"), [["S", "A"], ["S", "B"]]),
        "SHOW OBJECTS IN ACCOUNT": (SHOWN, rows("A", "S", "ORDERS") + rows("B", "S", "ITEMS")),
        'SHOW SCHEMAS IN DATABASE "A"': (("name", "database_name"), [["S", "A"], ["U", "A"]]),
        **own,
    }


class Stand:
    """A directory over statements in memory, and a clock that the test turns."""

    def __init__(self, answers: dict[str, Answer] | None = None, **settings: Any) -> None:
        self.clock = Clock()
        self.statements = CatalogStatements(answers or account())
        self.directory = Directory(self.statements, self.clock, CatalogSettings(**settings))

    async def contents(self, asker: Asker = ANN, **options: Any) -> Contents:
        """What there is, waiting a second at most."""
        return await self.directory.contents(asker, 1.0, **options)

    async def find(self, pattern: str) -> list[tuple[str, ...]]:
        """The paths of what fits."""
        question = Question(terms_of(pattern), most=50)
        found = await self.directory.search(await self.contents(), question)
        return [hit.path for hit in found.hits]


@async_test
async def test_a_small_account_is_three_statements() -> None:
    """Read once for all who have the connection and the role."""
    stand = Stand()
    first = await stand.contents()
    assert (first.objects, first.gaps) == (6, ())
    assert await stand.contents(replace(ANN, principal=Principal("bob"))) is first
    assert stand.statements.sql == [
        "SHOW DATABASES LIMIT 10000",
        "SHOW SCHEMAS IN ACCOUNT LIMIT 10000",
        "SHOW OBJECTS IN ACCOUNT LIMIT 10000",
    ]
    assert {job.principal for job in stand.statements.jobs} == {Principal("catalog reading")}
    assert await stand.find("items") == [("B", "S", "ITEMS")]
    assert await stand.find("s") == [
        ("A", "S"),
        ("B", "S"),
        ("B", "S", "ITEMS"),
        ("A", "S", "ORDERS"),
        ("B",),
    ]


@async_test
async def test_another_role_sees_its_own() -> None:
    """What is kept is never given to who has another role."""
    stand = Stand()
    await stand.contents()
    own = stand.statements.seat(Principal("eve"))
    stand.statements.seats["eve"] = Seat(own.connection, "R", None, own.settings)
    eve = replace(ANN, principal=Principal("eve"))
    assert stand.directory.known(eve) is None
    await stand.contents(eve)
    assert len(stand.statements.sql) == 6


@async_test
async def test_a_large_account_is_read_place_by_place() -> None:
    """SHOW gives 10,000 rows: then databases, schemas, and pages of a schema are read."""
    answers = account(SHOW_OBJECTS_IN_ACCOUNT=(SHOWN, full("A", "S", 0)))
    answers = {
        'SHOW OBJECTS IN DATABASE "A"': (SHOWN, full("A", "S", 0)),
        'SHOW OBJECTS IN DATABASE "B"': (SHOWN, rows("B", "S", "ITEMS")),
        'SHOW OBJECTS IN SCHEMA "A"."S" LIMIT 10000 FROM \'T009999\'': (
            SHOWN,
            rows("A", "S", "ZULU"),
        ),
        'SHOW OBJECTS IN SCHEMA "A"."S"': (SHOWN, full("A", "S", 0)),
        'SHOW OBJECTS IN SCHEMA "A"."U"': (SHOWN, rows("A", "U", "OTHER")),
        **answers,
    }
    stand = Stand(answers)
    contents = await stand.contents(first="B")
    assert (contents.objects, contents.gaps) == (4 + MANY + 3, ())
    assert await stand.find("zulu") == [("A", "S", "ZULU")]
    places = [sql.partition(" IN ")[2] for sql in stand.statements.sql[3:]]
    assert places[0] == 'DATABASE "B" LIMIT 10000'
    assert places[-1] == 'SCHEMA "A"."U" LIMIT 10000'


@async_test
async def test_what_does_not_fit_is_said() -> None:
    """Memory is bounded, and nobody believes that all was searched."""
    big = (SHOWN, full("A", "S", 0))
    stand = Stand(
        {
            'SHOW OBJECTS IN DATABASE "A"': big,
            "SHOW OBJECTS IN SCHEMA": big,
            **account(SHOW_OBJECTS_IN_ACCOUNT=big),
        },
        max_objects=1_000,
    )
    contents = await stand.contents()
    assert contents.objects == 1_000
    assert contents.gaps == ("not or not wholly read: databases A, B",)


@async_test
async def test_a_database_that_is_closed_is_no_reason_to_fail() -> None:
    """It is named, and the others are there."""
    big = (SHOWN, full("A", "S", 0))
    stand = Stand(
        {
            'SHOW OBJECTS IN DATABASE "A"': ToolFailure(Family.FORBIDDEN, "no"),
            'SHOW OBJECTS IN DATABASE "B"': (SHOWN, rows("B", "S", "ITEMS")),
            **account(SHOW_OBJECTS_IN_ACCOUNT=big),
        }
    )
    contents = await stand.contents()
    assert contents.gaps == ("not or not wholly read: databases A",)
    assert await stand.find("items") == [("B", "S", "ITEMS")]


@async_test
async def test_nobody_waits_longer_than_they_said() -> None:
    """They get what there is so far; the reading goes on and is kept."""
    stand = Stand()
    stand.statements.held = True
    waiting = Deferred.fromCoroutine(stand.contents())
    stand.clock.advance(1.0)
    early = await waiting
    assert (early.objects, early.gaps) == (0, ("still being read",))
    stand.statements.held = False
    stand.statements.let_go()
    assert (await stand.contents()).objects == 6
    assert len(stand.statements.sql) == 3


@async_test
async def test_who_leaves_does_not_end_the_reading() -> None:
    """It is for all."""
    stand = Stand()
    stand.statements.held = True
    left = Deferred.fromCoroutine(stand.contents())
    stayed = Deferred.fromCoroutine(stand.contents())
    left.addErrback(lambda _: None)
    left.cancel()
    stand.statements.held = False
    stand.statements.let_go()
    assert (await stayed).objects == 6
    assert stand.statements.cancelled == 0
    assert stand.clock.getDelayedCalls() == []


@async_test
async def test_what_is_old_is_read_anew_behind_the_answer() -> None:
    """Old answers come at once, very old ones not at all."""
    stand = Stand(refresh_s=60.0)
    first = await stand.contents()
    stand.clock.advance(61.0)
    stand.statements.held = True
    assert await stand.contents() is first
    assert stand.directory.age_s(first) == 61.0
    stand.statements.held = False
    stand.statements.answers["SHOW OBJECTS IN ACCOUNT"] = (SHOWN, rows("A", "S", "NEWS"))
    stand.statements.let_go()
    assert await stand.find("news") == [("A", "S", "NEWS")]
    stand.clock.advance(361.0)
    assert stand.directory.known(ANN) is None


@async_test
async def test_our_own_change_counts_at_once() -> None:
    """Also when it comes while the list is being read."""
    stand = Stand()
    await stand.contents()
    stand.directory.changed("main")
    stand.statements.held = True
    waiting = Deferred.fromCoroutine(stand.contents())
    stand.directory.changed("main")
    stand.statements.held = False
    stand.statements.let_go()
    await waiting
    assert len(stand.statements.sql) == 6
    await stand.contents()
    assert len(stand.statements.sql) == 9
    stand.directory.changed("another")
    await stand.contents()
    assert len(stand.statements.sql) == 9


@async_test
async def test_a_failure_reaches_who_waits() -> None:
    """And the next one tries again."""
    stand = Stand(account(SHOW_DATABASES=ToolFailure(Family.UNAVAILABLE, "gone")))
    stand.statements.answers["SHOW DATABASES"] = ToolFailure(Family.UNAVAILABLE, "gone")
    with pytest.raises(ToolFailure):
        await stand.contents()
    stand.statements.answers["SHOW DATABASES"] = (("name",), [["A"]])
    assert (await stand.contents()).objects == 5


@async_test
async def test_half_a_reading_is_better_than_none() -> None:
    """What broke it off is said, and the next one has it read again."""
    stand = Stand(account(SHOW_OBJECTS_IN_ACCOUNT=ToolFailure(Family.UNAVAILABLE, "gone")))
    half = await stand.contents()
    assert (half.objects, half.gaps) == (4, ("the reading was broken off (unavailable)",))
    stand.statements.answers["SHOW OBJECTS IN ACCOUNT"] = (SHOWN, rows("A", "S", "ORDERS"))
    whole = await stand.contents()
    assert (whole.objects, whole.gaps) == (5, ())


@async_test
async def test_other_kinds_are_lists_of_their_own() -> None:
    """Kept apart, and the ones asked for longest ago make room."""
    stand = Stand({"SHOW TASKS": (SHOWN, rows("A", "S", "NIGHTLY")), **account()}, max_objects=6)
    tasks = await stand.contents(words="TASKS IN ACCOUNT", kind="task")
    assert [table["kind"].to_pylist() for table in tasks.tables] == [["task"]]
    assert stand.directory.known(ANN, "TASKS IN ACCOUNT") is tasks
    await stand.contents()
    assert stand.directory.known(ANN, "TASKS IN ACCOUNT") is None
