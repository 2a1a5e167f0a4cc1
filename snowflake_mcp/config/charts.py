"""The settings of pictures."""

from dataclasses import dataclass

from snowflake_mcp.config.ranges import number as _number

__all__ = ["ChartSettings"]


@dataclass(frozen=True, slots=True)
class ChartSettings:
    """What ``chart_query`` may draw, and what that may cost: section ``charts``."""

    enabled: bool = True
    """Whether the tool is there, where the plotting library is installed."""
    width_px: int = _number(800, 200, 2_000)
    height_px: int = _number(500, 150, 2_000)
    max_points: int = _number(10_000, 10, 100_000)
    """Rows of a result that a picture is made of; more are left out, which is said."""
    max_series: int = _number(8, 1, 32)
    """Series with a colour of their own; the rest is "other"."""
    max_categories: int = _number(30, 2, 200)
    """Names on an axis of bars or of a heat map; the rest is "other"."""
    draw_timeout_s: float = _number(10.0, 1, 120)
    """A picture that takes longer is given up, and the process that draws is killed."""
    max_memory_bytes: int = _number(1 << 30, 512 << 20, 16 << 30)
    """Address space of the process that draws; it uses about 80 MB of it."""
    idle_s: float = _number(300.0, 1, 86_400)
    """The process that draws ends when nobody has wanted a picture for so long."""
