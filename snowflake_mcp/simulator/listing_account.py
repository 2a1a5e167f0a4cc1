"""SHOW WAREHOUSES, ROLES and GRANTS: the one warehouse and the one role of the demo."""

from typing import TYPE_CHECKING

from snowflake_mcp.simulator.headers import GRANTS, GRANTS_TO_USER, ROLES, WAREHOUSES
from snowflake_mcp.simulator.jobs import DEMO_ROLE, DEMO_WAREHOUSE, Job
from snowflake_mcp.simulator.scopes import flag, moment
from snowflake_mcp.simulator.show import Cell, Listing, ShowRequest

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["grants", "roles", "warehouses"]

_OWNER = DEMO_ROLE


def warehouses(_request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    """SHOW WAREHOUSES."""
    created = moment(connection.catalog.notes.created(("WAREHOUSE", DEMO_WAREHOUSE)))
    current = flag(connection.place.warehouse == DEMO_WAREHOUSE)
    cells: list[Cell] = [DEMO_WAREHOUSE, "STARTED", "STANDARD", "X-Small", "1", "1", "1", "0", "0"]
    cells += ["Y"]
    cells += [current, "600", "true", "100", "", "", "", created, created, created, _OWNER]
    cells += ["Demo warehouse inside snowflake-mcp", "false", "8", "null", "1", "0", "0", "0"]
    cells += ["1", "STANDARD", None, "ROLE"]
    return WAREHOUSES, [(DEMO_WAREHOUSE, cells)]


def roles(_request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    """SHOW ROLES."""
    created = moment(connection.catalog.notes.created(("ROLE", DEMO_ROLE)))
    return ROLES, [
        (
            name,
            [
                created,
                name,
                flag(name == DEMO_ROLE),
                flag(name == connection.place.role),
                "N",
                "1",
                "0",
                "0",
                "",
                comment,
            ],
        )
        for name, comment in ((DEMO_ROLE, "The role of the demo"), ("PUBLIC", ""))
    ]


def grants(request: ShowRequest, connection: "Connection", job: Job) -> Listing:
    """SHOW GRANTS: on an object, to a role, or to the user."""
    created = moment(connection.catalog.notes.created(("ROLE", DEMO_ROLE)))
    if request.rest[:2] == ("TO", "ROLE") or request.rest[:1] == ("ON",):
        entries = connection.catalog.databases()
        return GRANTS, [
            (
                entry.name,
                [created, "OWNERSHIP", "DATABASE", entry.name, "ROLE", DEMO_ROLE, "true", ""],
            )
            for entry in entries
        ]
    return GRANTS_TO_USER, [(DEMO_ROLE, [created, DEMO_ROLE, "USER", job.user, ""])]
