"""SHOW and DESCRIBE of semantic views and what is in them."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from snowflake_mcp.simulator.ddl import full_path
from snowflake_mcp.simulator.failures import missing_object
from snowflake_mcp.simulator.headers import show_fields
from snowflake_mcp.simulator.jobs import DEMO_ROLE, Job
from snowflake_mcp.simulator.results import Rows
from snowflake_mcp.simulator.scopes import moment, scope_of
from snowflake_mcp.simulator.semantics import SEMANTIC_VIEWS, Member, SemanticView
from snowflake_mcp.simulator.show import Cell, Listing, ShowRequest

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["SEMANTIC_LISTINGS", "describe_semantic_view"]

_DESCRIBE: Final = 0x4500
_PROPERTIES: Final = ("object_kind", "object_name", "parent_entity", "property", "property_value")

_VIEWS: Final = (
    "created_on",
    "name",
    "kind",
    "database_name",
    "schema_name",
    "comment",
    "owner",
    "owner_role_type",
)
_MEMBERS: Final = (
    "database_name",
    "schema_name",
    "semantic_view_name",
    "table_name",
    "name",
    "data_type",
    "synonyms",
    "comment",
)

Listed = Callable[[ShowRequest, "Connection", Job], Listing]


def _views(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    database, schema = scope_of(request, connection)
    found = []
    for path, view in _there(connection):
        if database in (None, path[0]) and schema in (None, path[1]):
            created = moment(connection.catalog.notes.created(path))
            cells = [created, path[2], "", *path[:2], view.comment, DEMO_ROLE, "ROLE"]
            found.append((path[2], cells))
    return _VIEWS, found


def _members(kind: str) -> Listed:
    def listed(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
        named: tuple[str, ...] | None = None
        database = schema = None
        if request.scope == "NAME":
            named = full_path(connection, request.path)
            if named not in dict(_there(connection)):
                raise missing_object("Semantic view", ".".join(named))
        else:
            database, schema = scope_of(request, connection)
        found: list[tuple[str, Sequence[Cell]]] = []
        for path, view in _there(connection):
            here = database in (None, path[0]) and schema in (None, path[1])
            if named not in (None, path) or not here:
                continue
            members: Sequence[Member] = getattr(view, kind)
            found += [
                (
                    each.name,
                    [*path, each.table, each.name, each.type, _synonyms(each), each.comment],
                )
                for each in members
            ]
        return _MEMBERS, sorted(found, key=lambda row: row[0])

    return listed


def describe_semantic_view(connection: "Connection", path: Sequence[str]) -> Rows:
    """DESCRIBE SEMANTIC VIEW: a row for each property of each part.

    :raises StatementFailed: 002003 when there is none of this name.
    """
    whole = full_path(connection, path)
    view = dict(_there(connection)).get(whole)
    if view is None:
        raise missing_object("Semantic view", ".".join(whole))
    cells: list[list[Cell]] = [[None, None, None, "COMMENT", view.comment]]
    for table, base in view.tables.items():
        database, schema, name = base.split(".")
        for key, value in (
            ("BASE_TABLE_DATABASE_NAME", database),
            ("BASE_TABLE_SCHEMA_NAME", schema),
            ("BASE_TABLE_NAME", name),
        ):
            cells.append(["TABLE", table, None, key, value])
    for kind, members in (
        ("DIMENSION", view.dimensions),
        ("FACT", view.facts),
        ("METRIC", view.metrics),
    ):
        for each in members:
            told = (
                ("TABLE", each.table),
                ("EXPRESSION", each.sql),
                ("DATA_TYPE", each.type),
                ("SYNONYMS", _synonyms(each)),
                ("COMMENT", each.comment),
            )
            cells += [[kind, each.name, each.table, key, value] for key, value in told if value]
    return Rows(show_fields(_PROPERTIES), _DESCRIBE, cells=cells)


def _there(connection: "Connection") -> Iterator[tuple[tuple[str, ...], SemanticView]]:
    """Those whose schema exists: without the sample data there are none."""
    for path, view in SEMANTIC_VIEWS.items():
        if connection.catalog.has_database(path[0]) and connection.catalog.has_schema(*path[:2]):
            yield path, view


def _synonyms(member: Member) -> str:
    return "[" + ",".join(f'"{each}"' for each in member.synonyms) + "]" if member.synonyms else ""


SEMANTIC_LISTINGS: Final[dict[str, Listed]] = {
    "SEMANTIC VIEWS": _views,
    "SEMANTIC DIMENSIONS": _members("dimensions"),
    "SEMANTIC FACTS": _members("facts"),
    "SEMANTIC METRICS": _members("metrics"),
}
"""By the kind that SHOW names."""
