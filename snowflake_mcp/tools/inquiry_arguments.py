"""The arguments of the tools about queries and their data."""

from typing import Annotated

from msgspec import Meta

from snowflake_mcp.tools.arguments import Arguments

__all__ = ["ExplainQuery"]


class ExplainQuery(Arguments, frozen=True, kw_only=True):
    """Arguments of explain_query."""

    query: Annotated[str, Meta(description="Without EXPLAIN")]
    database: str | None = None
    schema: str | None = None
