"""The time of day; how long something takes is measured on the reactor's clock instead."""

from datetime import UTC, datetime

__all__ = ["wall_clock"]


def wall_clock() -> float:
    """Seconds since the epoch: what outlives this process is dated with it, nothing is timed."""
    return datetime.now(UTC).timestamp()
