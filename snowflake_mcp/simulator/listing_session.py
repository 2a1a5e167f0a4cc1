"""SHOW PARAMETERS and SHOW VARIABLES: what a session has set."""

from typing import TYPE_CHECKING, Final

from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.session_parameters import KNOWN
from snowflake_mcp.simulator.show import Listing, ShowRequest

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["parameters", "variables"]

_HEADER: Final = ("key", "value", "default", "level", "description", "type")


def parameters(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    """SHOW PARAMETERS: in the session with what it set, elsewhere as they are by default."""
    own = connection.place.parameters if request.scope in {"", "SESSION"} else {}
    return _HEADER, [
        (
            key,
            [key, own.get(key, default), default, "SESSION" if key in own else "", meaning, kind],
        )
        for key, (default, kind, meaning) in KNOWN.items()
    ]


def variables(_request: ShowRequest, connection: "Connection", job: Job) -> Listing:
    """SHOW VARIABLES: what SET has set in this session."""
    header = ("session_id", "created_on", "updated_on", "name", "value", "type", "comment")
    return header, [
        (name, [str(job.session_id), None, None, name, value, kind, ""])
        for name, value, kind in connection.variables()
    ]
