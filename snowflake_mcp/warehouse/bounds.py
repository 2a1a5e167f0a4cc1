"""What bounds the statements of one principal; whoever knows the settings decides."""

from typing import Final, Protocol

from snowflake_mcp.warehouse.lane import Share

__all__ = ["NO_BOUNDS", "Bounds"]


class Bounds(Protocol):
    """How fast and how many; ``pipeline.rates.Rates`` is it. Reactor thread only."""

    def start(self, principal: str) -> None:
        """A statement of this principal is about to begin.

        Raises:
            ToolFailure: LIMIT, it has begun too many lately.
        """

    def lane_share(self, principal: str) -> Share:
        """What it may have of the lane."""


class _NoBounds:
    """Everybody may have everything."""

    def start(self, principal: str) -> None:
        """It may."""

    def lane_share(self, principal: str) -> Share:
        """All there is."""
        return 0, 0


NO_BOUNDS: Final = _NoBounds()
