"""What search_objects takes and what it answers."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from snowflake_mcp.tools.answers import Answer
from snowflake_mcp.tools.arguments import Arguments, Limit

__all__ = ["Detail", "FoundObjects", "SearchObjects"]

Detail = Literal["names", "summary", "columns"]


class SearchObjects(Arguments, frozen=True, kw_only=True):
    """Arguments of search_objects."""

    pattern: Annotated[str, Meta(description="Words, all must fit; * for any letters")]
    kind: Annotated[str, Meta(description="table, view, schema, database, column, task, ...")] | (
        None
    ) = None
    database: str | None = None
    schema: str | None = None
    detail_level: Detail | None = None
    limit: Limit | None = None
    after: str | None = None


class FoundObjects(Answer, kw_only=True):
    """Answer of search_objects."""

    objects: list[dict[str, Any]]
    searched: int
    """Objects that were looked at."""
    age_s: int
    """How old the list of them is."""
    not_searched: str | None
    """What was left out, and why."""
