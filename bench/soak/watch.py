"""A process under load from outside: memory, descriptors, threads, and what it says itself."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support.processes import resident_kib
from tests.support.server import Server

__all__ = ["Rest", "Watch", "at_rest"]

_EVERY_S: Final = 2.0
_SESSION_STATES: Final = ("leased", "kept", "opening", "waiting", "idle")


@dataclass(frozen=True, slots=True)
class Rest:
    """What a server holds while nobody asks anything."""

    held: dict[str, int]
    """By what it is."""
    rss_mib: float = 0.0
    detail: Counter[str] = field(default_factory=Counter)
    """Names of threads and targets of descriptors."""


class Watch:
    """Resident memory over time."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.samples: list[tuple[float, float]] = []
        """Seconds since the start, and MiB."""

    async def look(self, over: asyncio.Event) -> None:
        """Sample until ``over``."""
        began = time.perf_counter()
        while not over.is_set():
            self.samples.append((time.perf_counter() - began, resident_kib(self._pid) / 1024))
            try:
                await asyncio.wait_for(over.wait(), _EVERY_S)
            except TimeoutError:
                continue

    def slope(self, warm_up_share: float) -> float:
        """MiB a minute after the warm-up, by least squares; 0 with too few samples."""
        later = self._after(warm_up_share)
        if len(later) < 3:
            return 0.0
        middle_s = sum(at for at, _ in later) / len(later)
        middle = sum(mib for _, mib in later) / len(later)
        spread = sum((at - middle_s) ** 2 for at, _ in later)
        return 60 * sum((at - middle_s) * (mib - middle) for at, mib in later) / spread

    def growth(self, warm_up_share: float) -> float:
        """MiB between the medians of the first and the last fifth after the warm-up."""
        later = [mib for _, mib in self._after(warm_up_share)]
        fifth = max(1, len(later) // 5)
        first, last = sorted(later[:fifth]), sorted(later[-fifth:])
        return last[len(last) // 2] - first[len(first) // 2]

    def course(self, parts: int) -> list[float]:
        """The median of each of so many equal parts of the run, in MiB; fewer with few samples."""
        mib = [each for _, each in self.samples]
        size = max(1, len(mib) // parts)
        pieces = [sorted(mib[at : at + size]) for at in range(0, size * parts, size)]
        return [piece[len(piece) // 2] for piece in pieces if piece]

    @property
    def highest(self) -> float:
        """The most that was seen, in MiB."""
        return max(mib for _, mib in self.samples)

    def _after(self, share: float) -> list[tuple[float, float]]:
        return self.samples[int(len(self.samples) * share) :]


def at_rest(server: Server) -> Rest:
    """What the server holds now, by /status and /proc; blocks."""
    told: dict[str, Any] = server.request("GET", "/status").json()
    lane, pool = told["warehouse"]["lane"], told["warehouse"]["pool"]
    process = Path(f"/proc/{server.pid}")
    held = {
        "requests running": told["requests_running"],
        "MCP sessions": told["sessions"],
        "permits out": lane["running"],
        "calls waiting for a permit": lane["waiting"],
        **{f"Snowflake sessions {state}": pool.get(state, 0) for state in _SESSION_STATES},
        "statement threads busy": told["warehouse"]["threads"]["busy"],
        "texts before the gate": told["gate"]["waiting"],
        # The one that asks is not left over.
        "HTTP connections": told["connections"]["http"]["connections"] - 1,
        "WebSocket connections": told["connections"]["websocket"]["connections"],
        "threads": len(list((process / "task").iterdir())),
        "descriptors": len(list((process / "fd").iterdir())),
    }
    return Rest(held, resident_kib(server.pid) / 1024, _detail(process))


def _detail(process: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for thread in (process / "task").iterdir():
        with suppress(OSError):
            found[f"thread {(thread / 'comm').read_text().strip()}"] += 1
    for descriptor in (process / "fd").iterdir():
        with suppress(OSError):
            found[f"descriptor {str(descriptor.readlink()).partition(':')[0]}"] += 1
    return found
