"""How many, how much, which ones?"""

from typing import Any, Final

from bench.tasks.agent import Agent
from bench.tasks.question import Question, asked

__all__ = ["COUNTING"]

COUNTING: Final[list[Question]] = []

Rows = list[list[Any]]


@asked(
    COUNTING,
    "How many orders are there in each status?",
    "SELECT STATUS, COUNT(*) FROM DEMO.SALES.ORDERS GROUP BY STATUS ORDER BY COUNT(*) DESC, STATUS",
)
async def by_status(agent: Agent) -> Rows:
    """Find the table, look at its columns, count."""
    found = await agent.call("search_objects", pattern="orders status", kind="table", limit=3)
    database, schema, table = found.items("objects", "name")[0].split(".")
    await agent.call("describe_table", database=database, schema=schema, table_name=table)
    return await agent.ask(
        f"SELECT STATUS, COUNT(*) AS N FROM {database}.{schema}.{table} "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    )


@asked(
    COUNTING,
    "What was the revenue of each region in the last full month?",
    "SELECT r.NAME, SUM(o.TOTAL_AMOUNT) FROM DEMO.SALES.ORDERS o "
    "JOIN DEMO.SALES.CUSTOMERS c ON c.CUSTOMER_ID = o.CUSTOMER_ID "
    "JOIN DEMO.SALES.REGIONS r ON r.REGION_ID = c.REGION_ID "
    "WHERE o.STATUS NOT IN ('CANCELLED', 'RETURNED') AND DATE_TRUNC('MONTH', o.ORDERED_AT) = "
    "DATEADD('MONTH', -1, DATE_TRUNC('MONTH', CURRENT_DATE())) GROUP BY 1 ORDER BY 1",
)
async def regional_revenue(agent: Agent) -> Rows:
    """There is a view made for the purpose, and its description says what it leaves out."""
    found = await agent.call("search_objects", pattern="revenue region", kind="view", limit=3)
    database, schema, view = found.items("objects", "name")[0].split(".")
    await agent.call("describe_view", database=database, schema=schema, view_name=view)
    return await agent.ask(
        f"SELECT REGION, REVENUE FROM {database}.{schema}.{view} WHERE REVENUE_MONTH = "
        "DATEADD('MONTH', -1, DATE_TRUNC('MONTH', CURRENT_DATE())) ORDER BY REGION"
    )


@asked(
    COUNTING,
    "Who are the five customers that bought most?",
    "SELECT CUSTOMER_ID, SUM(TOTAL_AMOUNT) FROM DEMO.SALES.ORDERS GROUP BY 1 "
    "ORDER BY 2 DESC LIMIT 5",
)
async def best_customers(agent: Agent) -> Rows:
    """A search with all columns saves the description."""
    found = await agent.call(
        "search_objects", pattern="customer value", kind="view", detail_level="columns", limit=1
    )
    (view,) = found.items("objects", "name")
    return await agent.ask(
        f"SELECT CUSTOMER_ID, LIFETIME_VALUE FROM {view} ORDER BY 2 DESC LIMIT 5"
    )


@asked(
    COUNTING,
    "What is the monthly recurring revenue by plan?",
    "SELECT p.NAME, SUM(s.MONTHLY_AMOUNT) FROM DEMO.PRODUCT.SUBSCRIPTIONS s "
    "JOIN DEMO.PRODUCT.PLANS p ON p.PLAN_ID = s.PLAN_ID WHERE s.ENDED_ON IS NULL "
    "GROUP BY 1 ORDER BY 1",
)
async def recurring(agent: Agent) -> Rows:
    """A small view is simply read."""
    reply = await agent.call(
        "query_view", database="demo", schema="product", view_name="recurring_revenue"
    )
    return sorted([row[0], row[3]] for row in reply.rows)


@asked(
    COUNTING,
    "How many urgent tickets are open?",
    "SELECT COUNT(*) FROM DEMO.SUPPORT.TICKETS WHERE CLOSED_AT IS NULL AND PRIORITY = 'urgent'",
)
async def urgent(agent: Agent) -> Rows:
    """How a value is spelt is looked at before it is filtered by."""
    profile = await agent.call(
        "profile_table", database="demo", schema="support", table="tickets", columns=["priority"]
    )
    (column,) = profile.content["columns"]
    word = next(value for value, _ in column["top"] if value.lower() == "urgent")
    return await agent.ask(
        f"SELECT COUNT(*) FROM DEMO.SUPPORT.OPEN_TICKETS WHERE PRIORITY = '{word}'"
    )


