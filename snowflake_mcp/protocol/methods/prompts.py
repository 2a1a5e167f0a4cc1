"""``prompts/*`` and ``completion/complete``."""

from collections.abc import Mapping
from typing import Any, Final

from snowflake_mcp.protocol.answers import for_revision
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.cursors import Cursors
from snowflake_mcp.protocol.tooling import Completions, Prompts

__all__ = ["CompletionMethods", "PromptMethods"]

_MAX_VALUES: Final = 100
"""The specification's limit for one answer."""


class PromptMethods:
    """The prompt methods over one collection; reactor thread only."""

    def __init__(self, prompts: Prompts, cursors: Cursors) -> None:
        self._prompts = prompts
        self._cursors = cursors

    async def list(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """A page of the prompts."""
        facts = context.facts
        described = self._prompts.describe(facts.principal)
        page = self._cursors.page("prompts", described, params, facts.principal)
        page["prompts"] = [for_revision(prompt, facts.version) for prompt in page["prompts"]]
        return page

    async def get(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """One prompt with its arguments filled in."""
        return await self._prompts.get(params["name"], params.get("arguments") or {}, context)


class CompletionMethods:
    """The completion method; reactor thread only."""

    def __init__(self, completions: Completions) -> None:
        self._completions = completions

    async def complete(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """Values for one argument, at most a hundred, and how many there are in all."""
        argument = params["argument"]
        values = await self._completions.complete(
            params["ref"],
            argument["name"],
            argument["value"],
            (params.get("context") or {}).get("arguments") or {},
            context,
        )
        shown = list(values[:_MAX_VALUES])
        return {
            "completion": {
                "values": shown,
                "total": len(values),
                "hasMore": len(values) > len(shown),
            }
        }
