"""What the tools about queries and their data answer; the output schemas come from these types."""

from typing import Any

import msgspec

from snowflake_mcp.tools.answers import Answer

__all__ = ["Explanation", "OperationItem"]


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
