"""SHOW WAREHOUSES, ROLES and GRANTS: the one warehouse and the one role of the demo."""

from typing import TYPE_CHECKING

from snowflake_mcp.simulator.headers import (
    GRANTS,
    GRANTS_TO_USER,
    REGIONS,
    ROLES,
    USERS,
    WAREHOUSES,
)
from snowflake_mcp.simulator.jobs import DEMO_REGION, DEMO_ROLE, DEMO_WAREHOUSE, Job
from snowflake_mcp.simulator.scopes import flag, moment
from snowflake_mcp.simulator.show import Cell, Listing, ShowRequest

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["grants", "regions", "roles", "users", "warehouses"]

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


def users(_request: ShowRequest, connection: "Connection", job: Job) -> Listing:
    """SHOW USERS: the one who asks."""
    created = moment(connection.catalog.notes.created(("USER", job.user.upper())))
    facts: dict[str, Cell] = dict.fromkeys(USERS, "")
    facts |= dict.fromkeys(("last_success_login", "expires_at_time", "locked_until_time"))
    facts |= dict.fromkeys(("name", "login_name", "display_name"), job.user.upper())
    facts |= dict.fromkeys(
        ("disabled", "must_change_password", "snowflake_lock", "ext_authn_duo", "has_mfa"), "false"
    )
    facts |= {
        "created_on": created,
        "default_role": DEMO_ROLE,
        "default_warehouse": DEMO_WAREHOUSE,
        "owner": _OWNER,
        "has_password": "true",
        "has_rsa_public_key": "false",
        "type": "PERSON",
    }
    return USERS, [(job.user.upper(), [facts[name] for name in USERS])]


def regions(_request: ShowRequest, _connection: "Connection", _job: Job) -> Listing:
    """SHOW REGIONS: the one that is no region."""
    cells: list[Cell] = ["PUBLIC", DEMO_REGION, "local", "local", "This machine"]
    return REGIONS, [(DEMO_REGION, cells)]


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
