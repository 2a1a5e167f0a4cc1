"""What every tool answers; the output schemas come from these types."""

from typing import Any, Literal

import msgspec

__all__ = [
    "Answer",
    "Check",
    "ColumnItem",
    "DatabaseItem",
    "Databases",
    "Ddl",
    "Fetched",
    "ObjectDescription",
    "ObjectItem",
    "Objects",
    "Rows",
    "SchemaItem",
    "Schemas",
    "StatementState",
    "TableDescription",
    "TableItem",
    "Tables",
    "ViewDescription",
    "ViewItem",
    "Views",
    "Written",
]


class Answer(msgspec.Struct, kw_only=True):
    """What every answer says of itself."""

    row_count: int
    truncated: bool
    truncated_by: Literal["rows", "bytes", "time"] | None
    next_step: str | None
    """How to get the rest, or what to do with an empty answer."""
    age_s: int | None = None
    """How old a kept result is, in seconds; absent: it was read for this call."""
    query_id: str
    elapsed_ms: int
    connection: str
    backend: str
    """"snowflake" or "demo"."""


class ResultColumn(msgspec.Struct):
    """A column of a result."""

    name: str
    type: str
    nullable: bool


class DatabaseItem(msgspec.Struct, omit_defaults=True):
    """A database; what is absent is not known or empty."""

    name: str
    comment: str | None = None


class Databases(Answer, kw_only=True):
    """Answer of list_databases."""

    databases: list[DatabaseItem]


class SchemaItem(msgspec.Struct, omit_defaults=True):
    """A schema."""

    name: str
    comment: str | None = None


class Schemas(Answer, kw_only=True):
    """Answer of list_schemas."""

    database: str
    schemas: list[SchemaItem]


class TableItem(msgspec.Struct, omit_defaults=True):
    """A table."""

    name: str
    kind: str | None = None
    rows: int | None = None
    bytes: int | None = None
    comment: str | None = None


class Tables(Answer, kw_only=True):
    """Answer of list_tables."""

    database: str
    schema: str
    tables: list[TableItem]


class ViewItem(msgspec.Struct, omit_defaults=True):
    """A view."""

    name: str
    secure: bool = False
    materialized: bool = False
    comment: str | None = None


class Views(Answer, kw_only=True):
    """Answer of list_views."""

    database: str
    schema: str
    views: list[ViewItem]


class ObjectItem(msgspec.Struct, omit_defaults=True):
    """An object of any kind."""

    name: str
    place: str = ""
    """Database and schema, where they were not both asked for."""
    about: dict[str, Any] = {}
    """What is worth telling of its kind."""
    comment: str | None = None


class Objects(Answer, kw_only=True):
    """Answer of list_objects."""

    kind: str
    database: str | None
    schema: str | None
    objects: list[ObjectItem]


class ObjectDescription(Answer, kw_only=True):
    """Answer of describe_object."""

    kind: str
    name: str
    columns: list[ResultColumn]
    rows: list[list[Any]]
    """As DESCRIBE gives them."""


class Ddl(Answer, kw_only=True):
    """Answer of get_ddl."""

    kind: str
    name: str
    ddl: str | None
    ddl_truncated: bool


class ColumnItem(msgspec.Struct, omit_defaults=True):
    """A column of a table or view."""

    name: str
    type: str
    nullable: bool
    key: str | None = None
    """"primary", "unique" or both."""
    default: str | None = None
    comment: str | None = None


class TableDescription(Answer, kw_only=True):
    """Answer of describe_table."""

    database: str
    schema: str
    name: str
    columns: list[ColumnItem]


class ViewDescription(Answer, kw_only=True):
    """Answer of describe_view."""

    database: str
    schema: str
    name: str
    columns: list[ColumnItem]
    ddl: str | None
    """The statement that makes the view; ``None`` when the role may not see it."""
    ddl_truncated: bool


class Rows(Answer, kw_only=True):
    """Answer of query_view and execute_query."""

    state: str
    """"success", or how the statement is that has not ended: "running", "queued", ..."""
    columns: list[ResultColumn]
    rows: list[list[Any]]
    total_rows: int | None
    """Rows of the whole result, where Snowflake said so."""
    cells_cut: int
    """Values that were too long and are cut, ending in "…"."""
    masked: list[str]
    """Columns of which this server shows no values."""


class Fetched(Rows, kw_only=True):
    """Answer of fetch_results."""

    offset: int
    next_offset: int | None
    """Where to read on; ``None`` at the end."""


class StatementState(msgspec.Struct, kw_only=True):
    """Answer of submit_query, get_query_status and cancel_query."""

    query_id: str
    state: str
    error: str | None
    """Why it failed or was cancelled."""
    elapsed_ms: int | None
    next_step: str | None
    connection: str
    backend: str


class Written(Answer, kw_only=True):
    """Answer of execute_statement."""

    kind: str
    """Verb and kind of object, such as ``insert`` or ``create table``."""
    tier: str
    columns: list[ResultColumn]
    rows: list[list[Any]]
    """What Snowflake answered: counts of rows, or a sentence."""
    masked: list[str]


class Check(msgspec.Struct, kw_only=True):
    """Answer of check_sql, which runs nothing and so has no query and no rows."""

    allowed: bool
    kind: str
    tier: str
    """What it needs: ``read``, ``dml``, ``ddl`` or ``admin``."""
    capabilities: list[str]
    refusals: list[dict[str, Any]]
    """Each with rule, token, line, column, message and remedy; only docs/tools.md says so, since
    every client pays for the list of tools."""
    objects: dict[str, Any]
    """Lists of names: databases, schemas, tables, stages, functions, columns."""
    masked: list[str]
    """Columns that it names and whose values would not be shown."""
    connection: str
    backend: str