@asked(
    COUNTING,
    "How satisfied are customers with each team of the service desk?",
    "SELECT a.TEAM, ROUND(AVG(t.SATISFACTION), 3) FROM DEMO.SUPPORT.AGENTS a "
    "LEFT JOIN DEMO.SUPPORT.TICKETS t ON a.AGENT_ID = t.AGENT_ID GROUP BY 1 ORDER BY 1",
)
async def satisfaction(agent: Agent) -> Rows:
    """Two tables, each described first."""
    for table in ("tickets", "agents"):
        await agent.call("describe_table", database="demo", schema="support", table_name=table)
    return await agent.ask(
        "SELECT a.TEAM, ROUND(AVG(t.SATISFACTION), 3) AS SATISFACTION FROM DEMO.SUPPORT.TICKETS t "
        "JOIN DEMO.SUPPORT.AGENTS a USING (AGENT_ID) GROUP BY a.TEAM ORDER BY a.TEAM"
    )


@asked(
    COUNTING,
    "How much do customers still owe us, by currency?",
    "SELECT CURRENCY, SUM(GROSS_AMOUNT - PAID) FROM (SELECT i.INVOICE_ID, i.CURRENCY, "
    "i.GROSS_AMOUNT, COALESCE(SUM(p.AMOUNT), 0) AS PAID FROM DEMO.FINANCE.INVOICES i "
    "LEFT JOIN DEMO.FINANCE.PAYMENTS p ON p.INVOICE_ID = i.INVOICE_ID GROUP BY 1, 2, 3) "
    "WHERE GROSS_AMOUNT > PAID GROUP BY 1 ORDER BY 1",
)
async def owed(agent: Agent) -> Rows:
    """The description of the view says that paid invoices are not in it."""
    await agent.call("list_views", database="demo", schema="finance")
    await agent.call("describe_view", database="demo", schema="finance", view_name="receivables")
    return await agent.ask(
        "SELECT CURRENCY, SUM(OPEN_AMOUNT) AS OPEN FROM DEMO.FINANCE.RECEIVABLES "
        "GROUP BY CURRENCY ORDER BY CURRENCY"
    )


@asked(
    COUNTING,
    "How do customers pay, in this year so far?",
    "SELECT METHOD, COUNT(*) FROM DEMO.FINANCE.PAYMENTS "
    "WHERE YEAR(PAID_ON) = YEAR(CURRENT_DATE()) GROUP BY 1 ORDER BY 2 DESC, 1",
)
async def methods(agent: Agent) -> Rows:
    """One description, one query."""
    await agent.call("describe_table", database="demo", schema="finance", table_name="payments")
    return await agent.ask(
        "SELECT METHOD, COUNT(*) AS N FROM DEMO.FINANCE.PAYMENTS "
        "WHERE PAID_ON >= DATE_TRUNC('YEAR', CURRENT_DATE()) GROUP BY 1 ORDER BY N DESC, METHOD"
    )


@asked(
    COUNTING,
    "Of how many customers is the e-mail address unknown?",
    "SELECT COUNT(*) FROM DEMO.SALES.CUSTOMERS WHERE EMAIL IS NULL",
)
async def unknown_emails(agent: Agent) -> int:
    """A profile has it."""
    profile = await agent.call(
        "profile_table", database="demo", schema="sales", table="customers", columns=["email"]
    )
    (column,) = profile.content["columns"]
    return int(column["nulls"])


@asked(
    COUNTING,
    "Which days do the invoices span, and by which are they due at the latest?",
    "SELECT MIN(INVOICED_ON), MAX(INVOICED_ON), MAX(DUE_ON) FROM DEMO.FINANCE.INVOICES",
)
async def span(agent: Agent) -> Rows:
    """So has it that."""
    profile = await agent.call(
        "profile_table",
        database="demo",
        schema="finance",
        table="invoices",
        columns=["invoiced_on", "due_on"],
    )
    invoiced, due = profile.content["columns"]
    return [[invoiced["min"], invoiced["max"], due["max"]]]


