"""SHOW PRIMARY KEYS, UNIQUE KEYS and IMPORTED KEYS."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from snowflake_mcp.simulator.ddl import full_path
from snowflake_mcp.simulator.headers import IMPORTED_KEYS, KEYS
from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.notes import Path
from snowflake_mcp.simulator.scopes import moment, scope_of
from snowflake_mcp.simulator.show import Cell, Listing, ShowRequest

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["imported_keys", "keys"]


def keys(constraint: str) -> Callable[[ShowRequest, "Connection", Job], Listing]:
    """The listing of one kind of constraint."""

    def listing(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
        rows: list[tuple[str, Sequence[Cell]]] = []
        for found in connection.catalog.keys(constraint, _key_scope(request, connection)):
            database, schema, table, columns, name, _, _ = found
            created = moment(connection.catalog.notes.created((database, schema, table)))
            for number, column in enumerate(columns, 1):
                cells = [created, database, schema, table, column, str(number), name, "false", None]
                rows.append((name, cells))
        return KEYS, rows

    return listing


def imported_keys(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    """SHOW IMPORTED KEYS."""
    rows: list[tuple[str, Sequence[Cell]]] = []
    for found in connection.catalog.keys("FOREIGN KEY", _key_scope(request, connection)):
        database, schema, table, columns, name, target, targets = found
        created = moment(connection.catalog.notes.created((database, schema, table)))
        for number, (column, referenced) in enumerate(zip(columns, targets, strict=True), 1):
            cells = [created, database, schema, target, referenced, database, schema, table]
            cells += [column, str(number), "NO ACTION", "NO ACTION", name, None]
            cells += ["NOT DEFERRABLE", "false", None]
            rows.append((name, cells))
    return IMPORTED_KEYS, rows


def _key_scope(request: ShowRequest, connection: "Connection") -> Path:
    if request.scope in {"TABLE", "NAME"}:
        return connection.catalog.find(full_path(connection, request.path)).path
    return tuple(part for part in scope_of(request, connection) if part is not None)
