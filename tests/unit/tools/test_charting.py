"""chart_query: a picture of a result, through the real connector and the real drawing child."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from snowflake_mcp.charts.painter import Unpaintable
from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    LimitSettings,
    PolicySettings,
)
from snowflake_mcp.protocol.apps import APPS, MIME_TYPE
from snowflake_mcp.protocol.context import Facts as RequestFacts
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.chart_columns import UnfitColumnsError, chosen
from snowflake_mcp.tools.chart_types import ChartQuery
from snowflake_mcp.tools.registry import Registry, build_registry
from snowflake_mcp.warehouse.results import Column
from snowflake_mcp.warehouse.standing import Standing
from tests.unit.tools.fakes import (
    FakeGate,
    FakePainter,
    FakeWarehouse,
    Reply,
    asynchronous,
    body,
    conforming,
    context,
    shown,
)
from tests.unit.tools.test_demo import REACTOR, Endpoint, demo, endpoint, painting

__all__ = ["endpoint"]

BY_MONTH = (
    "SELECT DATE_TRUNC('month', ordered_at)::DATE AS month, channel, SUM(total_amount) AS revenue "
    "FROM demo.sales.orders GROUP BY 1, 2"
)
NUMBER, TEXT, DAY = "NUMBER(12,2)", "VARCHAR(10)", "DATE"


def drawing(
    reply: Reply, painter: FakePainter | None = None, **settings: Any
) -> tuple[Registry, FakeWarehouse, FakePainter]:
    """Tools over a statement with this result."""
    warehouse = FakeWarehouse({"/*judged*/ ": reply, "01b0-": reply})
    warehouse.handles.stands = Standing("01b0-1", "success", 1.0)
    made = painter or FakePainter()
    config = Config(ConnectionSettings("finance", Backend.SNOWFLAKE), **settings)
    return build_registry(warehouse, FakeGate(), config, painter=made), warehouse, made


def result_of(*described: tuple[str, str], rows: Any = ()) -> Reply:
    return Reply([Column(name, kind, True) for name, kind in described], rows)


SALES = result_of(
    ("MONTH", DAY), ("CHANNEL", TEXT), ("REVENUE", NUMBER), rows=[["2026-01-01", "web", "12.50"]]
)


def picture(result: ToolResult) -> bytes:
    (block,) = result.blocks
    assert (block["type"], block["mimeType"]) == ("image", "image/png")
    return base64.b64decode(block["data"])


def now() -> RequestContext:
    """A request with a minute."""
    return context(clock=REACTOR, deadline=REACTOR.seconds() + 60.0)


@asynchronous
async def test_a_chart_of_the_demo_data(endpoint: Endpoint) -> None:
    """A picture, words about it, and a handle with which the rows are read and drawn again."""
    async with painting() as painter, demo(endpoint, painter=painter) as tools:
        asked = {"kind": "line", "query": BY_MONTH, "color": "channel", "title": "Revenue"}
        result = await tools.call("chart_query", asked, now())
        assert result.failure is None, shown(result)
        answer = conforming(tools, "chart_query", result)
        assert picture(result)[:4] == b"\x89PNG"
        assert [column["name"] for column in answer["columns"]] == ["MONTH", "REVENUE", "CHANNEL"]
        assert answer["points"] == answer["row_count"] > 20
        assert (answer["state"], answer["truncated"], answer["rows"]) == ("success", False, [])
        text = shown(result)
        assert text.startswith("Line chart: REVENUE by MONTH, a series for each CHANNEL. ")
        assert "MONTH from 20" in text
        assert "Series: " in text

        handle = {"query_id": answer["query_id"]}
        rows = await tools.call("fetch_results", {**handle, "limit": 5}, now())
        assert body(rows)["row_count"] == 5
        again = await tools.call("chart_query", {**handle, "kind": "bar", "x": "channel"}, now())
        assert conforming(tools, "chart_query", again)["kind"] == "bar"
        assert picture(again) != picture(result)
        assert "their values were added up" in shown(again)


@asynchronous
async def test_a_statement_that_writes_is_refused(endpoint: Endpoint) -> None:
    """The gate judges it as every statement of an agent; nothing is drawn."""
    async with painting() as painter, demo(endpoint, painter=painter) as tools:
        asked = {"kind": "bar", "query": "DROP TABLE demo.sales.orders"}
        result = await tools.call("chart_query", asked, now())
        assert result.failure is not None
        assert result.failure.family is Family.REFUSED
        assert (painter.pid, result.blocks) == (None, ())


@asynchronous
async def test_only_clients_with_the_view_are_given_the_values() -> None:
    """To the others they would be tokens that say what the picture says."""
    tools, _, _ = drawing(SALES)
    plain = await tools.call("chart_query", {"kind": "bar", "query": "SELECT 1"}, context())
    assert conforming(tools, "chart_query", plain)["rows"] == []
    declared = {"extensions": {APPS: {"mimeTypes": [MIME_TYPE]}}}
    facts = RequestFacts("http", LOCAL, "2026-07-28", declared)
    whole = await tools.call(
        "chart_query", {"kind": "bar", "query": "SELECT 1"}, context(facts=facts)
    )
    assert conforming(tools, "chart_query", whole)["rows"] == [["web", "12.50"]]


@asynchronous
async def test_the_child_is_given_the_chosen_columns_and_bounds() -> None:
    """Nothing else of the result leaves the server's process."""
    painter = FakePainter()
    painter.settings = replace(painter.settings, max_points=2)
    reply = result_of(
        ("D", DAY), ("S", TEXT), ("N", NUMBER), rows=[["d", "secret", at] for at in range(5)]
    )
    tools, warehouse, _ = drawing(reply, painter)
    asked = {"kind": "line", "query": "SELECT 1", "x": '"D"', "y": ["n"], "log": "y", "title": "T"}
    result = await tools.call("chart_query", asked, context())
    (question,) = painter.asked
    assert bytes(question.rows) == b'[["d",0],["d",1]]'
    assert (question.x, question.y, question.color) == (0, [1], None)
    assert (question.title, question.log, question.look.width_px) == ("T", "y", 800)
    assert warehouse.jobs[0].max_rows == 2
    answer = conforming(tools, "chart_query", result)
    assert (answer["truncated_by"], answer["row_count"]) == ("rows", 2)
    assert "aggregate" in answer["next_step"]


