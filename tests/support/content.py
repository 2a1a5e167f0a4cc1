"""A small library, prompts and completions for protocol tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError
from snowflake_mcp.protocol.principal import Principal
from tests.support.kernels import Rig

__all__ = ["SmallLibrary", "SmallPrompts", "Values", "full_rig"]


class SmallLibrary:
    """Resources ``test://one`` and as many numbered ones as asked for."""

    def __init__(self, numbered: int = 0) -> None:
        self.numbered = numbered

    async def resources(self, context: RequestContext) -> Sequence[Mapping[str, Any]]:
        names = ["one", *(str(number) for number in range(self.numbered))]
        return [{"uri": f"test://{name}", "name": name, "title": name.title()} for name in names]

    async def templates(self, context: RequestContext) -> Sequence[Mapping[str, Any]]:
        return [{"uriTemplate": "test://{name}", "name": "any"}]

    async def read(self, uri: str, context: RequestContext) -> Sequence[Mapping[str, Any]]:
        if uri != "test://one":
            raise McpError(INVALID_PARAMS, "Resource not found", {"uri": uri})
        return [{"uri": uri, "mimeType": "text/plain", "text": "1"}]

    def can_watch(self, uri: str, principal: Principal) -> bool:
        return uri.startswith("test://")


class SmallPrompts:
    """One prompt, ``greet(who)``."""

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        return [{"name": "greet", "arguments": [{"name": "who", "required": True}]}]

    async def get(
        self, name: str, arguments: Mapping[str, str], context: RequestContext
    ) -> dict[str, Any]:
        if name != "greet" or "who" not in arguments:
            raise McpError(INVALID_PARAMS, "Unknown prompt or missing argument")
        text = f"Greet {arguments['who']}."
        return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}


class Values:
    """Completes anything with the value and a number."""

    def __init__(self, count: int = 3) -> None:
        self.count = count

    async def complete(
        self,
        reference: Mapping[str, Any],
        argument: str,
        value: str,
        known: Mapping[str, str],
        context: RequestContext,
    ) -> Sequence[str]:
        return [f"{value}{number}" for number in range(self.count)]


def full_rig(numbered: int = 0, values: int = 3) -> Rig:
    """A rig that offers everything."""
    return Rig(library=SmallLibrary(numbered), prompts=SmallPrompts(), completions=Values(values))
