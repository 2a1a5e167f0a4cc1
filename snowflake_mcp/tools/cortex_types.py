"""Arguments and answers of the tools for Snowflake's AI; the schemas come from these types."""

from typing import Annotated, Any

from msgspec import Meta

from snowflake_mcp.tools.answers import Answer
from snowflake_mcp.tools.arguments import Arguments, Limit

__all__ = [
    "AgentAnswer",
    "AnalystAnswer",
    "AskAgent",
    "AskAnalyst",
    "Found",
    "QuerySemanticView",
    "SearchTexts",
]


class SearchTexts(Arguments, frozen=True, kw_only=True):
    """Arguments of cortex_search; ``service`` is one of those that the caller has."""

    service: str
    query: str
    columns: Annotated[list[str], Meta(description="To show, else the service's own")] | None = None
    filter: (
        Annotated[dict[str, Any], Meta(description='Such as {"@eq": {"REGION": "EU"}}')] | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=1_000)] | None = None


class AskAnalyst(Arguments, frozen=True, kw_only=True):
    """Arguments of cortex_analyst."""

    service: str
    question: str


class AskAgent(Arguments, frozen=True, kw_only=True):
    """Arguments of cortex_agent."""

    service: str
    question: str


class QuerySemanticView(Arguments, frozen=True, kw_only=True):
    """Arguments of query_semantic_view."""

    database: str
    schema: str
    view: str
    dimensions: Annotated[list[str], Meta(description="table.dimension")] | None = None
    metrics: Annotated[list[str], Meta(description="table.metric; not with facts")] | None = None
    facts: Annotated[list[str], Meta(description="table.fact")] | None = None
    where: Annotated[str, Meta(description="SQL condition on dimensions and facts")] | None = None
    order_by: Annotated[list[str], Meta(description="Names; DESC may follow")] | None = None
    limit: Limit | None = None


class Found(Answer, kw_only=True):
    """Answer of cortex_search."""

    service: str
    request_id: str
    columns: list[str]
    rows: list[list[Any]]
    """Best first."""
    cells_cut: int
    masked: list[str]


class AnalystAnswer(Answer, kw_only=True):
    """Answer of cortex_analyst; nothing was run."""

    service: str
    request_id: str
    text: str
    """How the question was understood, or why it was not."""
    sql: str | None
    """That would answer the question."""
    verified_query: str | None
    """The name of the query on which it is based, where somebody has verified one."""
    suggestions: list[str]
    """Questions that it could answer, where it could not answer this one."""
    warnings: list[str]


class AgentAnswer(Answer, kw_only=True):
    """Answer of cortex_agent."""

    service: str
    request_id: str
    text: str
    tools: list[str]
    """The agent's own tools that it used."""
    sql: list[str]
    """Statements that it ran, as far as it told them."""
    tables: list[Any]
    """Results that it shows: ``title``, ``columns``, ``rows``."""
    suggestions: list[str]
    warnings: list[str]
