"""SHOW PRIMARY KEYS, UNIQUE KEYS, IMPORTED KEYS and EXPORTED KEYS."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from snowflake_mcp.simulator.ddl import full_path
from snowflake_mcp.simulator.headers import IMPORTED_KEYS, KEYS
from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.keys import Key
from snowflake_mcp.simulator.notes import Path
from snowflake_mcp.simulator.scopes import moment, scope_of
from snowflake_mcp.simulator.show import Cell, Listing, ShowRequest

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["exported_keys", "imported_keys", "keys"]


def keys(constraint: str) -> Callable[[ShowRequest, "Connection", Job], Listing]:
    """The listing of one kind of constraint."""

    def listing(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
        rows: list[tuple[str, Sequence[Cell]]] = []
        for table, key in connection.catalog.keys(constraint, _key_scope(request, connection)):
            created = moment(connection.catalog.notes.created(table))
            for number, column in enumerate(key.columns, 1):
                cells = [created, *table, column, str(number), key.name, "false", None]
                rows.append((key.name, cells))
        return KEYS, rows

    return listing


def imported_keys(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    """SHOW IMPORTED KEYS: the foreign keys of the tables asked for."""
    found = connection.catalog.keys("FOREIGN KEY", _key_scope(request, connection))
    return _foreign(connection, found)


def exported_keys(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    """SHOW EXPORTED KEYS: the foreign keys that refer to the tables asked for."""
    scope = _key_scope(request, connection)
    found = connection.catalog.keys("FOREIGN KEY")
    return _foreign(connection, [pair for pair in found if pair[1].target[: len(scope)] == scope])


def _foreign(connection: "Connection", found: Sequence[tuple[Path, Key]]) -> Listing:
    primary = dict(connection.catalog.keys("PRIMARY KEY"))
    rows: list[tuple[str, Sequence[Cell]]] = []
    for table, key in found:
        created = moment(connection.catalog.notes.created(table))
        referred = primary.get(key.target)
        targets = key.targets or (referred.columns if referred else ())
        for number, (column, target) in enumerate(zip(key.columns, targets, strict=False), 1):
            cells: list[Cell] = [created, *key.target, target, *table, column, str(number)]
            cells += ["NO ACTION", "NO ACTION", key.name, referred.name if referred else None]
            cells += ["NOT DEFERRABLE", "false", None]
            rows.append((key.name, cells))
    return IMPORTED_KEYS, rows


def _key_scope(request: ShowRequest, connection: "Connection") -> Path:
    if request.scope in {"TABLE", "NAME"}:
        return connection.catalog.find(full_path(connection, request.path)).path
    return tuple(part for part in scope_of(request, connection) if part is not None)
