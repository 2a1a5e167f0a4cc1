"""A tool that does nothing, so that what is measured is the way to it and back.

For the setting ``testing.fixtures``, as module ``bench.trivial``.
"""

from typing import Final

from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.tooling import Offer, ToolResult
from tests.fixtures.toolbox import Arguments, FixtureTool, LayeredToolbox, schema

__all__ = ["TOOL", "extend"]

TOOL: Final = "bench_echo"


async def _echo(arguments: Arguments, _: RequestContext) -> ToolResult:
    return ToolResult(str(arguments["text"]))


def extend(offer: Offer, _: Changes) -> Offer:
    """What the product offers, and the tool on top."""
    tool = FixtureTool(TOOL, "Gives the text back.", _echo, schema(text={"type": "string"}))
    return Offer(
        LayeredToolbox(offer.toolbox, [tool]), offer.library, offer.prompts, offer.completions
    )