@asked(
    COUNTING,
    "To how many orders is a postal code known that begins with a 7?",
    "SELECT COUNT_IF(SHIP_TO['zip']::VARCHAR LIKE '7%') FROM DEMO.SALES.ORDERS",
)
async def postal_codes(agent: Agent) -> Rows:
    """What is in an object is seen in a sample."""
    sample = await agent.call(
        "sample_rows", database="demo", schema="sales", table="orders", limit=20
    )
    assert any("zip" in (row[-1] or {}) for row in sample.rows)
    return await agent.ask(
        "SELECT COUNT(*) FROM DEMO.SALES.ORDERS WHERE STARTSWITH(SHIP_TO:zip::VARCHAR, '7')"
    )


@asked(
    COUNTING,
    "Which channel of the campaigns brings most customers?",
    "SELECT c.CHANNEL, COUNT(l.CUSTOMER_ID) FROM MARKETING.CAMPAIGNS.LEADS l "
    "JOIN MARKETING.CAMPAIGNS.CAMPAIGNS c ON c.CAMPAIGN_ID = l.CAMPAIGN_ID "
    "GROUP BY 1 ORDER BY 2 DESC LIMIT 1",
)
async def best_channel(agent: Agent) -> Rows:
    """Searched in all databases: another one has it."""
    found = await agent.call(
        "search_objects", pattern="campaign channel", kind="view", detail_level="columns"
    )
    ((view, columns),) = found.items("objects", "name", "columns")
    assert any(column.startswith("CONVERSIONS") for column in columns)
    return await agent.ask(
        f"SELECT CHANNEL, SUM(CONVERSIONS) AS CUSTOMERS FROM {view} "
        "GROUP BY CHANNEL ORDER BY CUSTOMERS DESC LIMIT 1"
    )


@asked(
    COUNTING,
    "From which three countries come most leads that have bought?",
    "SELECT COUNTRY, COUNT(*) FROM DEMO.SALES.CUSTOMERS c JOIN MARKETING.CAMPAIGNS.LEADS l "
    "ON l.CUSTOMER_ID = c.CUSTOMER_ID GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3",
)
async def countries(agent: Agent) -> Rows:
    """A join over two databases; a comment says which columns belong together."""
    leads = await agent.call(
        "describe_table", database="marketing", schema="campaigns", table_name="leads"
    )
    assert "DEMO.SALES.CUSTOMERS" in leads.text
    return await agent.ask(
        "SELECT c.COUNTRY, COUNT(*) AS LEADS FROM MARKETING.CAMPAIGNS.LEADS l JOIN "
        "DEMO.SALES.CUSTOMERS c USING (CUSTOMER_ID) GROUP BY c.COUNTRY "
        "ORDER BY LEADS DESC, COUNTRY LIMIT 3"
    )


@asked(
    COUNTING,
    "What did we invoice in January, in Euro?",
    "SELECT ROUND(SUM(CASE WHEN i.CURRENCY = 'EUR' THEN i.NET_AMOUNT "
    "ELSE i.NET_AMOUNT * r.EUR_RATE END), 2) FROM DEMO.FINANCE.INVOICES i "
    "LEFT JOIN DEMO.FINANCE.EXCHANGE_RATES r ON r.CURRENCY = i.CURRENCY "
    "AND r.RATE_DATE = DATE_TRUNC('MONTH', i.INVOICED_ON) "
    "WHERE DATE_TRUNC('MONTH', i.INVOICED_ON) = DATE_TRUNC('YEAR', CURRENT_DATE())",
)
async def invoiced_in_euro(agent: Agent) -> Rows:
    """The rates have no row for the Euro itself: a sample shows it."""
    await agent.call("describe_table", database="demo", schema="finance", table_name="invoices")
    rates = await agent.call(
        "profile_table",
        database="demo",
        schema="finance",
        table="exchange_rates",
        columns=["rate_date", "currency"],
    )
    currencies = [value for value, _ in rates.content["columns"][1]["top"]]
    assert "EUR" not in currencies
    return await agent.ask(
        "SELECT ROUND(SUM(i.NET_AMOUNT * COALESCE(r.EUR_RATE, 1)), 2) AS EUR "
        "FROM DEMO.FINANCE.INVOICES i LEFT JOIN DEMO.FINANCE.EXCHANGE_RATES r "
        "ON r.CURRENCY = i.CURRENCY AND r.RATE_DATE = DATE_TRUNC('MONTH', i.INVOICED_ON) "
        "WHERE i.INVOICED_ON >= DATE_TRUNC('YEAR', CURRENT_DATE()) "
        "AND i.INVOICED_ON < DATEADD('MONTH', 1, DATE_TRUNC('YEAR', CURRENT_DATE()))"
    )


