"""Where a SHOW statement looks, and the small words its cells are made of."""

from datetime import datetime
from typing import TYPE_CHECKING

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.show import ShowRequest

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["flag", "moment", "scope_of"]


def moment(value: datetime) -> str:
    """A time as JSON results carry it: seconds since 1970."""
    return f"{value.timestamp():.9f}"


def flag(value: object) -> str:
    """Y or N."""
    return "Y" if value else "N"


def scope_of(
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
