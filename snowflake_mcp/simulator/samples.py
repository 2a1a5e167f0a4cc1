"""The sample data."""

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snowflake_mcp.simulator.catalog import Notes
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["create_samples"]


def create_samples(connection: "Connection", notes: "Notes", today: date) -> None:
    """Create the sample databases; blocks."""
    from fakesnow import info_schema, macros

    connection.duck.execute("ATTACH ':memory:' AS DEMO")
    connection.duck.execute(info_schema.per_db_creation_sql("DEMO"))
    connection.duck.execute(macros.creation_sql("DEMO"))
    connection.duck.execute("CREATE SCHEMA DEMO.SALES; CREATE SCHEMA DEMO.PUBLIC")
    connection.duck.execute(
        "create table DEMO.SALES.ORDERS as select i as ORDER_ID, timestamp '2026-01-01' + to_seconds(i) as ORDERED_AT, (i%1000)/100::decimal(12,2) as TOTAL, 'customer-'||i%99 as NAME from range(200000) t(i)"
    )
