"""SHOW SEQUENCES."""

from typing import TYPE_CHECKING

from snowflake_mcp.simulator.headers import SEQUENCES
from snowflake_mcp.simulator.jobs import DEMO_ROLE, Job
from snowflake_mcp.simulator.scopes import moment, scope_of
from snowflake_mcp.simulator.show import Listing, ShowRequest

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["sequences"]


def sequences(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    """SHOW SEQUENCES."""
    found = connection.catalog.sequences(*scope_of(request, connection))
    return SEQUENCES, [
        (
            path[2],
            [
                path[2],
                *path[:2],
                str(following),
                str(step),
                moment(connection.catalog.notes.created(path)),
                DEMO_ROLE,
                "",
                "ROLE",
                "N",
            ],
        )
        for path, following, step in found
    ]
