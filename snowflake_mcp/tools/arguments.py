"""The arguments of every tool; their schemas and their checks come from these types."""

from typing import Annotated

import msgspec
from msgspec import Meta

from snowflake_mcp.tools.layouts import Format

__all__ = [
    "Arguments",
    "CancelQuery",
    "CheckSql",
    "DescribeObject",
    "DescribeTable",
    "DescribeView",
    "ExecuteQuery",
    "ExecuteStatement",
    "FetchResults",
    "GetDdl",
    "GetQueryStatus",
    "ListDatabases",
    "ListObjects",
    "ListSchemas",
    "ListTables",
    "ListViews",
    "QueryView",
    "SubmitQuery",
]

Database = Annotated[str, Meta(description='Folded to upper case unless in "quotes"')]
OptionalSchema = Annotated[str, Meta(description="Optional if the connection has a default")]
Like = Annotated[str, Meta(description="Name pattern, any case: % and _")]
ObjectKind = Annotated[str, Meta(description="Such as warehouse, dynamic table, function")]
Signature = Annotated[str, Meta(description="Argument types, e.g. NUMBER, VARCHAR")]
After = Annotated[str, Meta(description="Go on behind this name")]
Limit = Annotated[int, Meta(ge=1)]


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Arguments of a call; ``null`` for an optional one means that it is absent."""


class _Listing(Arguments, frozen=True):
    like: Like | None = None
    limit: Limit | None = None
    after: After | None = None


class ListDatabases(_Listing, frozen=True, kw_only=True):
    """Arguments of list_databases."""


class ListSchemas(_Listing, frozen=True, kw_only=True):
    """Arguments of list_schemas."""

    database: Database


class ListTables(_Listing, frozen=True, kw_only=True):
    """Arguments of list_tables."""

    database: Database
    schema: str


class ListViews(_Listing, frozen=True, kw_only=True):
    """Arguments of list_views."""

    database: Database
    schema: OptionalSchema | None = None


class ListObjects(_Listing, frozen=True, kw_only=True):
    """Arguments of list_objects."""

    kind: ObjectKind
    database: str | None = None
    schema: str | None = None


class DescribeObject(Arguments, frozen=True, kw_only=True):
    """Arguments of describe_object."""

    kind: ObjectKind
    name: str
    database: str | None = None
    schema: str | None = None
    signature: Signature | None = None


class GetDdl(Arguments, frozen=True, kw_only=True):
    """Arguments of get_ddl."""

    kind: ObjectKind
    name: str
    database: str | None = None
    schema: str | None = None
    signature: Signature | None = None


class DescribeTable(Arguments, frozen=True, kw_only=True):
    """Arguments of describe_table."""

    database: Database
    schema: str
    table_name: str


class DescribeView(Arguments, frozen=True, kw_only=True):
    """Arguments of describe_view."""

    database: Database
    schema: OptionalSchema | None = None
    view_name: str


class QueryView(Arguments, frozen=True, kw_only=True):
    """Arguments of query_view."""

    database: Database
    schema: OptionalSchema | None = None
    view_name: Annotated[str, Meta(description="Or a table")]
    limit: Limit | None = None


class ExecuteQuery(Arguments, frozen=True, kw_only=True):
    """Arguments of execute_query."""

    query: Annotated[str, Meta(description="One statement, Snowflake SQL")]
    database: Annotated[str, Meta(description="For unqualified names")] | None = None
    schema: str | None = None
    limit: Limit | None = None
    timeout_s: Annotated[int, Meta(ge=1)] | None = None
    format: Annotated[Format, Meta(description="Of the text")] | None = None


class SubmitQuery(Arguments, frozen=True, kw_only=True):
    """Arguments of submit_query."""

    query: str
    database: str | None = None
    schema: str | None = None


class GetQueryStatus(Arguments, frozen=True, kw_only=True):
    """Arguments of get_query_status."""

    query_id: str
    wait_s: Annotated[int, Meta(ge=0, description="Wait up to so long for its end")] | None = None


class FetchResults(Arguments, frozen=True, kw_only=True):
    """Arguments of fetch_results."""

    query_id: str
    offset: Annotated[int, Meta(ge=0, description="Rows to pass over")] | None = None
    limit: Limit | None = None


class CancelQuery(Arguments, frozen=True, kw_only=True):
    """Arguments of cancel_query."""

    query_id: str


class ExecuteStatement(Arguments, frozen=True, kw_only=True):
    """Arguments of execute_statement."""

    query: Annotated[str, Meta(description="One statement, Snowflake SQL")]
    database: Annotated[str, Meta(description="For unqualified names")] | None = None
    schema: str | None = None


class CheckSql(Arguments, frozen=True, kw_only=True):
    """Arguments of check_sql."""

    query: str
    database: str | None = None
    schema: str | None = None
