"""What SHOW answers, from the catalog."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from snowflake_mcp.simulator.catalog import ColumnEntry, Entry, Path
from snowflake_mcp.simulator.columns import Field, text_field
from snowflake_mcp.simulator.failures import StatementFailed, not_supported
from snowflake_mcp.simulator.jobs import DEMO_ROLE, DEMO_WAREHOUSE, Job
from snowflake_mcp.simulator.results import Rows
from snowflake_mcp.simulator.show import ShowRequest, matching

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["FROM_ENGINE", "answer_show"]

FROM_ENGINE: Final = frozenset(
    {"FUNCTIONS", "USER FUNCTIONS", "PROCEDURES", "SEQUENCES", "USERS", "VARIABLES", "PARAMETERS"}
)
"""Kinds that fakesnow lists well enough."""

_SHOW: Final = 0x4400
_OWNER: Final = DEMO_ROLE
Cell = str | None


def answer_show(request: ShowRequest, connection: "Connection", job: Job) -> Rows:
    """The rows of one SHOW statement; worker threads only.

    :raises StatementFailed: 002043 for a scope that does not exist, 000002 for a kind that is
        not listed here.
    """
    listing = _LISTINGS.get(request.kind)
    if listing is None:
        raise not_supported(f"SHOW {request.kind[:60]}")
    header, named = listing(request, connection, job)
    return Rows(
        [_FIELDS.get(name) or text_field(name) for name in header],
        _SHOW,
        cells=matching(request, named),
    )


Named = Sequence[tuple[str, Sequence[Cell]]]
Listing = tuple[Sequence[str], Named]

_FIELDS: Final[Mapping[str, Field]] = {
    name: Field(name, "timestamp_ltz", precision=0, scale=3)
    for name in ("created_on", "resumed_on", "updated_on", "dropped_on")
} | {
    name: Field(name, "fixed", precision=38, scale=0)
    for name in ("rows", "bytes", "key_sequence", "running", "queued", "started_clusters")
}


def _moment(value: datetime) -> str:
    return f"{value.timestamp():.9f}"


def _flag(value: object) -> str:
    return "Y" if value else "N"


_TERSE: Final = ("created_on", "name", "kind", "database_name", "schema_name")


def _terse(entry: Entry, kind: str | None) -> tuple[str, Sequence[Cell]]:
    owner = entry.path[0] if len(entry.path) > 1 else None
    schema = entry.path[1] if len(entry.path) > 2 else None
    return entry.name, [_moment(entry.created), entry.name, kind, owner, schema]


def _databases(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    entries = connection.catalog.databases()
    if request.terse:
        return _TERSE, [_terse(entry, "STANDARD") for entry in entries]
    header = [
        "created_on",
        "name",
        "is_default",
        "is_current",
        "origin",
        "owner",
        "comment",
        "options",
        "retention_time",
        "kind",
        "budget",
        "owner_role_type",
        "object_visibility",
    ]
    return header, [
        (
            entry.name,
            [
                _moment(entry.created),
                entry.name,
                "N",
                _flag(entry.name == connection.place.database),
                "",
                _OWNER,
                entry.comment,
                "",
                "1",
                "STANDARD",
                None,
                "ROLE",
                None,
            ],
        )
        for entry in entries
    ]


def _schemas(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    database, _ = _scope(request, connection, bare="DATABASE")
    entries = connection.catalog.schemas(database)
    if request.terse:
        return _TERSE, [_terse(entry, None) for entry in entries]
    header = [
        "created_on",
        "name",
        "is_default",
        "is_current",
        "database_name",
        "owner",
        "comment",
        "options",
        "retention_time",
        "owner_role_type",
        "classification_profile_database",
        "classification_profile_schema",
        "classification_profile",
        "object_visibility",
    ]
    here = (connection.place.database, connection.place.schema)
    return header, [
        (
            entry.name,
            [
                _moment(entry.created),
                entry.name,
                "N",
                _flag(entry.path == here),
                entry.path[0],
                "" if entry.name == "INFORMATION_SCHEMA" else _OWNER,
                "Views describing the contents of schemas in this database"
                if entry.name == "INFORMATION_SCHEMA"
                else entry.comment,
                "",
                "1",
                "" if entry.name == "INFORMATION_SCHEMA" else "ROLE",
                None,
                None,
                None,
                None,
            ],
        )
        for entry in entries
    ]


def _tables(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    entries = connection.catalog.tables(*_scope(request, connection))
    if request.terse:
        return _TERSE, [_terse(entry, "TABLE") for entry in entries]
    header = [
        "created_on",
        "name",
        "database_name",
        "schema_name",
        "kind",
        "comment",
        "cluster_by",
        "rows",
        "bytes",
        "owner",
        "retention_time",
        "automatic_clustering",
        "change_tracking",
        "is_external",
        "enable_schema_evolution",
        "owner_role_type",
        "is_event",
        "budget",
        "is_hybrid",
        "is_iceberg",
        "is_dynamic",
        "is_immutable",
    ]
    return header, [
        (
            entry.name,
            [
                _moment(entry.created),
                entry.name,
                *entry.path[:2],
                "TABLE",
                entry.comment,
                "",
                str(entry.rows),
                str((entry.rows or 0) * 64),
                _OWNER,
                "1",
                "OFF",
                "OFF",
                "N",
                "N",
                "ROLE",
                "N",
                None,
                "N",
                "N",
                "N",
                "N",
            ],
        )
        for entry in entries
    ]


def _views(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    entries = connection.catalog.views(*_scope(request, connection))
    if request.terse:
        return _TERSE, [_terse(entry, "VIEW") for entry in entries]
    header = [
        "created_on",
        "name",
        "reserved",
        "database_name",
        "schema_name",
        "owner",
        "comment",
        "text",
        "is_secure",
        "is_materialized",
        "owner_role_type",
        "change_tracking",
    ]
    return header, [
        (
            entry.name,
            [
                _moment(entry.created),
                entry.name,
                "",
                *entry.path[:2],
                _OWNER,
                entry.comment,
                f"create or replace view {'.'.join(entry.path)} as {entry.text}",
                "false",
                "false",
                "ROLE",
                "OFF",
            ],
        )
        for entry in entries
    ]


def _objects(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    scope = _scope(request, connection)
    entries = sorted(
        (*connection.catalog.tables(*scope), *connection.catalog.views(*scope)),
        key=lambda entry: entry.path,
    )
    if request.terse:
        return _TERSE, [_terse(entry, entry.kind) for entry in entries]
    header = [
        "created_on",
        "name",
        "database_name",
        "schema_name",
        "kind",
        "comment",
        "cluster_by",
        "rows",
        "bytes",
        "owner",
        "retention_time",
        "owner_role_type",
        "is_hybrid",
        "is_dynamic",
        "is_iceberg",
    ]
    return header, [
        (
            entry.name,
            [
                _moment(entry.created),
                entry.name,
                *entry.path[:2],
                entry.kind,
                entry.comment,
                "",
                "0" if entry.rows is None else str(entry.rows),
                "0" if entry.rows is None else str(entry.rows * 64),
                _OWNER,
                "1",
                "ROLE",
                "N",
                "N",
                "N",
            ],
        )
        for entry in entries
    ]


def _columns(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    table: str | None = None
    if request.scope in {"TABLE", "VIEW", "NAME"}:
        from snowflake_mcp.simulator.ddl import full_path  # noqa: PLC0415 ddl imports columns

        entry = connection.catalog.find(full_path(connection, request.path))
        database, schema, table = entry.path
    else:
        database, schema = _scope(request, connection)  # type: ignore[assignment]
    header = [
        "table_name",
        "schema_name",
        "column_name",
        "data_type",
        "null?",
        "default",
        "kind",
        "expression",
        "comment",
        "database_name",
        "autoincrement",
        "schema_evolution_record",
    ]
    return header, [
        (
            column.name,
            [
                column.table[2],
                column.table[1],
                column.name,
                _type_json(column),
                "true" if column.nullable else "NOT_NULL",
                column.default or "",
                "COLUMN",
                "",
                column.comment,
                column.table[0],
                "",
                None,
            ],
        )
        for column in connection.catalog.columns(database, schema, table)
    ]


_WIRE_TYPES: Final = {"NUMBER": "FIXED", "VARCHAR": "TEXT", "FLOAT": "REAL"}


def _type_json(column: ColumnEntry) -> str:
    found = re.fullmatch(r"(\w+)(?:\((\d+)(?:,(\d+))?\))?", column.type)
    name, first, second = found.groups() if found else (column.type, None, None)
    facts: dict[str, object] = {"type": _WIRE_TYPES.get(name, name)}
    if name == "NUMBER":
        facts |= {"precision": int(first or 38), "scale": int(second or 0)}
    elif name in {"VARCHAR", "BINARY"}:
        length = int(first or 0)
        facts |= {"length": length, "byteLength": min(length * 4, 16_777_216), "fixed": False}
    elif first is not None:
        facts |= {"precision": 0, "scale": int(first)}
    facts["nullable"] = column.nullable
    return msgspec.json.encode(facts).decode()


def _warehouses(_request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    header = [
        "name",
        "state",
        "type",
        "size",
        "min_cluster_count",
        "max_cluster_count",
        "started_clusters",
        "running",
        "queued",
        "is_default",
        "is_current",
        "auto_suspend",
        "auto_resume",
        "available",
        "provisioning",
        "quiescing",
        "other",
        "created_on",
        "resumed_on",
        "updated_on",
        "owner",
        "comment",
        "enable_query_acceleration",
        "query_acceleration_max_scale_factor",
        "resource_monitor",
        "actives",
        "pendings",
        "failed",
        "suspended",
        "uuid",
        "scaling_policy",
        "budget",
        "owner_role_type",
    ]
    created = _moment(connection.catalog.notes.created(("WAREHOUSE", DEMO_WAREHOUSE)))
    current = _flag(connection.place.warehouse == DEMO_WAREHOUSE)
    cells: list[Cell] = f"{DEMO_WAREHOUSE} STARTED STANDARD X-Small 1 1 1 0 0 Y".split()  # type: ignore[assignment]
    cells += [current, "600", "true", "100", "", "", "", created, created, created, _OWNER]
    cells += ["Demo warehouse inside snowflake-mcp", "false", "8", "null", "1", "0", "0", "0"]
    cells += ["1", "STANDARD", None, "ROLE"]
    return header, [(DEMO_WAREHOUSE, cells)]


def _roles(_request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    header = [
        "created_on",
        "name",
        "is_default",
        "is_current",
        "is_inherited",
        "assigned_to_users",
        "granted_to_roles",
        "granted_roles",
        "owner",
        "comment",
    ]
    created = _moment(connection.catalog.notes.created(("ROLE", DEMO_ROLE)))
    return header, [
        (
            name,
            [created, name, _flag(name == DEMO_ROLE), _flag(name == connection.place.role)]
            + ["N", "1", "0", "0", "", comment],
        )
        for name, comment in ((DEMO_ROLE, "The role of the demo"), ("PUBLIC", ""))
    ]


def _grants(request: ShowRequest, connection: "Connection", job: Job) -> Listing:
    created = _moment(connection.catalog.notes.created(("ROLE", DEMO_ROLE)))
    if request.rest[:2] == ("TO", "ROLE") or request.rest[:1] == ("ON",):
        header = [
            "created_on",
            "privilege",
            "granted_on",
            "name",
            "granted_to",
            "grantee_name",
            "grant_option",
            "granted_by",
        ]
        entries = connection.catalog.databases()
        return header, [
            (
                entry.name,
                [created, "OWNERSHIP", "DATABASE", entry.name, "ROLE", DEMO_ROLE, "true", ""],
            )
            for entry in entries
        ]
    header = ["created_on", "role", "granted_to", "grantee_name", "granted_by"]
    return header, [(DEMO_ROLE, [created, DEMO_ROLE, "USER", job.user, ""])]


_KEY_HEADER: Final = [
    "created_on",
    "database_name",
    "schema_name",
    "table_name",
    "column_name",
    "key_sequence",
    "constraint_name",
    "rely",
    "comment",
]


def _keys(constraint: str) -> Callable[[ShowRequest, "Connection", Job], Listing]:
    def listing(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
        rows: list[tuple[str, Sequence[Cell]]] = []
        for found in connection.catalog.keys(constraint, _key_scope(request, connection)):
            database, schema, table, columns, name, _, _ = found
            created = _moment(connection.catalog.notes.created((database, schema, table)))
            for number, column in enumerate(columns, 1):
                cells = [created, database, schema, table, column, str(number), name, "false", None]
                rows.append((name, cells))
        return _KEY_HEADER, rows

    return listing


def _imported_keys(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    header = [
        "created_on",
        "pk_database_name",
        "pk_schema_name",
        "pk_table_name",
        "pk_column_name",
        "fk_database_name",
        "fk_schema_name",
        "fk_table_name",
        "fk_column_name",
        "key_sequence",
        "update_rule",
        "delete_rule",
        "fk_name",
        "pk_name",
        "deferrability",
        "rely",
        "comment",
    ]
    rows: list[tuple[str, Sequence[Cell]]] = []
    for found in connection.catalog.keys("FOREIGN KEY", _key_scope(request, connection)):
        database, schema, table, columns, name, target, targets = found
        created = _moment(connection.catalog.notes.created((database, schema, table)))
        for number, (column, referenced) in enumerate(zip(columns, targets, strict=True), 1):
            cells = [created, database, schema, target, referenced, database, schema, table]
            cells += [column, str(number), "NO ACTION", "NO ACTION", name, None]
            cells += ["NOT DEFERRABLE", "false", None]
            rows.append((name, cells))
    return header, rows


def _key_scope(request: ShowRequest, connection: "Connection") -> Path:
    if request.scope in {"TABLE", "NAME"}:
        from snowflake_mcp.simulator.ddl import full_path  # noqa: PLC0415

        return connection.catalog.find(full_path(connection, request.path)).path
    return tuple(part for part in _scope(request, connection) if part is not None)


def _scope(
    request: ShowRequest, connection: "Connection", bare: str = "SCHEMA"
) -> tuple[str | None, str | None]:
    """Database and schema that a listing is limited to; None: not limited.

    :raises StatementFailed: 002043 when they do not exist.
    """
    place = connection.place
    scope = bare if request.scope == "NAME" else request.scope
    path = request.path
    if scope == "ACCOUNT" or (not scope and place.database is None):
        return None, None
    if scope == "DATABASE":
        database = path[0] if path else place.database
        if len(path) > 1 or database is None or not connection.catalog.has_database(database):
            raise _nowhere()
        return database, None
    if scope == "SCHEMA":
        names = (place.database, place.schema, *path)[-2:] if len(path) < 2 else path
        if len(path) == 1:
            names = (place.database, path[0])
        database, schema = names[0], names[1]
        if len(path) > 2 or database is None or schema is None:
            raise _nowhere()
        if not connection.catalog.has_schema(database, schema):
            raise _nowhere()
        return database, schema
    if scope:
        raise _nowhere()
    return place.database, None if bare == "DATABASE" else place.schema


def _nowhere() -> StatementFailed:
    return StatementFailed(
        "002043",
        "02000",
        "SQL compilation error:\nObject does not exist, or operation cannot be performed.",
    )


_LISTINGS: Final[Mapping[str, Callable[[ShowRequest, "Connection", Job], Listing]]] = {
    "DATABASES": _databases,
    "SCHEMAS": _schemas,
    "TABLES": _tables,
    "VIEWS": _views,
    "OBJECTS": _objects,
    "COLUMNS": _columns,
    "WAREHOUSES": _warehouses,
    "ROLES": _roles,
    "GRANTS": _grants,
    "PRIMARY KEYS": _keys("PRIMARY KEY"),
    "UNIQUE KEYS": _keys("UNIQUE"),
    "IMPORTED KEYS": _imported_keys,
}