@asynchronous
async def test_a_principal_who_may_read_few_rows_has_them_drawn() -> None:
    """The limit of rows counts for pictures, too."""
    tools, warehouse, _ = drawing(SALES, limits=LimitSettings(max_rows=7, default_rows=7))
    await tools.call("chart_query", {"kind": "bar", "query": "SELECT 1"}, context())
    assert warehouse.jobs[0].max_rows == 7


@asynchronous
async def test_masked_columns_are_no_lengths() -> None:
    """A masked column names series with what stands for its values, and measures nothing."""
    tools, _, painter = drawing(SALES, policy=PolicySettings(mask_columns=("REVENUE", "CHANNEL")))
    asked = {"kind": "line", "query": "SELECT 1", "y": ["revenue"]}
    refused = await tools.call("chart_query", asked, context())
    assert refused.failure is not None
    assert "masked" in refused.failure.message
    counted = await tools.call(
        "chart_query", {"kind": "bar", "query": "SELECT 1", "x": "channel", "y": []}, context()
    )
    assert conforming(tools, "chart_query", counted)["masked"] == ["CHANNEL"]
    assert bytes(painter.asked[-1].rows) == b'[["***"]]'


@asynchronous
async def test_a_column_that_is_not_there_costs_no_second_statement() -> None:
    """The failure names the columns and the handle."""
    tools, _, _ = drawing(SALES)
    asked = {"kind": "bar", "query": "SELECT 1", "x": "region"}
    result = await tools.call("chart_query", asked, context())
    assert result.failure is not None
    assert result.failure.family is Family.INVALID_ARGUMENT
    assert "no column region" in result.failure.message
    assert "MONTH (DATE), CHANNEL (VARCHAR(10)), REVENUE" in result.failure.hint
    assert result.failure.details["query_id"] == "01b0-1"
    mended = {"kind": "bar", "query_id": "01b0-1", "x": "channel"}
    assert (await tools.call("chart_query", mended, context())).failure is None


@pytest.mark.parametrize("given", [{}, {"query": "SELECT 1", "query_id": "01b0-1"}])
@asynchronous
async def test_there_is_one_source(given: dict[str, str]) -> None:
    """A statement or a handle."""
    tools, warehouse, _ = drawing(SALES)
    result = await tools.call("chart_query", {"kind": "bar", **given}, context())
    assert result.failure is not None
    assert result.failure.message.startswith("query, query_id:")
    assert warehouse.jobs == []


@asynchronous
async def test_a_statement_that_goes_on_is_drawn_later() -> None:
    """Its handle is for chart_query again."""
    tools, warehouse, painter = drawing(SALES)
    warehouse.handles.stands = Standing("01b0-1", "running", 3.0)
    asked = {"kind": "bar", "query_id": "01b0-1"}
    result = await tools.call("chart_query", asked, context())
    answer = conforming(tools, "chart_query", result)
    assert (answer["state"], answer["query_id"], answer["points"]) == ("running", "01b0-1", 0)
    assert "chart_query with query_id" in answer["next_step"]
    assert answer["next_step"] in shown(result)
    assert painter.asked == []


@asynchronous
async def test_nothing_to_draw_is_said() -> None:
    """There is no picture then, and that is no failure."""
    tools, _, _ = drawing(SALES, FakePainter(points=0, nulls=4))
    result = await tools.call("chart_query", {"kind": "bar", "query": "SELECT 1"}, context())
    assert result.blocks == ()
    assert "nothing to draw" in shown(result)
    assert "Left out: 4 NULL." in shown(result)


