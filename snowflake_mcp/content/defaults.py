"""The database and the schema that are meant when none is named."""

from snowflake_mcp.config.model import ConnectionSettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.catalog import Asker, Catalog
from snowflake_mcp.warehouse.identifiers import folded

__all__ = ["Defaults"]


class Defaults:
    """What the connection's settings say, else where its sessions begin; reactor thread only."""

    def __init__(self, catalog: Catalog, connection: ConnectionSettings) -> None:
        self._catalog = catalog
        self._database = _configured(connection, "database")
        self._schema = _configured(connection, "schema")

    async def database(self, asker: Asker) -> str | None:
        """The stored name of the default database, if there is one.

        Raises:
            ToolFailure: Snowflake or the way to it failed.
        """
        if self._database is not None:
            return self._database
        listing = await self._catalog.databases(asker)
        return next((folded(each.name) for each in listing.entries if each.default), None)

    async def schema(self, database: str, asker: Asker) -> str | None:
        """The stored name of the default schema, if this is the default database.

        Raises:
            ToolFailure: Snowflake or the way to it failed.
        """
        if self._schema is not None:
            return self._schema if database == self._database else None
        try:
            listing = await self._catalog.schemas(database, asker)
        except ToolFailure as failure:
            if failure.family is Family.MISSING_OBJECT:
                return None
            raise
        return next((folded(each.name) for each in listing.entries if each.default), None)


def _configured(connection: ConnectionSettings, name: str) -> str | None:
    value = connection.parameters.get(name)
    if not isinstance(value, str):
        return None
    try:
        return folded(value)
    except ValueError:
        return None
