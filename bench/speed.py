"""How fast the machine is at this moment: machines that are shared change from hour to hour."""

import time
from typing import Final

__all__ = ["loop_ms"]

_TIMES: Final = 5
_STEPS: Final = 200_000


def loop_ms() -> float:
    """The least of five times that a fixed loop of the interpreter takes, in ms; blocks."""
    return min(_loop_s() for _ in range(_TIMES)) * 1e3


def _loop_s() -> float:
    began = time.perf_counter()
    kept: dict[int, int] = {}
    for step in range(_STEPS):
        kept[step & 1023] = kept.get(step & 511, 0) + step
    return time.perf_counter() - began
