"""DESCRIBE of databases, schemas, warehouses and users."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from snowflake_mcp.simulator.absent import is_absent
from snowflake_mcp.simulator.ddl import full_path
from snowflake_mcp.simulator.failures import missing_object, not_supported
from snowflake_mcp.simulator.headers import show_fields
from snowflake_mcp.simulator.jobs import DEMO_ROLE, DEMO_WAREHOUSE, Job
from snowflake_mcp.simulator.listing_semantics import describe_semantic_view
from snowflake_mcp.simulator.results import Rows
from snowflake_mcp.simulator.scopes import moment
from snowflake_mcp.simulator.show import Cell

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["DESCRIBED", "describe_other"]

_DESCRIBE: Final = 0x4500
DESCRIBED: Final = frozenset({"DATABASE", "SCHEMA", "TABLE", "USER", "VIEW", "WAREHOUSE"})
"""Words that are a kind of object and not the name of one."""


def describe_other(connection: "Connection", kind: str, path: Sequence[str], job: Job) -> Rows:
    """DESCRIBE of anything but a table or view.

    :raises StatementFailed: 002003 when there is no such object, 000002 for other kinds.
    """
    name = path[-1]
    cells: list[list[Cell]]
    catalog = connection.catalog
    if kind == "SEMANTIC VIEW":
        return describe_semantic_view(connection, path)
    if kind == "DATABASE" and catalog.has_database(name):
        cells = [[moment(entry.created), entry.name, "SCHEMA"] for entry in catalog.schemas(name)]
    elif kind == "SCHEMA" and catalog.has_schema(*full_path(connection, [*path, "X"])[:2]):
        place = full_path(connection, [*path, "X"])[:2]
        entries = sorted([*catalog.tables(*place), *catalog.views(*place)], key=lambda e: e.name)
        cells = [[moment(entry.created), entry.name, entry.kind] for entry in entries]
    elif kind == "WAREHOUSE" and name == DEMO_WAREHOUSE:
        created = moment(catalog.notes.created(("WAREHOUSE", DEMO_WAREHOUSE)))
        cells = [[created, DEMO_WAREHOUSE, "WAREHOUSE"]]
    elif kind == "USER" and name == job.user.upper():
        facts = {
            "NAME": name,
            "LOGIN_NAME": name,
            "DISABLED": "false",
            "DEFAULT_ROLE": DEMO_ROLE,
            "DEFAULT_WAREHOUSE": DEMO_WAREHOUSE,
        }
        header = ("property", "value", "default", "description")
        rows = [[key, value, None, ""] for key, value in facts.items()]
        return Rows(show_fields(header), _DESCRIBE, cells=rows)
    elif kind in DESCRIBED or is_absent(kind):
        raise missing_object(kind.title(), ".".join(path))
    else:
        raise not_supported(f"DESCRIBE {kind[:40]}")
    return Rows(show_fields(("created_on", "name", "kind")), _DESCRIBE, cells=cells)
