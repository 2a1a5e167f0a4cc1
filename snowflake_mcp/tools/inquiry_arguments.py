"""The arguments of the tools about queries and their data."""

from typing import Annotated, Literal

from msgspec import Meta

from snowflake_mcp.tools.arguments import Arguments, Limit

__all__ = ["ExplainQuery", "MyQueries", "ProfileTable", "SampleRows"]


class ExplainQuery(Arguments, frozen=True, kw_only=True):
    """Arguments of explain_query."""

    query: Annotated[str, Meta(description="Without EXPLAIN")]
    database: str | None = None
    schema: str | None = None


class ProfileTable(Arguments, frozen=True, kw_only=True):
    """Arguments of profile_table."""

    database: str
    schema: str
    table: Annotated[str, Meta(description="Or a view")]
    columns: Annotated[list[str], Meta(description="Else the first 30")] | None = None


class SampleRows(Arguments, frozen=True, kw_only=True):
    """Arguments of sample_rows."""

    database: str
    schema: str
    table: str
    limit: Limit | None = None


class MyQueries(Arguments, frozen=True, kw_only=True):
    """Arguments of my_queries."""

    scope: (
        Annotated[
            Literal["recent", "history", "everybody"],
            Meta(description="Default recent: this process; history may wake a warehouse"),
        ]
        | None
    ) = None
    hours: Annotated[int, Meta(ge=1, le=168)] | None = None
    limit: Limit | None = None
