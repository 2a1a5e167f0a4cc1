"""The texts of resources: compact JSON whose lists come encoded from a worker thread."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from snowflake_mcp.content.asking import both
from snowflake_mcp.content.uris import Place, uri_of
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.catalog import Asker, Catalog
from snowflake_mcp.warehouse.entries import DefinitionEntry, Listing
from snowflake_mcp.warehouse.identifiers import shown
from snowflake_mcp.warehouse.visible import visible_json

__all__ = ["Bodies", "Body"]

_NO_DEFINITION = frozenset({Family.FORBIDDEN, Family.MISSING_OBJECT, Family.STATEMENT})
"""Failures that leave the description of a view worth having without its definition."""


class Body(NamedTuple):
    """A text, and when the oldest part of it was read, by the reactor's clock."""

    text: str
    read_at: float


class Bodies:
    """Reads a place of the catalog as a text; reactor thread only.

    Every body says in ``truncated`` whether it is cut and then in ``next_step`` how to get the
    rest; ``uri_template`` leads one level down.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def of(self, place: Place, asker: Asker) -> Body:
        """The text of a place, and of when it is.

        Raises:
            ToolFailure: there is no such place (MISSING_OBJECT), or Snowflake failed.
        """
        match place:
            case ():
                return await self._databases(asker)
            case (database,):
                return await self._database(database, asker)
            case (database, schema):
                return await self._schema(database, schema, asker)
        database, schema, table = place
        return await self._table(database, schema, table, asker)

    async def _databases(self, asker: Asker) -> Body:
        databases = await self._catalog.databases(asker)
        facts = {"uri_template": "snowflake://{name}"}
        return _json(
            facts, {"databases": databases}, "Narrow with the tool list_databases(like='A%')."
        )

    async def _database(self, database: str, asker: Asker) -> Body:
        schemas = await self._catalog.schemas(database, asker)
        facts = {"database": shown(database), "uri_template": f"{uri_of(database)}/{{name}}"}
        return _json(
            facts,
            {"schemas": schemas},
            "Narrow with the tool list_schemas(database, like='A%').",
        )

    async def _schema(self, database: str, schema: str, asker: Asker) -> Body:
        tables, views = await both(
            self._catalog.tables(database, schema, asker),
            self._catalog.views(database, schema, asker),
        )
        facts = {
            "database": shown(database),
            "schema": shown(schema),
            "uri_template": f"{uri_of(database, schema)}/{{name}}",
        }
        return _json(
            facts,
            {"tables": tables, "views": views},
            "Narrow with the tools list_tables and list_views(database, schema, like='A%').",
        )

    async def _table(self, database: str, schema: str, table: str, asker: Asker) -> Body:
        found, columns = await both(
            self._catalog.find(database, schema, table, asker),
            self._catalog.columns(database, schema, table, asker),
        )
        facts: dict[str, Any] = {
            "database": shown(database),
            "schema": shown(schema),
            "name": shown(table),
        }
        if found is not None:
            facts |= msgspec.to_builtins(found)
            if found.is_view:
                facts |= _definition(await self._defined(database, schema, table, asker))
        return _json(
            facts,
            {"columns": columns},
            "Read the rest from INFORMATION_SCHEMA.COLUMNS with the tool execute_query.",
        )

    async def _defined(
        self, database: str, schema: str, view: str, asker: Asker
    ) -> DefinitionEntry | None:
        try:
            return await self._catalog.definition(database, schema, view, asker)
        except ToolFailure as failure:
            if failure.family in _NO_DEFINITION:
                return None
            raise


def _definition(entry: DefinitionEntry | None) -> dict[str, Any]:
    """The members that tell a view's definition; ``null`` when the role may not see it."""
    if entry is None or not entry.text:
        return {"ddl": None}
    if entry.truncated:
        return {"ddl": entry.text, "ddl_truncated": True}
    return {"ddl": entry.text}


def _json(facts: Mapping[str, Any], lists: Mapping[str, Listing[Any]], how_to_go_on: str) -> Body:
    truncated = any(listing.cut for listing in lists.values())
    last: dict[str, Any] = {"truncated": truncated}
    if truncated:
        last["next_step"] = how_to_go_on
    members = [
        visible_json(msgspec.json.encode(facts))[1:-1],
        *(b'"%s":%s' % (name.encode(), bytes(lists[name].encoded)) for name in lists),
        msgspec.json.encode(last)[1:-1],
    ]
    text = (b"{" + b",".join(members) + b"}").decode()
    return Body(text, min(listing.read_at for listing in lists.values()))
