"""The time of day; how long something takes is measured on the reactor's clock instead."""

import time
from collections.abc import Callable
from typing import Final

__all__ = ["wall_clock"]

wall_clock: Final[Callable[[], float]] = time.time  # noqa: TID251 - the clock that others are passed
"""Seconds since the epoch: what outlives this process is dated with it, nothing is timed."""
