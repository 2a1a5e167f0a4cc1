"""The database and the schema that are meant when none is named."""

from snowflake_mcp.config.model import ConnectionSettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.catalog import Asker, Catalog
from snowflake_mcp.warehouse.identifiers import folded

__all__ = ["Defaults"]


class Defaults:
    """What the settings of the asker's connection say, else where its sessions begin.

    Reactor thread only.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def database(self, asker: Asker) -> str | None:
        """The stored name of the default database, if there is one.

        Raises:
            ToolFailure: Snowflake or the way to it failed.
        """
        configured = _configured(self._catalog.seat(asker).settings, "database")
        if configured is not None:
            return configured
        listing = await self._catalog.databases(asker)
        return next((folded(each.name) for each in listing.entries if each.default), None)

    async def schema(self, database: str, asker: Asker) -> str | None:
        """The stored name of the default schema, if this is the default database.

        Raises:
            ToolFailure: Snowflake or the way to it failed.
        """
        settings = self._catalog.seat(asker).settings
        configured = _configured(settings, "schema")
        if configured is not None:
            return configured if database == _configured(settings, "database") else None
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
