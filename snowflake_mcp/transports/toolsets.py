"""The paths of tool sets: behind the MCP endpoint, each with the same caller and fewer tools."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.exchange import Exchange

__all__ = ["MCP_PATH", "Toolsets", "caller_of"]

MCP_PATH: Final = "/mcp"
_BELOW: Final = f"{MCP_PATH}/"


class Toolsets:
    """Which sets there are now; reactor thread only."""

    def __init__(self, sets: Mapping[str, Sequence[str]]) -> None:
        self.take(sets)

    def take(self, sets: Mapping[str, Sequence[str]]) -> None:
        """From now on there are these."""
        self._names = frozenset(sets)

    def known(self, name: str) -> bool:
        """Whether there is a set of that name."""
        return name in self._names


def caller_of(exchange: Exchange) -> Principal:
    """Who calls, and with which set of tools by the path at which the request came in."""
    principal, path = exchange.principal, exchange.target
    if not path.startswith(_BELOW):
        return principal
    return replace(principal, toolset=path.removeprefix(_BELOW))
