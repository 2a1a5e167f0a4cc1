"""What the tools about queries and their data answer; the output schemas come from these types."""

from typing import Any

import msgspec

from snowflake_mcp.tools.answers import Answer

__all__ = ["Explanation", "OperationItem", "Profile", "ProfileItem", "Queries", "QueryItem"]


class OperationItem(msgspec.Struct, omit_defaults=True):
    """An operation of a plan."""

    id: int
    operation: str
    parent: int | None = None
    """Takes what this one gives."""
    object: str | None = None
    detail: str | None = None
    partitions: int | None = None
    partitions_total: int | None = None
    bytes: int | None = None


class Explanation(Answer, kw_only=True):
    """Answer of explain_query."""

    partitions: int
    partitions_total: int
    bytes: int
    operations: list[dict[str, Any]]
    """Items of OperationItem; only docs/tools.md says so."""
    advice: list[str]


class ProfileItem(msgspec.Struct, omit_defaults=True):
    """Figures of a column."""

    name: str
    type: str
    nulls: int
    distinct: int
    """About so many values, NULL not counted."""
    min: Any = None
    max: Any = None
    top: list[Any] = []
    """The commonest values with their counts, [value, count]."""


class Profile(Answer, kw_only=True):
    """Answer of profile_table."""

    rows: int
    """That were read, and that the figures are of."""
    table_rows: int | None
    sampled: bool
    columns: list[dict[str, Any]]
    """Items of ProfileItem; only docs/tools.md says so."""
    skipped: dict[str, str]
    """Columns without figures: "masked", "too many", or their type."""


class QueryItem(msgspec.Struct, omit_defaults=True):
    """A statement that was sent to Snowflake; what is absent is not known."""

    query_id: str
    state: str
    started: str | None = None
    elapsed_ms: int | None = None
    tool: str | None = None
    rows: int | None = None
    sql: str | None = None
    """Its beginning; of the caller's own statements only, like ``error``."""
    error: str | None = None
    principal: str | None = None


class Queries(Answer, kw_only=True):
    """Answer of my_queries; ``query_id`` is empty where nothing was asked of Snowflake."""

    scope: str
    queries: list[dict[str, Any]]
    """Items of QueryItem; only docs/tools.md says so."""
