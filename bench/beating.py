"""A tool for a server under measurement that tells how late its reactor turned.

For the setting ``testing.fixtures``, as module ``bench.beating``.
"""

import json
from typing import Any, Final

from bench.lateness import Lateness
from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.tooling import Offer, ToolResult
from tests.fixtures.toolbox import Arguments, FixtureTool, LayeredToolbox

__all__ = ["TOOL", "extend"]

TOOL: Final = "bench_lateness"


class _Beats:
    """Begins with the first call; each call gives what was since the one before."""

    def __init__(self) -> None:
        self._lateness: Lateness | None = None

    async def tell(self, _: Arguments, context: RequestContext) -> ToolResult:
        late: list[float] = []
        if self._lateness is None:
            clock: Any = context.clock
            self._lateness = Lateness(clock)
        else:
            late = self._lateness.stop()
        self._lateness.start()
        return ToolResult(json.dumps(late))


def extend(offer: Offer, _: Changes) -> Offer:
    """What the product offers, and the tool on top."""
    described = "How late the reactor's beats were since the last call, in seconds."
    tool = FixtureTool(TOOL, described, _Beats().tell)
    return Offer(
        LayeredToolbox(offer.toolbox, [tool]), offer.library, offer.prompts, offer.completions
    )
