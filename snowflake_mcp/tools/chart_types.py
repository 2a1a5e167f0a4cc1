"""What chart_query takes and answers; the schemas come from these types."""

from typing import Annotated, Any

from msgspec import Meta

from snowflake_mcp.charts.lines import Kind, Log
from snowflake_mcp.tools.answers import Answer
from snowflake_mcp.tools.arguments import Arguments

__all__ = ["Chart", "ChartQuery"]


class ChartQuery(Arguments, frozen=True, kw_only=True):
    """Arguments of chart_query."""

    kind: Kind
    query: Annotated[str, Meta(description="Or query_id")] | None = None
    query_id: str | None = None
    x: Annotated[str, Meta(description="Column")] | None = None
    y: Annotated[list[str], Meta(description="Columns; heatmap: other axis")] | None = None
    color: Annotated[str, Meta(description="Splits series; heatmap: value")] | None = None
    title: str | None = None
    log: Log | None = None
    database: str | None = None
    schema: str | None = None


class Chart(Answer, kw_only=True):
    """Answer of chart_query, beside the picture."""

    state: str
    """"success", or how the statement is that has not ended."""
    kind: str
    columns: list[Any]
    """What is drawn, as in other answers: x, then y, then color."""
    points: int
    """Marks in the picture."""
    rows: list[Any]
    """The values of ``columns``, for clients that show the interactive view; else none."""
    masked: list[str]
