"""The semantic view of the sample data: what it is made of, and questions that it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["QUESTIONS", "SEMANTIC_VIEWS", "Known", "Member", "SemanticView"]


@dataclass(frozen=True, slots=True)
class Member:
    """A dimension, a fact or a metric."""

    table: str
    name: str
    sql: str
    """Over the tables by their names in the view."""
    type: str
    comment: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SemanticView:
    """A view that is made of metadata alone."""

    comment: str
    source: str
    """What stands behind FROM."""
    tables: Mapping[str, str]
    """Where each table of the view comes from."""
    dimensions: tuple[Member, ...]
    facts: tuple[Member, ...]
    metrics: tuple[Member, ...]


SEMANTIC_VIEWS: Final[Mapping[tuple[str, ...], SemanticView]] = MappingProxyType(
    {
        ("DEMO", "SALES", "SALES_ANALYSIS"): SemanticView(
            comment="Orders by region, segment, channel and month",
            source=(
                "DEMO.SALES.ORDERS AS ORDERS "
                "JOIN DEMO.SALES.CUSTOMERS AS CUSTOMERS "
                "ON CUSTOMERS.CUSTOMER_ID = ORDERS.CUSTOMER_ID "
                "JOIN DEMO.SALES.REGIONS AS REGIONS ON REGIONS.REGION_ID = CUSTOMERS.REGION_ID"
            ),
            tables={
                "ORDERS": "DEMO.SALES.ORDERS",
                "CUSTOMERS": "DEMO.SALES.CUSTOMERS",
                "REGIONS": "DEMO.SALES.REGIONS",
            },
            dimensions=(
                Member("REGIONS", "REGION", "REGIONS.NAME", "VARCHAR(40)", "Sales region"),
                Member(
                    "CUSTOMERS",
                    "SEGMENT",
                    "CUSTOMERS.SEGMENT",
                    "VARCHAR(20)",
                    "consumer, business or enterprise",
                    ("customer type",),
                ),
                Member("ORDERS", "CHANNEL", "ORDERS.CHANNEL", "VARCHAR(12)", "web, app, ..."),
                Member("ORDERS", "STATUS", "ORDERS.STATUS", "VARCHAR(12)", "State of the order"),
                Member(
                    "ORDERS",
                    "ORDER_MONTH",
                    "DATE_TRUNC('MONTH', ORDERS.ORDERED_AT)::DATE",
                    "DATE",
                    "First day of the month of the order",
                    ("month",),
                ),
            ),
            facts=(
                Member("ORDERS", "AMOUNT", "ORDERS.TOTAL_AMOUNT", "NUMBER(12,2)", "Of one order"),
            ),
            metrics=(
                Member(
                    "ORDERS",
                    "REVENUE",
                    "SUM(ORDERS.TOTAL_AMOUNT)",
                    "NUMBER(38,2)",
                    "Sum of the orders, in mixed currencies",
                    ("turnover", "sales"),
                ),
                Member("ORDERS", "ORDER_COUNT", "COUNT(ORDERS.ORDER_ID)", "NUMBER(38,0)", "Orders"),
                Member(
                    "ORDERS",
                    "AVERAGE_ORDER",
                    "AVG(ORDERS.TOTAL_AMOUNT)",
                    "NUMBER(38,8)",
                    "Mean amount of an order",
                ),
            ),
        )
    }
)
"""By their stored names."""


@dataclass(frozen=True, slots=True)
class Known:
    """A question with its answer."""

    name: str
    asked: str
    text: str
    sql: str


_FROM: Final = "SELECT * FROM SEMANTIC_VIEW(DEMO.SALES.SALES_ANALYSIS "
QUESTIONS: Final = (
    Known(
        "revenue_by_region",
        "What is the revenue by region?",
        "This is the revenue of all orders by sales region.",
        _FROM + "DIMENSIONS REGIONS.REGION METRICS ORDERS.REVENUE) ORDER BY REVENUE DESC",
    ),
    Known(
        "orders_by_channel",
        "How many orders came through each channel?",
        "This is the number of orders by channel.",
        _FROM + "DIMENSIONS ORDERS.CHANNEL METRICS ORDERS.ORDER_COUNT) ORDER BY ORDER_COUNT DESC",
    ),
    Known(
        "average_order_by_segment",
        "What is the average order of each segment?",
        "This is the mean amount of an order by the customers' segment.",
        _FROM + "DIMENSIONS CUSTOMERS.SEGMENT METRICS ORDERS.AVERAGE_ORDER) ORDER BY SEGMENT",
    ),
)
"""What the analyst and the agent of the sample data know."""
