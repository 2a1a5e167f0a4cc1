"""Which core measures and which is measured."""

import os
from pathlib import Path
from typing import Final

__all__ = ["CLIENT", "SERVER", "pin", "pinned"]

_CORES: Final = sorted(os.sched_getaffinity(0))
SERVER: Final = _CORES[0]
"""The one core of the server under measurement, its threads and children."""
CLIENT: Final = _CORES[-1]
"""Where everything else runs; the same one on a machine with a single core."""


def pinned(core: int) -> list[str]:
    """What to put before a command so that it stays on a core, its children too."""
    return ["taskset", "--cpu-list", str(core)]


def pin(pid: int, core: int) -> None:
    """Keep a running process with all its threads on a core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})
