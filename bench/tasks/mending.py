"""What goes wrong, takes long or is too much, and how the answer is found all the same."""

import csv
import re
from typing import Any, Final

from bench.tasks.agent import Agent, Reply
from bench.tasks.question import Question, asked

__all__ = ["MENDING"]

MENDING: Final[list[Question]] = []

Rows = list[list[Any]]
_ORDERS: Final = "SELECT COUNT(*) FROM DEMO.SALES.ORDERS"
_ENDED: Final = 20
"""Seconds to wait for the end of a statement, each time."""


def _meant(missed: Reply) -> str:
    """The first name that a failure suggests."""
    found = re.search(r"Did you mean ([\w.]+)", missed.text)
    assert found is not None, missed.text
    return found[1].removesuffix(".")


async def _whole(agent: Agent, query_id: str, page: int) -> Rows:
    """Every row of a finished statement, page by page."""
    rows: Rows = []
    offset: int | None = 0
    while offset is not None:
        reply = await agent.call("fetch_results", query_id=query_id, offset=offset, limit=page)
        assert not reply.failed, reply.text
        rows += reply.rows
        offset = reply.content["next_offset"]
    return rows


@asked(MENDING, "How many orders are there? (of a table that is not there)", _ORDERS)
async def wrong_table(agent: Agent) -> Rows:
    """The failure names the table that was meant."""
    query = _ORDERS.removesuffix("S")
    missed = await agent.meets(["Did you mean DEMO.SALES."], "execute_query", query=query)
    return await agent.ask(f"SELECT COUNT(*) FROM {_meant(missed)}")


@asked(MENDING, "How many orders are there? (in quoted small letters)", _ORDERS)
async def wrong_case(agent: Agent) -> Rows:
    """The failure says how quotes and case go together, and what to write."""
    query = 'SELECT COUNT(*) FROM DEMO.SALES."orders"'
    missed = await agent.meets(["keeps its case"], "execute_query", query=query)
    return await agent.ask(f"SELECT COUNT(*) FROM {_meant(missed)}")


@asked(
    MENDING,
    "What is the average order worth? (of a column that is not there)",
    "SELECT ROUND(AVG(TOTAL_AMOUNT), 2) FROM DEMO.SALES.ORDERS",
)
async def wrong_column(agent: Agent) -> Rows:
    """The failure names the column that was meant."""
    query = "SELECT ROUND(AVG({}), 2) AS AVERAGE FROM DEMO.SALES.ORDERS"
    missed = await agent.meets(
        ["invalid identifier"], "execute_query", query=query.format("AMOUNT")
    )
    return await agent.ask(query.format(_meant(missed)))


@asked(
    MENDING,
    "How many tickets are there? (in a schema that is not there)",
    _ORDERS.replace("SALES.ORDERS", "SUPPORT.TICKETS"),
)
async def wrong_schema(agent: Agent) -> Rows:
    """The failure names the way to the schemas that there are; a search is shorter."""
    await agent.meets(["list_schemas"], "list_tables", database="demo", schema="service")
    found = await agent.call("search_objects", pattern="tickets", kind="table", database="demo")
    return [[found.items("objects", "rows")[0]]]


@asked(
    MENDING,
    "Delete the cancelled orders. (refused: how many would it be?)",
    "SELECT COUNT(*) FROM DEMO.SALES.ORDERS WHERE STATUS = 'CANCELLED'",
)
async def refused_write(agent: Agent) -> Rows:
    """The refusal names the rule and whom to ask; the agent says what would be deleted."""
    where = "FROM DEMO.SALES.ORDERS WHERE STATUS = 'CANCELLED'"
    await agent.meets(["not-a-read", "policy.tier"], "execute_query", query=f"DELETE {where}")
    return await agent.ask(f"SELECT COUNT(*) {where}")


@asked(
    MENDING,
    "Show the definition of the recurring revenue. (refused in SQL: there is a tool)",
    "SELECT GET_DDL('VIEW', 'DEMO.PRODUCT.RECURRING_REVENUE')",
)
async def refused_function(agent: Agent) -> str:
    """The refusal names the tool that does it."""
    query = "SELECT GET_DDL('VIEW', 'DEMO.PRODUCT.RECURRING_REVENUE')"
    await agent.meets(["describe_view"], "execute_query", query=query)
    view = {"database": "demo", "schema": "product", "view_name": "recurring_revenue"}
    return str((await agent.call("describe_view", **view)).content["ddl"])


@asked(
    MENDING,
    "How many customers and how many leads are there? (sent as two statements)",
    "SELECT (SELECT COUNT(*) FROM DEMO.SALES.CUSTOMERS), "
    "(SELECT COUNT(*) FROM MARKETING.CAMPAIGNS.LEADS)",
)
async def two_statements(agent: Agent) -> Rows:
    """One statement a call."""
    queries = [
        f"SELECT COUNT(*) FROM {table}"
        for table in ("DEMO.SALES.CUSTOMERS", "MARKETING.CAMPAIGNS.LEADS")
    ]
    await agent.meets(["one statement per call"], "execute_query", query="; ".join(queries))
    return [[(await agent.ask(query))[0][0] for query in queries]]


@asked(
    MENDING,
    "Would my statement be allowed? If not, what says the same?",
    "SELECT COUNT(*) FROM DEMO.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'SALES'",
)
async def checked(agent: Agent) -> Rows:
    """Asked without running anything."""
    refused = await agent.call("check_sql", query="CALL count_tables('SALES')")
    assert not refused.content["allowed"]
    query = "SELECT COUNT(*) FROM DEMO.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'SALES'"
    assert (await agent.call("check_sql", query=query)).content["allowed"]
    return await agent.ask(query)


