"""The tools of other servers as this one serves them, and those that it does not.

By the public sources of snowflake-labs-mcp 1.4.2, mcp-snowflake-server 0.4.0 and
snowflake-mcp-server 0.2.0. docs/migration.md says the same to those who come from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.policy.names import path_in
from snowflake_mcp.tools.aliases import Alias, Into, Theirs, fixed, plainly, same
from snowflake_mcp.tools.checking import got
from snowflake_mcp.warehouse.identifiers import shown

__all__ = ["SERVERS", "Server"]

_TEXT: Final = {"type": "string"}
_QUALIFIED: Final = 3


@dataclass(frozen=True, slots=True)
class Server:
    """Another server."""

    package: str
    """As its users install it."""
    aliases: Mapping[str, Alias]
    """By their names."""
    missing: Mapping[str, str]
    """Tools that are not served, and what to do instead."""


def _kind(value: Any) -> Mapping[str, Any]:
    """Object types are written with underscores there, with blanks here."""
    return {"kind": value.replace("_", " ") if isinstance(value, str) else value}


def _keyword(value: Any) -> Mapping[str, Any]:
    """A word anywhere in the name; signs for any text in it counted for nothing there either."""
    return {"like": f"%{value.replace('%', '')}%" if isinstance(value, str) else value}


def _beginning(value: Any) -> Mapping[str, Any]:
    return {"like": f"{value}%" if isinstance(value, str) else value}


def _target(value: Any) -> Mapping[str, Any]:
    """What names an object; the rest of its properties are for creating one."""
    names = {"name": "name", "database_name": "database", "schema_name": "schema"}
    target = plainly(value)
    if not target.get("name"):
        raise ValueError("expected an object with a name.")
    return {ours: target[theirs] for theirs, ours in names.items() if target.get(theirs)}


def _table(value: Any) -> Mapping[str, Any]:
    """A fully qualified name, as SQL writes it."""
    path = path_in(value) if isinstance(value, str) else None
    if path is None or len(path) != _QUALIFIED or not all(path):
        raise ValueError(f"expected database.schema.table, got {got(value)}.")
    database, schema, table = map(shown, path)
    return {"database": database, "schema": schema, "table_name": table}


def _members(ours: str) -> Into:
    """Members of a semantic view: there objects with a table and a name."""

    def into(value: Any) -> Mapping[str, Any]:
        if not isinstance(value, list):
            raise ValueError(f"expected an array, got {got(value)}.")
        return {ours: [_member(plainly(each)) for each in value]} if value else {}

    return into


def _member(value: Mapping[str, Any]) -> str:
    table, name = value.get("table"), value.get("name")
    if not isinstance(table, str) or not isinstance(name, str):
        raise ValueError("expected objects with a table and a name.")
    return f"{table}.{name}"


def _order(value: Any) -> Mapping[str, Any]:
    """What would stand behind ORDER BY; there one text."""
    if not isinstance(value, str):
        raise ValueError(f"expected a string, got {got(value)}.")
    return {"order_by": [part.strip() for part in value.split(",")]} if value.strip() else {}


def _limit(value: Any) -> Mapping[str, Any]:
    """A number, or its text."""
    return {"limit": int(value) if isinstance(value, str) and value.isdecimal() else value}


def _unless_empty(ours: str) -> Into:
    """Nothing in it says nothing, as there."""
    return lambda value: {ours: value} if value else {}


def _configured(value: Any) -> Mapping[str, Any]:
    """The table of the service says it here."""
    if not isinstance(value, str):
        raise ValueError(f"expected a string, got {got(value)}.")
    return {}


_KIND: Final = Theirs("object_type", _kind, "kind", required=True)
_DATABASE: Final = same("database_name", "database")
_SCHEMA: Final = same("schema_name", "schema")
_FOUND: Final = (Theirs("like", _keyword, "like"), Theirs("starts_with", _beginning, "like"))
_SEMANTIC: Final = {"kind": "semantic view"}
_VIEW: Final = same("view_name", "name", required=True)
_CREATES: Final = (
    "execute_statement runs CREATE, ALTER and DROP where the operator lets this caller write."
)
_MEMBERS: Final = (
    "list_objects lists them with kind = semantic dimension or semantic metric; describe_object "
    "with kind = semantic view has those of one view."
)
_ELSEWHERE: Final = (
    Theirs("database_name", _configured, schema=_TEXT),
    Theirs("schema_name", _configured, schema=_TEXT),
)
_SERVICE: Final = same("service_name", "service", required=True)
_EXPRESSIONS: Final = {
    "type": "array",
    "items": {"type": "object", "properties": {"table": _TEXT, "name": _TEXT}},
}


def _by_name(*aliases: Alias) -> Mapping[str, Alias]:
    return MappingProxyType({alias.name: alias for alias in aliases})


_LABS: Final = Server(
    "snowflake-labs-mcp",
    _by_name(
        Alias("run_snowflake_query", "execute_query", (same("statement", "query", required=True),)),
        Alias("list_objects", "list_objects", (_KIND, _DATABASE, _SCHEMA, *_FOUND)),
        Alias(
            "describe_object",
            "describe_object",
            (
                _KIND,
                Theirs(
                    "target_object",
                    _target,
                    schema={
                        "type": "object",
                        "properties": {
                            "name": _TEXT,
                            "database_name": _TEXT,
                            "schema_name": _TEXT,
                        },
                    },
                ),
            ),
        ),
        Alias("list_semantic_views", "list_objects", (_DATABASE, _SCHEMA, *_FOUND), _SEMANTIC),
        Alias("describe_semantic_view", "describe_object", (_VIEW, _DATABASE, _SCHEMA), _SEMANTIC),
        Alias("get_semantic_view_ddl", "get_ddl", (_VIEW, _DATABASE, _SCHEMA), _SEMANTIC),
        Alias(
            "query_semantic_view",
            "query_semantic_view",
            (
                same("database_name", "database", required=True),
                same("schema_name", "schema", required=True),
                same("view_name", "view", required=True),
                Theirs("dimensions", _members("dimensions"), schema=_EXPRESSIONS),
                Theirs("metrics", _members("metrics"), schema=_EXPRESSIONS),
                Theirs("facts", _members("facts"), schema=_EXPRESSIONS),
                same("where_clause", "where"),
                Theirs("order_by", _order, schema=_TEXT),
                Theirs("limit", _limit, "limit"),
            ),
        ),
        Alias(
            "cortex_search",
            "cortex_search",
            (
                _SERVICE,
                *_ELSEWHERE,
                same("query", required=True),
                Theirs("columns", _unless_empty("columns"), "columns"),
                Theirs("filter_query", _unless_empty("filter"), "filter"),
                same("limit"),
            ),
        ),
        Alias(
            "cortex_analyst",
            "cortex_analyst",
            (
                _SERVICE,
                Theirs("semantic_model", _configured, schema=_TEXT),
                same("query", "question", required=True),
            ),
        ),
        Alias(
            "cortex_agent",
            "cortex_agent",
            (_SERVICE, *_ELSEWHERE, same("query", "question", required=True)),
        ),
    ),
    MappingProxyType(
        {
            "create_object": _CREATES,
            "create_or_alter_object": _CREATES,
            "drop_object": _CREATES,
            "show_semantic_dimensions": _MEMBERS,
            "show_semantic_metrics": _MEMBERS,
            "write_semantic_view_query_tool": "query_semantic_view writes the statement and runs "
            "it; execute_query runs SELECT * FROM SEMANTIC_VIEW(...) as you write it.",
        }
    ),
)
_ISAAC: Final = Server(
    "mcp-snowflake-server",
    _by_name(
        Alias("read_query", "execute_query", (same("query", required=True),)),
        Alias("write_query", "execute_statement", (same("query", required=True),)),
        Alias("create_table", "execute_statement", (same("query", required=True),)),
        Alias(
            "describe_table",
            "describe_table",
            (Theirs("table_name", _table, "table_name", required=True),),
            counts=lambda given: given.keys() == {"table_name"},
        ),
    ),
    MappingProxyType(
        {
            "append_insight": "This server keeps no notes. Keep insights in the conversation; "
            "my_queries tells which statements they came from."
        }
    ),
)
_DYNAMIKE: Final = Server(
    "snowflake-mcp-server",
    _by_name(
        Alias(
            "execute_query",
            "execute_query",
            (
                fixed("use_transaction", False, "Each statement stands by itself here."),
                fixed("auto_commit", True, "Nothing is left to be committed here."),
            ),
        ),
    ),
    MappingProxyType({}),
)

SERVERS: Final[Mapping[str, Server]] = MappingProxyType(
    {"labs": _LABS, "isaac": _ISAAC, "dynamike": _DYNAMIKE}
)
"""By the words of the setting ``migration.aliases``."""
