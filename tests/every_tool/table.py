"""The one table: for each tool a call that works and one that does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["ALIASES", "FINISHED", "ROWS", "SUBMITTED", "Row", "filled"]

FINISHED: Final = "$finished"
"""Stands for the id of a submitted statement that has ended well: ``SUBMITTED``."""
SUBMITTED: Final = {"query": "SELECT EVENT_ID FROM DEMO.PRODUCT.EVENTS ORDER BY 1 LIMIT 500"}


@dataclass(frozen=True, slots=True)
class Row:
    """What is asked of one tool."""

    tool: str
    good: Mapping[str, Any]
    """Arguments of a call that works on the demo data."""
    wrong: Mapping[str, Any]
    """Arguments of a call that does not."""
    says: str
    """What its answer begins with."""
    family: str = "invalid_argument"
    """Of the failure."""
    varies: frozenset[str] = field(default=frozenset())
    """Members of the answer that may differ from call to call; then its text may, too."""
    argued: str = ""
    """Why it is not called here, where it cannot be: then who does show it."""


_SALES: Final = {"database": "demo", "schema": "sales"}
_COUNT: Final = "SELECT STATUS, COUNT(*) AS N FROM DEMO.SALES.ORDERS GROUP BY 1 ORDER BY 1"
_REFUSED: Final = "The statement was refused and not sent to Snowflake."
_NEEDED: Final = "this argument is required."

ROWS: Final = (
    Row("list_databases", {"like": "d%"}, {"limit": 0}, "limit: "),
    Row("list_schemas", {"database": "demo"}, {}, f"database: {_NEEDED}"),
    Row("list_tables", _SALES, {**_SALES, "shema": "x"}, "shema: "),
    Row("list_views", _SALES, {"database": ""}, "database: "),
    Row("describe_table", {**_SALES, "table_name": "orders"}, _SALES, f"table_name: {_NEEDED}"),
    Row("describe_view", {**_SALES, "view_name": "customer_value"}, {"view_name": 5}, "view_name"),
    Row("list_objects", {"kind": "warehouse"}, {"kind": "planet"}, "kind: "),
    Row("describe_object", {"kind": "table", "name": "orders", **_SALES}, {"kind": 1}, "kind: "),
    Row("get_ddl", {"kind": "view", "name": "customer_value", **_SALES}, {}, "kind: "),
    Row(
        "search_objects",
        {"pattern": "customer"},
        {"pattern": " "},
        "pattern: ",
        varies=frozenset({"age_s"}),
    ),
    Row("query_view", {**_SALES, "view_name": "orders", "limit": 3}, {"limit": True}, "limit: "),
    Row("execute_query", {"query": _COUNT}, {"query": "DROP TABLE t"}, _REFUSED, "refused"),
    Row("explain_query", {"query": _COUNT}, {"query": 1}, "query: "),
    Row("profile_table", {**_SALES, "table": "regions"}, {**_SALES, "table": 2}, "table: "),
    Row("sample_rows", {**_SALES, "table": "regions"}, {**_SALES, "table": ""}, "table: "),
    Row(
        "chart_query",
        {"kind": "bar", "query": _COUNT, "title": "Orders"},
        {"kind": "pie", "query": _COUNT},
        "kind: ",
    ),
    Row(
        "submit_query",
        {"query": "SELECT 1"},
        {"query": None},
        "query: ",
        varies=frozenset({"state", "elapsed_s", "next_step", "error"}),
    ),
    Row("get_query_status", {"query_id": FINISHED}, {"query_id": "x"}, "No st", "missing_object"),
    Row("fetch_results", {"query_id": FINISHED, "offset": 3}, {"offset": -1}, "offset: "),
    Row(
        "export_results",
        {"query_id": FINISHED, "format": "jsonl"},
        {"query_id": FINISHED, "format": "xlsx"},
        "format: ",
        varies=frozenset({"uri", "link", "expires", "next_step"}),
    ),
    Row("cancel_query", {"query_id": FINISHED}, {}, f"query_id: {_NEEDED}"),
    Row(
        "my_queries",
        {"limit": 1},
        {"scope": "mine"},
        "scope: ",
        varies=frozenset({"queries", "truncated", "truncated_by", "next_step"}),
    ),
    Row("check_sql", {"query": "DROP TABLE t"}, {"query": []}, "query: "),
    Row(
        "execute_statement",
        {"query": "UPDATE DEMO.SALES.REGIONS SET NAME = NAME WHERE REGION_ID = -1"},
        {"query": "SELECT 1"},
        "This statement only reads.",
        "refused",
    ),
    Row(
        "cortex_search",
        {"service": "tickets", "query": "where is my order", "limit": 2},
        {"service": "tickets", "query": "x", "columns": ["NOPE"]},
        "Snowflake did not understand the request.",
        varies=frozenset({"request_id"}),
    ),
    Row(
        "cortex_analyst",
        {"service": "sales", "question": "What is the revenue by region?"},
        {"service": "nope", "question": "x"},
        "service: ",
        varies=frozenset({"request_id"}),
    ),
    Row(
        "cortex_agent",
        {"service": "helper", "question": "What is the revenue by region?"},
        {"service": "helper"},
        f"question: {_NEEDED}",
        varies=frozenset({"request_id"}),
    ),
    Row(
        "query_semantic_view",
        {**_SALES, "view": "sales_analysis", "metrics": ["orders.revenue"]},
        {**_SALES, "view": "sales_analysis"},
        "dimensions: nothing is asked for.",
    ),
)
"""One for each tool. Whoever adds a tool adds its line here, and no test."""


_NAME: Final = "DEMO.SALES.ORDERS"
ALIASES: Final = (
    ("run_snowflake_query", {"statement": _COUNT}, "execute_query"),
    (
        "list_objects",
        {"object_type": "table", "database_name": "demo", "schema_name": "sales", "like": "order"},
        "list_objects",
    ),
    (
        "describe_object",
        {
            "object_type": "table",
            "target_object": {"name": "orders", "database_name": "demo", "schema_name": "sales"},
        },
        "describe_object",
    ),
    (
        "query_semantic_view",
        {
            "database_name": "demo",
            "schema_name": "sales",
            "view_name": "sales_analysis",
            "dimensions": [{"table": "regions", "name": "region"}],
            "metrics": [{"table": "orders", "name": "revenue"}],
            "order_by": "revenue DESC",
        },
        "query_semantic_view",
    ),
    ("cortex_search", {"service_name": "tickets", "query": "invoice"}, "cortex_search"),
    ("cortex_analyst", {"service_name": "sales", "query": "revenue by region"}, "cortex_analyst"),
    ("cortex_agent", {"service_name": "helper", "query": "revenue by region"}, "cortex_agent"),
    ("read_query", {"query": _COUNT}, "execute_query"),
    ("write_query", {"query": f"DELETE FROM {_NAME} WHERE ORDER_ID = -1"}, "execute_statement"),
    ("describe_table", {"table_name": _NAME}, "describe_table"),
    ("execute_query", {"query": _COUNT, "auto_commit": True}, "execute_query"),
)
"""Calls in the words of other servers, and the tool of ours that serves them."""


def filled(arguments: Mapping[str, Any], finished: str) -> dict[str, Any]:
    """The arguments with the id of the finished statement in its place."""
    return {name: finished if value == FINISHED else value for name, value in arguments.items()}