@pytest.mark.parametrize("of_data", [True, False])
@asynchronous
async def test_what_cannot_be_drawn_says_how_to_go_on(of_data: bool) -> None:
    """The statement has run, so its handle is worth having."""
    tools, _, _ = drawing(SALES, FakePainter(Unpaintable("Because.", of_data=of_data)))
    result = await tools.call("chart_query", {"kind": "bar", "query": "SELECT 1"}, context())
    assert result.failure is not None
    family = Family.INVALID_ARGUMENT if of_data else Family.UNAVAILABLE
    assert (result.failure.family, result.failure.retryable) == (family, not of_data)
    assert "fetch_results" in result.failure.hint
    assert "01b0-1" in shown(result)


@asynchronous
async def test_everything_that_is_cut_is_in_the_text() -> None:
    """Series, names, sums and what is left out, with nothing hidden in names."""
    facts: dict[str, Any] = {
        "points": 5,
        "series": (9, 7),
        "names": ["a\u202eb"],
        "categories": (40, 29),
        "added_up": True,
        "unreadable": 1,
        "not_positive": 2,
        "x_range": ("1", "2"),
        "y_range": ("3", "4"),
    }
    tools, _, _ = drawing(SALES, FakePainter(**facts))
    text = shown(await tools.call("chart_query", {"kind": "bar", "query": "SELECT 1"}, context()))
    assert 'Series: a\\u202eb; 2 more are grey, as "other".' in text
    assert "40 names, of which the 29 with the largest sums" in text
    assert "added up" in text
    assert "Left out: 1 not a finite number or date, 2 not above zero." in text
    assert "from 1 to 2; REVENUE from 3 to 4." in text


def test_without_a_painter_the_tool_is_not_there() -> None:
    """Neither listed nor told of."""
    warehouse = FakeWarehouse({})
    config = Config(ConnectionSettings("finance", Backend.SNOWFLAKE))
    tools = build_registry(warehouse, FakeGate(), config)
    assert "chart_query" not in tools.names(LOCAL)
    assert "chart_query" in drawing(SALES)[0].names(LOCAL)


COLUMNS = {"d": DAY, "t": TEXT, "u": TEXT, "n": NUMBER, "m": "FLOAT", "v": "VARIANT"}


@pytest.mark.parametrize(
    ("kind", "names", "asked", "found"),
    [
        ("line", "ntd", {}, "dn"),
        ("line", "nm", {}, "nm"),
        ("line", "dnm", {}, "dnm"),
        ("line", "dtnm", {"color": "t"}, "dnt"),
        ("bar", "ntd", {}, "tn"),
        ("bar", "t", {}, "t"),
        ("bar", "dn", {}, "dn"),
        ("scatter", "tnm", {}, "nm"),
        ("scatter", "tnm", {"x": "m"}, "mn"),
        ("histogram", "tn", {}, "n"),
        ("histogram", "td", {}, "d"),
        ("heatmap", "tun", {}, "tun"),
        ("heatmap", "tdn", {}, "tdn"),
        ("heatmap", "tu", {}, "tu"),
        ("heatmap", "nmt", {"x": "n", "y": ["m"]}, "nm"),
    ],
)
def test_columns_that_nobody_named_are_chosen_by_type(
    kind: Any, names: str, asked: dict[str, Any], found: str
) -> None:
    """What an analyst would most likely have meant."""
    columns = [Column(name, COLUMNS[name], True) for name in names]
    picked = chosen(ChartQuery(kind=kind, **asked), columns)
    assert "".join(columns[at].name for at in picked.all) == found


@pytest.mark.parametrize(
    ("kind", "names", "asked", "said"),
    [
        ("line", "dt", {}, "no other column of numbers"),
        ("line", "dt", {"y": ["t"]}, "not a number"),
        ("line", "dnmt", {"y": ["n", "m"], "color": "t"}, "splits one column"),
        ("scatter", "n", {}, "no other column"),
        ("histogram", "t", {}, "not a number"),
        ("histogram", "nm", {"y": ["m"]}, "takes x alone"),
        ("heatmap", "tun", {"y": ["u", "n"]}, "takes one column"),
        ("heatmap", "tu", {"color": "u", "x": "t", "y": ["t"]}, "not a number"),
        ("heatmap", "t", {}, "too few columns"),
        ("bar", "", {}, "no columns"),
    ],
)
def test_columns_that_do_not_fit_are_told(
    kind: Any, names: str, asked: dict[str, Any], said: str
) -> None:
    """With the argument that is wrong."""
    columns = [Column(name, COLUMNS[name], True) for name in names]
    with pytest.raises(UnfitColumnsError, match=said):
        chosen(ChartQuery(kind=kind, **asked), columns)


def test_a_name_means_one_column() -> None:
    """Exactly as it is first; in any case only where that is not two."""
    columns = [Column(name, NUMBER, True) for name in ("a", "A", "b")]
    assert chosen(ChartQuery(kind="histogram", x="A"), columns).x == 1
    assert chosen(ChartQuery(kind="histogram", x="B"), columns).x == 2
    twice = [Column(name, NUMBER, True) for name in ("Ab", "aB")]
    with pytest.raises(UnfitColumnsError, match="no column"):
        chosen(ChartQuery(kind="histogram", x="ab"), twice)
