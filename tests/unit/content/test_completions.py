"""Completion of names: from the catalog, in any case, and never an error of Snowflake's."""

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.protocol.errors import INVALID_PARAMS, Family, McpError, ToolFailure
from tests.support.catalogs import SMALL, request
from tests.unit.content.stand import Stand
from tests.unit.warehouse.waiting import async_test

TABLE = {"type": "ref/resource", "uri": "snowflake://{database}/{schema}/{table}"}
SCHEMA = {"type": "ref/resource", "uri": "snowflake://{database}/{schema}"}
QUALITY = {"type": "ref/prompt", "name": "check_data_quality"}
ANSWER = {"type": "ref/prompt", "name": "answer_question"}


async def complete(
    stand: Stand, reference: dict[str, str], argument: str, value: str, **known: str
) -> list[str]:
    context = request(method="completion/complete")
    return list(await stand.completions.complete(reference, argument, value, known, context))


@pytest.mark.parametrize(
    ("reference", "argument", "value", "known", "expected"),
    [
        (TABLE, "database", "", {}, ["DEMO", '"my db"']),
        (TABLE, "database", "de", {}, ["DEMO"]),
        (ANSWER, "database", "MY", {}, ['"my db"']),
        (ANSWER, "database", '"m', {}, ['"my db"']),
        (ANSWER, "database", "x", {}, []),
        (SCHEMA, "schema", "", {"database": "demo"}, ["PUBLIC", "SALES"]),
        (SCHEMA, "schema", "", {"database": '"my db"'}, ["S"]),
        (SCHEMA, "schema", "s", {}, ["SALES"]),
        (SCHEMA, "schema", "s", {"database": ""}, ["SALES"]),
        (SCHEMA, "schema", "", {"database": "nope"}, []),
        (SCHEMA, "schema", "", {"database": '"'}, []),
        (
            QUALITY,
            "table",
            "ord",
            {"database": "DEMO", "schema": "sales"},
            ["ORDERS", '"order lines"', "ORDERS_BY_DAY"],
        ),
        (TABLE, "table", "orders", {}, ["ORDERS", "ORDERS_BY_DAY"]),
        (TABLE, "table", "", {"database": "DEMO", "schema": "NOPE"}, []),
        (TABLE, "table", "x" * 601, {}, []),
        (ANSWER, "question", "How", {}, []),
    ],
)
@async_test
async def test_names_are_completed(
    reference: dict[str, str],
    argument: str,
    value: str,
    known: dict[str, str],
    expected: list[str],
) -> None:
    """In the catalog's order; what is known already narrows, what is not is the default."""
    assert await complete(Stand(), reference, argument, value, **known) == expected


@async_test
async def test_the_configured_default_counts() -> None:
    """For the database and, in it, for the schema."""
    stand = Stand(parameters={"database": "demo", "schema": "sales"})
    assert "ORDERS" in await complete(stand, TABLE, "table", "o")
    assert await complete(stand, TABLE, "table", "o", database='"my db"') == []
    assert await complete(Stand({"SHOW": (("name",), [["A"]])}), TABLE, "table", "") == []
    assert await complete(Stand({"SHOW": (("name",), [["A"]])}), SCHEMA, "schema", "") == []
    unknown = Stand(parameters={"database": "gone"})
    assert await complete(unknown, TABLE, "table", "") == []


@async_test
async def test_typing_costs_little() -> None:
    """D-08: every further letter is answered from what was read."""
    stand = Stand()
    for value in ("o", "or", "ord", "orde"):
        await complete(stand, TABLE, "table", value, database="DEMO", schema="SALES")
    assert len(stand.sql) == 2


@pytest.mark.parametrize(
    ("reference", "argument"),
    [
        ({"type": "ref/prompt", "name": "nope"}, "database"),
        ({"type": "ref/prompt", "name": "snowflake://{database}"}, "database"),
        ({"type": "ref/resource", "uri": "explore_database"}, "database"),
        ({"type": "ref/resource", "uri": "snowflake://databases"}, "database"),
        ({"type": "ref/resource", "uri": "snowflake://{x}"}, "x"),
        ({"type": "ref/resource"}, "database"),
        (SCHEMA, "table"),
        (ANSWER, "schema"),
    ],
)
@async_test
async def test_what_there_is_not(reference: dict[str, str], argument: str) -> None:
    """D-08: -32602 for prompts, templates and arguments that do not exist."""
    with pytest.raises(McpError) as caught:
        await complete(Stand(), reference, argument, "")
    assert caught.value.code == INVALID_PARAMS


@async_test
async def test_failures_are_logged_and_not_told() -> None:
    """D-08: the log has the family and no name."""
    events: list[LogEvent] = []

    @implementer(ILogObserver)
    def keep(event: LogEvent) -> None:
        events.append(event)

    globalLogPublisher.addObserver(keep)
    try:
        failure = ToolFailure(Family.UNAVAILABLE, "secret place is down")
        assert await complete(Stand({"": failure}), TABLE, "table", "", database="SECRET") == []
    finally:
        globalLogPublisher.removeObserver(keep)
    (event,) = [event for event in events if event.get("argument") == "table"]
    assert event["family"] == "unavailable"
    assert "secret" not in str(event).lower()


def test_who_stops_typing_stops_the_statement() -> None:
    """A cancelled completion is cancelled, not empty."""
    stand = Stand(dict(SMALL))
    stand.statements.held = True
    typing = Deferred.fromCoroutine(complete(stand, TABLE, "database", ""))
    caught: list[Any] = []
    typing.addErrback(caught.append)
    typing.cancel()
    assert caught[0].check(CancelledError)
    assert stand.statements.cancelled == 1


@async_test
async def test_denied_names_are_not_completed() -> None:
    """Nothing begins with the name of what may not be used, and nothing is asked within it."""
    stand = Stand(SMALL, policy=PolicySettings(deny_objects=('"my db"', "*.*.ORDERS_*")))
    assert await complete(stand, TABLE, "database", "") == ["DEMO"]
    known = {"database": "demo", "schema": "sales"}
    assert await complete(stand, TABLE, "table", "o", **known) == ["ORDERS", '"order lines"']
    before = list(stand.sql)
    assert await complete(stand, SCHEMA, "schema", "", database='"my db"') == []
    assert stand.sql == before


@async_test
async def test_kept_names_are_completed_without_a_statement() -> None:
    """Where all names of the role are known and young; otherwise lists are asked."""
    shown = ("name", "database_name", "schema_name", "kind")
    stand = Stand(
        {
            "SHOW SCHEMAS IN ACCOUNT": (shown[:2], [["SALES", "DEMO"]]),
            "SHOW OBJECTS IN ACCOUNT": (
                shown,
                [["ORDERS", "DEMO", "SALES", "TABLE"], ["order lines", "DEMO", "SALES", "VIEW"]],
            ),
            **SMALL,
        }
    )
    asker = stand.content.askers.watch("")
    await stand.content.directory.contents(asker, 1.0)
    before = len(stand.sql)

    known = {"database": "demo", "schema": "sales"}
    assert await complete(stand, QUALITY, "table", "ord", **known) == ["ORDERS", '"order lines"']
    assert len(stand.sql) == before
    stand.content.directory.changed("finance")
    listed = await complete(stand, QUALITY, "table", "ord", **known)
    assert listed == ["ORDERS", '"order lines"', "ORDERS_BY_DAY"]
    assert len(stand.sql) == before + 2
