"""Two tools for a server under measurement that cost nothing themselves.

For the setting ``testing.fixtures``, as module ``bench.trivial``: ``echo`` gives its text back at
once, ``hop`` by way of a worker thread. What a call of a tool of the product goes through, these go
through as well: the arguments are checked as theirs are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tooling import Offer, Toolbox, ToolResult
from snowflake_mcp.tools.arguments import Arguments
from snowflake_mcp.tools.base import Tool
from snowflake_mcp.tools.checking import checked
from snowflake_mcp.warehouse.threads import Threads

__all__ = ["TOOL", "TOOLS", "extend"]

TOOL: Final = "echo"
_THREADS: Final = 16
"""As many as run statements where nobody says otherwise."""
_STOP_S: Final = 1.0

_INPUT: Final = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
}
TOOLS: Final[Sequence[Mapping[str, Any]]] = (
    {"name": TOOL, "description": "Give the text back.", "inputSchema": _INPUT},
    {"name": "hop", "description": "The same, through a thread.", "inputSchema": _INPUT},
)


class _Text(Arguments, frozen=True):
    text: str


class _Nothing(msgspec.Struct):
    """These tools promise no structure."""


async def _unused(_: Any, __: Any) -> ToolResult:
    raise NotImplementedError


_SHAPE: Final = Tool(TOOL, "Echo", "Give the text back.", _Text, _Nothing, _unused)


@dataclass(slots=True)
class _Trivial:
    """The product's tools and these two; the list stays one object as long as theirs does."""

    below: Toolbox
    _theirs: Sequence[Mapping[str, Any]] = ()
    _all: Sequence[Mapping[str, Any]] = ()
    _threads: Threads | None = None

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        theirs = self.below.describe(principal)
        if theirs is not self._theirs:
            self._theirs, self._all = theirs, (*theirs, *TOOLS)
        return self._all

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: RequestContext
    ) -> ToolResult:
        if name == TOOL:
            return ToolResult(checked(_SHAPE, arguments).text)
        if name == "hop":
            text = checked(_SHAPE, arguments).text
            threads = self._threads or self._begin(context.clock)
            give: Callable[[str], str] = str
            return ToolResult(await threads.run(give, text))
        return await self.below.call(name, arguments, context)

    def _begin(self, reactor: Any) -> Threads:
        """Threads as a statement's, from the first call that wants one to the reactor's end."""
        self._threads = threads = Threads(reactor, "hop", _THREADS)
        threads.start()
        stop = threads.stop
        reactor.addSystemEventTrigger(
            "during", "shutdown", lambda: Deferred.fromCoroutine(stop(_STOP_S))
        )
        return threads


def extend(offer: Offer, _: Changes) -> Offer:
    """What the product offers, and the two tools on top."""
    return Offer(_Trivial(offer.toolbox), offer.library, offer.prompts, offer.completions)
