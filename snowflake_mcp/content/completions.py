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
from snowflake_mcp.warehouse.entries import Entry
from snowflake_mcp.warehouse.identifiers import folded

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

    def __init__(self, catalog: Catalog, defaults: Defaults, askers: Askers) -> None:
        self._catalog = catalog
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
            entries = await self._entries(argument, known, self._askers.of(context))
        except ToolFailure as failure:
            _log.info(
                "no completion of {argument}: {family}",
                argument=argument,
                family=failure.family.value,
                request_id=context.request_id,
            )
            return []
        wanted = value.casefold()
        return [entry.name for entry in entries if _fits(entry.name.casefold(), wanted)]

    async def _entries(
        self, argument: str, known: Mapping[str, str], asker: Asker
    ) -> Sequence[Entry]:
        if argument == "database":
            return (await self._catalog.databases(asker)).entries
        try:
            names = {name: folded(known[name]) for name in VARIABLES if known.get(name)}
        except ValueError:
            return ()
        database = names.get("database") or await self._defaults.database(asker)
        if database is None:
            return ()
        if argument == "schema":
            return (await self._catalog.schemas(database, asker)).entries
        schema = names.get("schema") or await self._defaults.schema(database, asker)
        if schema is None:
            return ()
        tables, views = await both(
            self._catalog.tables(database, schema, asker),
            self._catalog.views(database, schema, asker),
        )
        return (*tables.entries, *views.entries)


def _fits(name: str, wanted: str) -> bool:
    """Whether a name begins so; who does not type the quotes of a quoted name means it too."""
    return name.startswith(wanted) or (name[:1] == '"' and name.startswith(wanted, 1))