@asked(
    MENDING,
    "How many orders came from enterprise customers? (first written without a join condition)",
    "SELECT COUNT(*) FROM DEMO.SALES.ORDERS WHERE CUSTOMER_ID IN "
    "(SELECT CUSTOMER_ID FROM DEMO.SALES.CUSTOMERS WHERE SEGMENT = 'enterprise')",
)
async def cartesian(agent: Agent) -> Rows:
    """The plan shows the fault before anything runs, and shows when it has gone."""
    query = (
        "SELECT COUNT(*) FROM DEMO.SALES.ORDERS o JOIN DEMO.SALES.CUSTOMERS c {} "
        "WHERE c.SEGMENT = 'enterprise'"
    )
    explained = await agent.call("explain_query", query=query.format(""))
    assert any("cartesian" in each.lower() for each in explained.content["advice"])
    better = query.format("ON c.CUSTOMER_ID = o.CUSTOMER_ID")
    explained = await agent.call("explain_query", query=better)
    assert not any("cartesian" in each.lower() for each in explained.content["advice"])
    return await agent.ask(better)


@asked(
    MENDING,
    "How long do the measured events take, added up? (first asked for the events themselves)",
    "SELECT SUM(DURATION_MS) FROM DEMO.PRODUCT.EVENTS",
)
async def too_many_rows(agent: Agent) -> Rows:
    """The answer says that it was cut and that Snowflake can add up."""
    reply = await agent.call("execute_query", query="SELECT DURATION_MS FROM DEMO.PRODUCT.EVENTS")
    assert reply.content["truncated"]
    assert "aggregate" in reply.content["next_step"]
    return await agent.ask("SELECT SUM(DURATION_MS) AS TOTAL FROM DEMO.PRODUCT.EVENTS")


@asked(
    MENDING,
    "Give me the ids of all running subscriptions, every one.",
    "SELECT SUBSCRIPTION_ID FROM DEMO.PRODUCT.SUBSCRIPTIONS WHERE ENDED_ON IS NULL ORDER BY 1",
)
async def every_row(agent: Agent) -> Rows:
    """Submitted once, read in pages: the result stays in Snowflake."""
    submitted = await agent.call(
        "submit_query",
        query="SELECT SUBSCRIPTION_ID FROM DEMO.PRODUCT.SUBSCRIPTIONS WHERE ENDED_ON IS NULL "
        "ORDER BY SUBSCRIPTION_ID",
    )
    query_id = submitted.content["query_id"]
    state = await agent.call("get_query_status", query_id=query_id, wait_s=_ENDED)
    assert state.content["state"] == "success"
    return await _whole(agent, query_id, 1_000)


@asked(
    MENDING,
    "Make a file of this year's exchange rates for the accountants.",
    "SELECT RATE_DATE, CURRENCY, EUR_RATE FROM DEMO.FINANCE.EXCHANGE_RATES "
    "WHERE YEAR(RATE_DATE) = YEAR(CURRENT_DATE()) ORDER BY RATE_DATE, CURRENCY",
)
async def exported(agent: Agent) -> Rows:
    """The rows go into the file and not through the model."""
    submitted = await agent.call(
        "submit_query",
        query="SELECT RATE_DATE, CURRENCY, EUR_RATE FROM DEMO.FINANCE.EXCHANGE_RATES "
        "WHERE RATE_DATE >= DATE_TRUNC('YEAR', CURRENT_DATE()) ORDER BY RATE_DATE, CURRENCY",
    )
    query_id = submitted.content["query_id"]
    file = await agent.call("export_results", query_id=query_id, format="csv")
    assert not file.failed, file.text
    text = (await agent.download(file.content["link"])).decode()
    header, *rows = csv.reader(text.splitlines())
    assert header == ["RATE_DATE", "CURRENCY", "EUR_RATE"]
    return [list(row) for row in rows]


@asked(
    MENDING, "How many orders are there? (in a statement that takes longer than a call)", _ORDERS
)
async def slow(agent: Agent) -> Rows:
    """The call is answered with the handle before a client would give up."""
    reply = await agent.call(
        "execute_query", query="SELECT COUNT(*), SYSTEM$WAIT(7) FROM DEMO.SALES.ORDERS"
    )
    assert reply.content["state"] != "success"
    query_id = reply.content["query_id"]
    while (reply.content["state"]) != "success":
        reply = await agent.call("get_query_status", query_id=query_id, wait_s=_ENDED)
        assert not reply.failed, reply.text
    return [row[:1] for row in await _whole(agent, query_id, 10)]


@asked(
    MENDING,
    "Stop the statement that I should not have started.",
    "SELECT 'cancelled'",
)
async def stopped(agent: Agent) -> str:
    """It ends in Snowflake, and the answer says so."""
    submitted = await agent.call("submit_query", query="SELECT SYSTEM$WAIT(60)")
    cancelled = await agent.call("cancel_query", query_id=submitted.content["query_id"])
    return str(cancelled.content["state"])


@asked(
    MENDING,
    "Which statement of mine failed last?",
    "SELECT 'SELECT NO_SUCH_COLUMN FROM DEMO.SALES.REGIONS'",
)
async def remembered(agent: Agent) -> str:
    """The server remembers what the caller ran."""
    query = "SELECT NO_SUCH_COLUMN FROM DEMO.SALES.REGIONS"
    await agent.meets(["NO_SUCH_COLUMN"], "execute_query", query=query)
    mine = await agent.call("my_queries", limit=20)
    return str(next(each["sql"] for each in mine.content["queries"] if each["state"] == "failed"))
