"""Names of the catalog for those who type an argument of a prompt or a part of a URI."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from twisted.logger import Logger

from snowflake_mcp.content.asking import Askers, both
from snowflake_mcp.content.defaults import Defaults
from snowflake_mcp.content.uris import TEMPLATES, VARIABLES
from snowflake_mcp.content.wording import PROMPTS
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError, ToolFailure
from snowflake_mcp.warehouse.catalog import Asker, Catalog
from snowflake_mcp.warehouse.directory import Directory
from snowflake_mcp.warehouse.entries import Entry
from snowflake_mcp.warehouse.identifiers import folded, shown

__all__ = ["SnowflakeCompletions"]

_log = Logger()

_MAX_CHARS: Final = 600
"""No name is longer, quotes included."""

_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    **{template: VARIABLES[: index + 1] for index, template in enumerate(TEMPLATES)},
    **{prompt.name: tuple(each.name for each in prompt.arguments) for prompt in PROMPTS},
}
"""What can be completed, by template and by the name of the prompt."""


class SnowflakeCompletions:
    """Implements ``protocol.tooling.Completions``; reactor thread only.

    Values are names as SQL and the tools take them, in the catalog's order. What is not found,
    and what Snowflake fails to tell, is an empty list: nobody who types wants an error.
    """

    def __init__(
        self, catalog: Catalog, defaults: Defaults, askers: Askers, directory: Directory
    ) -> None:
        self._catalog = catalog
        self._directory = directory
        self._askers = askers
        self._defaults = defaults

    async def complete(
        self,
        reference: Mapping[str, Any],
        argument: str,
        value: str,
        known: Mapping[str, str],
        context: RequestContext,
    ) -> Sequence[str]:
        """The names that begin with ``value`` in any case.

        Raises:
            McpError: there is no such prompt or template, or it has no such argument (-32602).
        """
        member = "name" if reference.get("type") == "ref/prompt" else "uri"
        arguments = _ARGUMENTS.get(str(reference.get(member)))
        is_template = str(reference.get(member)) in TEMPLATES
        if arguments is None or is_template != (member == "uri"):
            raise McpError(INVALID_PARAMS, "There is no such prompt or resource template")
        if argument not in arguments:
            raise McpError(INVALID_PARAMS, f"It only has: {', '.join(arguments)}")
        if argument not in VARIABLES or len(value) > _MAX_CHARS:
            return []
        try:
            names = await self._names(argument, known, self._askers.of(context))
        except ToolFailure as failure:
            _log.info(
                "no completion of {argument}: {family}",
                argument=argument,
                family=failure.family.value,
                request_id=context.request_id,
            )
            return []
        wanted = value.casefold()
        return [name for name in names if _fits(name.casefold(), wanted)]

    async def _names(self, argument: str, known: Mapping[str, str], asker: Asker) -> Sequence[str]:
        if argument == "database":
            return await self._inside((), asker)
        try:
            names = {name: folded(known[name]) for name in VARIABLES if known.get(name)}
        except ValueError:
            return ()
        database = names.get("database") or await self._defaults.database(asker)
        if database is None:
            return ()
        if argument == "schema":
            return await self._inside((database,), asker)
        schema = names.get("schema") or await self._defaults.schema(database, asker)
        if schema is None:
            return ()
        return await self._inside((database, schema), asker)

    async def _inside(self, place: tuple[str, ...], asker: Asker) -> Sequence[str]:
        """What is in a place: by the names that are kept of the whole account, else by a list."""
        kept = self._directory.fresh(asker)
        if kept is not None:
            names = await self._directory.inside(kept, place)
            return [shown(name) for name in names if asker.shows((*place, name))]
        entries: Sequence[Entry]
        if not place:
            entries = (await self._catalog.databases(asker)).entries
        elif len(place) == 1:
            entries = (await self._catalog.schemas(place[0], asker)).entries
        else:
            tables, views = await both(
                self._catalog.tables(place[0], place[1], asker),
                self._catalog.views(place[0], place[1], asker),
            )
            entries = (*tables.entries, *views.entries)
        return [entry.name for entry in entries]


def _fits(name: str, wanted: str) -> bool:
    """Whether a name begins so; who does not type the quotes of a quoted name means it too."""
    return name.startswith(wanted) or (name[:1] == '"' and name.startswith(wanted, 1))
