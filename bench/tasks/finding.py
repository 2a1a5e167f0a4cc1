"""Where is it? What does it mean?"""

import re
from typing import Final

from bench.tasks.agent import Agent
from bench.tasks.question import Question, asked

__all__ = ["FINDING"]

FINDING: Final[list[Question]] = []


@asked(
    FINDING,
    "Which databases can I use?",
    "SHOW DATABASES",
    columns=[1],
)
async def databases(agent: Agent) -> list[str]:
    """One list."""
    return (await agent.call("list_databases")).items("databases", "name")


@asked(
    FINDING,
    "In which schema are the invoices?",
    "SELECT TABLE_SCHEMA FROM DEMO.INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'INVOICES'",
)
async def schema_of_invoices(agent: Agent) -> str:
    """One word, and the whole name comes first."""
    found = await agent.call("search_objects", pattern="invoices", kind="table", limit=3)
    _, schema, _ = found.items("objects", "name")[0].split(".")
    return str(schema)


@asked(
    FINDING,
    "How many rows have the tables of the sales schema?",
    "SELECT 'CUSTOMERS', COUNT(*) FROM DEMO.SALES.CUSTOMERS UNION ALL "
    "SELECT 'ORDERS', COUNT(*) FROM DEMO.SALES.ORDERS UNION ALL "
    "SELECT 'ORDER_ITEMS', COUNT(*) FROM DEMO.SALES.ORDER_ITEMS UNION ALL "
    "SELECT 'REGIONS', COUNT(*) FROM DEMO.SALES.REGIONS ORDER BY 1",
)
async def sizes(agent: Agent) -> list[list[object]]:
    """The list says it; nothing is counted."""
    return (await agent.call("list_tables", database="demo", schema="sales")).items(
        "tables", "name", "rows"
    )


@asked(
    FINDING,
    "What is the key of an order line?",
    "SHOW PRIMARY KEYS IN TABLE DEMO.SALES.ORDER_ITEMS",
    columns=[4],
)
async def key_of_lines(agent: Agent) -> list[str]:
    """Found by what it is for, then its columns."""
    found = await agent.call("search_objects", pattern="order item", kind="table", limit=3)
    database, schema, table = found.items("objects", "name")[0].split(".")
    described = await agent.call(
        "describe_table", database=database, schema=schema, table_name=table
    )
    return [name for name, key in described.items("columns", "name", "key") if key == "primary"]


@asked(
    FINDING,
    "Which columns hold the language and channel a customer prefers?",
    "SELECT COLUMN_NAME, COMMENT FROM DEMO.INFORMATION_SCHEMA.COLUMNS "
    "WHERE TABLE_NAME = 'CUSTOMERS' AND COMMENT LIKE '%anguage%'",
)
async def preferences(agent: Agent) -> list[list[str]]:
    """Comments say what names do not."""
    described = await agent.call(
        "describe_table", database="demo", schema="sales", table_name="customers"
    )
    columns = described.items("columns", "name", "comment")
    return [each for each in columns if "anguage" in (each[1] or "")]


@asked(
    FINDING,
    "Which tables is the view of receivables made from?",
    "SELECT TABLE_NAME FROM DEMO.INFORMATION_SCHEMA.TABLES "
    "WHERE TABLE_NAME IN ('INVOICES', 'PAYMENTS') ORDER BY 1",
)
async def lineage(agent: Agent) -> list[str]:
    """Views of a schema, then the definition."""
    views = await agent.call("list_views", database="demo", schema="finance")
    (view,) = views.items("views", "name")
    described = await agent.call("describe_view", database="demo", schema="finance", view_name=view)
    return sorted(set(re.findall(r"(?:FROM|JOIN) DEMO\.FINANCE\.(\w+)", described.content["ddl"])))


@asked(
    FINDING,
    "Which warehouse answers me, and how large is it?",
    "SHOW WAREHOUSES",
    columns=[0, 3],
)
async def warehouse(agent: Agent) -> list[list[str]]:
    """Any kind of object is listed by one tool."""
    found = (await agent.call("list_objects", kind="warehouse")).items("objects", "name", "about")
    return [[name, about["size"]] for name, about in found]


@asked(
    FINDING,
    "Which tables of the demo database can be joined by the customer's key?",
    "SELECT DISTINCT c.TABLE_SCHEMA || '.' || c.TABLE_NAME FROM DEMO.INFORMATION_SCHEMA.COLUMNS c "
    "JOIN DEMO.INFORMATION_SCHEMA.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA "
    "AND t.TABLE_NAME = c.TABLE_NAME AND t.TABLE_TYPE = 'BASE TABLE' "
    "WHERE c.COLUMN_NAME = 'CUSTOMER_ID' ORDER BY 1",
)
async def joined_by_customer(agent: Agent) -> list[str]:
    """One search for the column, instead of a description of each table."""
    found = await agent.call(
        "search_objects", pattern="customer_id", kind="column", database="demo", limit=50
    )
    objects = found.items("objects", "name", "kind")
    return sorted(name.removeprefix("DEMO.") for name, kind in objects if kind == "table")


@asked(
    FINDING,
    "What does the statement look like that makes the view of open tickets?",
    "SELECT GET_DDL('VIEW', 'DEMO.SUPPORT.OPEN_TICKETS')",
)
async def definition(agent: Agent) -> str:
    """As Snowflake has it."""
    reply = await agent.call(
        "get_ddl", kind="view", database="demo", schema="support", name="open_tickets"
    )
    return str(reply.content["ddl"])
