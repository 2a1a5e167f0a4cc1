"""What SHOW answers, from the catalog."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from snowflake_mcp.simulator.absent import ABSENT, absent_rows
from snowflake_mcp.simulator.catalog import ColumnEntry, Entry
from snowflake_mcp.simulator.ddl import full_path
from snowflake_mcp.simulator.failures import not_supported
from snowflake_mcp.simulator.headers import (
    COLUMNS,
    DATABASES,
    OBJECTS,
    SCHEMAS,
    TABLES,
    TERSE,
    VIEWS,
    show_fields,
)
from snowflake_mcp.simulator.jobs import DEMO_ROLE, Job
from snowflake_mcp.simulator.listing_account import grants, regions, roles, users, warehouses
from snowflake_mcp.simulator.listing_keys import exported_keys, imported_keys, keys
from snowflake_mcp.simulator.listing_objects import sequences
from snowflake_mcp.simulator.listing_semantics import SEMANTIC_LISTINGS
from snowflake_mcp.simulator.listing_session import parameters, variables
from snowflake_mcp.simulator.results import Rows
from snowflake_mcp.simulator.scopes import flag, moment, scope_of
from snowflake_mcp.simulator.show import Cell, Listing, ShowRequest, matching

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["answer_show"]

_SHOW: Final = 0x4400
_OWNER: Final = DEMO_ROLE


def answer_show(request: ShowRequest, connection: "Connection", job: Job) -> Rows:
    """The rows of one SHOW statement; worker threads only.

    :raises StatementFailed: 002043 for a scope that does not exist, 000002 for a kind that is
        not listed here.
    """
    listing = _LISTINGS.get(request.kind)
    if listing is None and request.kind in ABSENT:
        if request.scope in {"DATABASE", "SCHEMA", "NAME"}:
            scope_of(request, connection)
        return absent_rows(request.kind)
    if listing is None:
        raise not_supported(f"SHOW {request.kind[:60]}")
    header, named = listing(request, connection, job)
    return Rows(
        show_fields(header),
        _SHOW,
        cells=matching(request, named),
    )


def _terse(entry: Entry, kind: str | None) -> tuple[str, Sequence[Cell]]:
    owner = entry.path[0] if len(entry.path) > 1 else None
    schema = entry.path[1] if len(entry.path) > 2 else None
    return entry.name, [moment(entry.created), entry.name, kind, owner, schema]


def _databases(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    entries = connection.catalog.databases()
    if request.terse:
        return TERSE, [_terse(entry, "STANDARD") for entry in entries]
    return DATABASES, [
        (
            entry.name,
            [
                moment(entry.created),
                entry.name,
                "N",
                flag(entry.name == connection.place.database),
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
    database, _ = scope_of(request, connection, bare="DATABASE")
    entries = connection.catalog.schemas(database)
    if request.terse:
        return TERSE, [_terse(entry, None) for entry in entries]
    here = (connection.place.database, connection.place.schema)
    return SCHEMAS, [
        (
            entry.name,
            [
                moment(entry.created),
                entry.name,
                "N",
                flag(entry.path == here),
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
    entries = connection.catalog.tables(*scope_of(request, connection))
    if request.terse:
        return TERSE, [_terse(entry, "TABLE") for entry in entries]
    return TABLES, [
        (
            entry.name,
            [
                moment(entry.created),
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
    entries = connection.catalog.views(*scope_of(request, connection))
    if request.terse:
        return TERSE, [_terse(entry, "VIEW") for entry in entries]
    return VIEWS, [
        (
            entry.name,
            [
                moment(entry.created),
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
    scope = scope_of(request, connection)
    entries = sorted(
        (*connection.catalog.tables(*scope), *connection.catalog.views(*scope)),
        key=lambda entry: entry.path,
    )
    if request.terse:
        return TERSE, [_terse(entry, entry.kind) for entry in entries]
    return OBJECTS, [
        (
            entry.name,
            [
                moment(entry.created),
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
    database: str | None
    schema: str | None
    table: str | None
    if request.scope in {"TABLE", "VIEW", "NAME"}:
        entry = connection.catalog.find(full_path(connection, request.path))
        database, schema, table = entry.path
    else:
        (database, schema), table = scope_of(request, connection), None
    return COLUMNS, [
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


_LISTINGS: Final[Mapping[str, Callable[[ShowRequest, "Connection", Job], Listing]]] = {
    "DATABASES": _databases,
    "SCHEMAS": _schemas,
    "TABLES": _tables,
    "VIEWS": _views,
    "OBJECTS": _objects,
    **SEMANTIC_LISTINGS,
    "COLUMNS": _columns,
    "WAREHOUSES": warehouses,
    "ROLES": roles,
    "GRANTS": grants,
    "PARAMETERS": parameters,
    "REGIONS": regions,
    "SEQUENCES": sequences,
    "USERS": users,
    "VARIABLES": variables,
    "PRIMARY KEYS": keys("PRIMARY KEY"),
    "UNIQUE KEYS": keys("UNIQUE"),
    "IMPORTED KEYS": imported_keys,
    "EXPORTED KEYS": exported_keys,
}