@asked(
    COUNTING,
    "Which share of the subscriptions of each plan has ended?",
    "SELECT p.NAME, ROUND(COUNT(s.ENDED_ON) / COUNT(*), 4) FROM DEMO.PRODUCT.SUBSCRIPTIONS s "
    "JOIN DEMO.PRODUCT.PLANS p ON p.PLAN_ID = s.PLAN_ID GROUP BY 1 ORDER BY 1",
)
async def churn(agent: Agent) -> Rows:
    """The comment says what no end means."""
    await agent.call(
        "describe_table", database="demo", schema="product", table_name="subscriptions"
    )
    return await agent.ask(
        "SELECT p.NAME, ROUND(COUNT_IF(s.ENDED_ON IS NOT NULL) / COUNT(*), 4) AS ENDED "
        "FROM DEMO.PRODUCT.SUBSCRIPTIONS s JOIN DEMO.PRODUCT.PLANS p USING (PLAN_ID) "
        "GROUP BY p.NAME ORDER BY p.NAME"
    )


@asked(
    COUNTING,
    "How many products were never ordered?",
    "SELECT COUNT(*) FROM DEMO.PRODUCT.PRODUCTS WHERE PRODUCT_ID NOT IN "
    "(SELECT PRODUCT_ID FROM DEMO.SALES.ORDER_ITEMS)",
)
async def never_ordered(agent: Agent) -> Rows:
    """An anti-join, after a look at both keys."""
    await agent.call("describe_table", database="demo", schema="product", table_name="products")
    return await agent.ask(
        "SELECT COUNT(*) FROM DEMO.PRODUCT.PRODUCTS p LEFT JOIN DEMO.SALES.ORDER_ITEMS i "
        "ON i.PRODUCT_ID = p.PRODUCT_ID WHERE i.PRODUCT_ID IS NULL"
    )


@asked(
    COUNTING,
    "What is the revenue by region, as the company defines it?",
    "SELECT r.NAME, SUM(o.TOTAL_AMOUNT) FROM DEMO.SALES.ORDERS o "
    "JOIN DEMO.SALES.CUSTOMERS c ON c.CUSTOMER_ID = o.CUSTOMER_ID "
    "JOIN DEMO.SALES.REGIONS r ON r.REGION_ID = c.REGION_ID GROUP BY 1 ORDER BY 2 DESC",
)
async def defined_revenue(agent: Agent) -> Rows:
    """A semantic view has the definition: no join is written by the agent."""
    views = await agent.call("list_objects", kind="semantic view", database="demo", schema="sales")
    (view,) = views.items("objects", "name")
    where = {"database": "demo", "schema": "sales"}
    described = await agent.call("describe_object", kind="semantic view", name=view, **where)
    assert "REVENUE" in described.text
    reply = await agent.call(
        "query_semantic_view",
        **where,
        view=view,
        dimensions=["regions.region"],
        metrics=["orders.revenue"],
        order_by=["revenue desc"],
    )
    return reply.rows


@asked(
    COUNTING,
    "How many orders came through each channel? (asked in plain words)",
    "SELECT CHANNEL, COUNT(*) FROM DEMO.SALES.ORDERS GROUP BY 1 ORDER BY 2 DESC",
)
async def in_plain_words(agent: Agent) -> Rows:
    """Cortex Analyst writes the statement; the gate judges it like any other."""
    asked_of = await agent.call(
        "cortex_analyst", service="sales", question="How many orders came through each channel?"
    )
    return await agent.ask(asked_of.content["sql"])


@asked(
    COUNTING,
    "Draw the number of orders by month of this year. (how many months are there?)",
    "SELECT COUNT(DISTINCT DATE_TRUNC('MONTH', ORDERED_AT)) FROM DEMO.SALES.ORDERS "
    "WHERE YEAR(ORDERED_AT) = YEAR(CURRENT_DATE())",
)
async def drawn(agent: Agent) -> int:
    """A picture of a statement; its rows do not pass through the model."""
    chart = await agent.call(
        "chart_query",
        kind="line",
        query="SELECT DATE_TRUNC('MONTH', ORDERED_AT)::DATE AS MONTH, COUNT(*) AS ORDERS "
        "FROM DEMO.SALES.ORDERS WHERE ORDERED_AT >= DATE_TRUNC('YEAR', CURRENT_DATE()) "
        "GROUP BY 1 ORDER BY 1",
        x="MONTH",
        y=["ORDERS"],
    )
    assert not chart.failed, chart.text
    return int(chart.content["points"])
