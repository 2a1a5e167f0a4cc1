"""search_objects: what is found and in which order, through the real connector."""

from typing import Any

import pytest

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.protocol.errors import Family
from tests.unit.tools.fakes import Reply, asynchronous, columns, context, registry, shown
from tests.unit.tools.lore import Knowing
from tests.unit.warehouse.conftest import Build

Demo = dict[str, object]


def found(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and how they fit, without the database where it is the demo's."""
    return [
        (item["name"].removeprefix("DEMO."), item.get("match", "-")) for item in answer["objects"]
    ]


@asynchronous
async def test_the_best_comes_first(demo: Demo, build: Build) -> None:
    """The name before its beginning, before a word, a part, a column and a comment."""
    knowing = Knowing.over(build(demo))
    answer = await knowing.ask("search_objects", pattern="Orders")
    assert found(answer) == [
        ("SALES.ORDERS", "name"),
        ("SALES.CUSTOMER_VALUE", "column"),
        ("SALES.MONTHLY_REVENUE", "column"),
        ("SALES.ORDER_ITEMS", "comment"),
    ]
    assert (answer["searched"] > 20, answer["not_searched"]) == (True, None)
    assert found(await knowing.ask("search_objects", pattern="items"))[0] == (
        "SALES.ORDER_ITEMS",
        "word",
    )
    assert found(await knowing.ask("search_objects", pattern="tomer"))[0] == (
        "SALES.CUSTOMERS",
        "part",
    )


@asynchronous
async def test_a_slip_of_the_pen_is_forgiven(demo: Demo, build: Build) -> None:
    """Names that are nearly so come where nothing else fits."""
    knowing = Knowing.over(build(demo))
    assert found(await knowing.ask("search_objects", pattern="custmer")) == [
        ("SALES.CUSTOMER_VALUE", "similar"),
        ("SALES.CUSTOMERS", "similar"),
    ]
    nothing = await knowing.ask("search_objects", pattern="zeppelin")
    assert (nothing["objects"], nothing["row_count"]) == ([], 0)
    assert "another one" in nothing["next_step"]


@asynchronous
async def test_every_word_has_to_fit(demo: Demo, build: Build) -> None:
    """In a name, a column, the place or the comment."""
    knowing = Knowing.over(build(demo))
    answer = await knowing.ask("search_objects", pattern="revenue month")
    assert found(answer)[0] == ("SALES.MONTHLY_REVENUE", "word")
    assert found(await knowing.ask("search_objects", pattern="revenue zeppelin")) == []
    joined = await knowing.ask("search_objects", pattern="order items")
    assert found(joined)[0] == ("SALES.ORDER_ITEMS", "name")


@asynchronous
async def test_pages_go_on_without_gap_or_twin(demo: Demo, build: Build) -> None:
    """Page by page it is the same as at once."""
    knowing = Knowing.over(build(demo))
    whole = await knowing.ask("search_objects", pattern="customer", limit=200)
    assert (whole["truncated"], whole["row_count"] > 4) == (False, True)
    pages: list[Any] = []
    more: dict[str, Any] = {}
    while True:
        page = await knowing.ask("search_objects", pattern="customer", limit=2, **more)
        pages += page["objects"]
        if not page["truncated"]:
            break
        more = {"after": page["objects"][-1]["name"]}
        assert f"after={more['after']}" in page["next_step"]
    assert pages == whole["objects"]
    lost = await knowing.told("search_objects", pattern="customer", after="DEMO.SALES.NOWHERE")
    assert lost.startswith("after: this name is not among what fits any more.")


@asynchronous
async def test_detail_is_what_was_asked_for(demo: Demo, build: Build) -> None:
    """Names alone, a summary, or all columns."""
    knowing = Knowing.over(build(demo))

    async def first(detail: str) -> dict[str, Any]:
        answer = await knowing.ask("search_objects", pattern="orders", detail_level=detail)
        item: dict[str, Any] = answer["objects"][0]
        return item

    assert await first("names") == {"name": "DEMO.SALES.ORDERS", "kind": "table"}
    assert await first("summary") == {
        "name": "DEMO.SALES.ORDERS",
        "kind": "table",
        "match": "name",
        "rows": 60_000,
        "comment": "One row for each order",
    }
    assert (await first("columns"))["columns"][0] == "ORDER_ID NUMBER(38,0)"


@asynchronous
async def test_kind_and_place_narrow_it(demo: Demo, build: Build) -> None:
    """Tables, views, schemas, databases, columns, and the kinds that SHOW lists."""
    knowing = Knowing.over(build(demo))

    async def only(**arguments: Any) -> list[tuple[str, str]]:
        return found(await knowing.ask("search_objects", **arguments))

    views = await only(pattern="customer", kind="views")
    assert views[0] == ("SALES.CUSTOMER_VALUE", "prefix")
    assert "SALES.CUSTOMERS" not in [name for name, _ in views]
    assert await only(pattern="sales", kind="schema") == [("SALES", "name")]
    assert await only(pattern="marketing", kind="database") == [("MARKETING", "name")]
    assert await only(pattern="email", kind="column") == [("SALES.CUSTOMERS", "column")]
    assert await only(pattern="demo", kind="warehouse") == [("DEMO_WH", "prefix")]
    inside = await only(pattern="customer", database="marketing")
    assert inside == [("MARKETING.CAMPAIGNS.LEADS", "column")]
    assert await only(pattern="orders", database="demo", schema="product") == []
    unknown = await knowing.told("search_objects", pattern="x", kind="planet")
    assert unknown.startswith("kind: there is no such kind")
    homeless = await knowing.told("search_objects", pattern="x", schema="sales")
    assert homeless.startswith("schema: its database is missing.")


@asynchronous
async def test_rules_hide_what_they_deny(demo: Demo, build: Build) -> None:
    """From names, columns and pages alike, although the list itself is shared."""
    warehouse = build(demo)
    open_, closed = (
        Knowing.over(warehouse),
        Knowing.over(warehouse, PolicySettings(deny_objects=("DEMO.SALES.ORDER*", "MARKETING"))),
    )
    assert ("SALES.ORDERS", "name") in found(await open_.ask("search_objects", pattern="orders"))
    seen = await closed.ask("search_objects", pattern="order", limit=200)
    names = [name for name, _ in found(seen)]
    assert names
    assert [name for name in names if name.startswith(("SALES.ORDER", "MARKETING"))] == []
    refused = await closed.call("search_objects", pattern="x", database="marketing")
    assert refused.failure is not None
    assert refused.failure.family is Family.REFUSED


@asynchronous
async def test_the_second_search_asks_nothing(demo: Demo, build: Build) -> None:
    """The list is read once for all callers of a role, and its age is told."""
    knowing = Knowing.over(build(demo))
    await knowing.ask("search_objects", pattern="orders")
    sent = knowing.noting()
    again = await knowing.call("search_objects", pattern="orders")
    assert sent == []
    assert shown(again).startswith("4 objects, best first, of ")
    await knowing.ask("search_objects", pattern="regions")
    assert sent == ["SHOW COLUMNS LIKE '%regions%' IN ACCOUNT"]


@asynchronous
async def test_what_we_made_is_found_at_once(demo: Demo, build: Build) -> None:
    """A table that this server creates or drops, although the list is young."""
    knowing = Knowing.over(build(demo), PolicySettings(tier="ddl", confirm_writes=False))
    assert found(await knowing.ask("search_objects", pattern="brandnew")) == []
    await knowing.ask("execute_statement", query="CREATE TABLE demo.sales.brandnew (a INT)")
    try:
        made = await knowing.ask("search_objects", pattern="brandnew")
        assert found(made) == [("SALES.BRANDNEW", "name")]
    finally:
        await knowing.ask("execute_statement", query="DROP TABLE demo.sales.brandnew")
    assert found(await knowing.ask("search_objects", pattern="brandnew")) == []


@pytest.mark.parametrize("pattern", ["", " ", "x" * 256, "a\x00b"])
@asynchronous
async def test_a_pattern_that_is_none(pattern: str, demo: Demo, build: Build) -> None:
    """It says what to give, and nothing is sent."""
    text = await Knowing.over(build(demo)).told("search_objects", pattern=pattern)
    assert text.startswith("pattern: expected 1 to 255 characters.")


@asynchronous
async def test_without_a_list_nothing_is_searched() -> None:
    """A server that keeps none says so."""
    tools, _ = registry({"": Reply(columns("A"))})
    result = await tools.call("search_objects", {"pattern": "x"}, context())
    assert result.failure is not None
    assert result.failure.family is Family.UNAVAILABLE
