"""What the tool for exports takes and answers; its schemas come from these types."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from snowflake_mcp.tools.answers import Answer
from snowflake_mcp.tools.arguments import Arguments

__all__ = ["ExportResults", "Exported"]


class ExportResults(Arguments, frozen=True, kw_only=True):
    """Arguments of export_results."""

    query_id: str
    format: (
        Annotated[Literal["csv", "jsonl", "parquet", "arrow"], Meta(description="Default csv")]
        | None
    ) = None


class Exported(Answer, kw_only=True):
    """Answer of export_results; nulls where the statement still runs."""

    state: str
    format: str
    rows: int | None
    bytes: int | None
    sha256: str | None
    expires: str | None
    columns: list[dict[str, Any]]
    """Name, type, and in parquet and arrow the type in the file; only docs/tools.md says so."""
    uri: str | None
    link: str | None
    """Over HTTP for downloads, on stdio a path; null where there are none."""
    masked: list[str]
