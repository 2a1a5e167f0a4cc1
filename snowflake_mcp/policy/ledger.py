"""What each principal has used today; in memory, so a restart begins a new page."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["Allowance", "Ledger", "Used"]

_DAY_S: Final = 86_400
_MOST: Final = 10_000
"""Principals of one day; of more, whoever was seen longest ago begins anew."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one principal may use on one day of UTC; 0: without limit."""

    statements: int = 0
    seconds: float = 0.0
    """Of running statements, added up."""
    scan_bytes: int = 0
    """As Snowflake estimates them before a query."""


@dataclass(slots=True)
class Used:
    """What a principal has used."""

    statements: int = 0
    seconds: float = 0.0
    scan_bytes: int = 0


class Ledger:
    """The pages of a day; reactor thread only. ``wall_clock`` gives seconds since the epoch.

    Statements that run at once may exceed an allowance together: what they use is known later.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._day = 0
        self._pages: OrderedDict[str, Used] = OrderedDict()

    def page(self, principal: str) -> Used:
        """What this principal has used today; add to it."""
        day = int(self._wall_clock() // _DAY_S)
        if day != self._day:
            self._day = day
            self._pages.clear()
        page = self._pages.setdefault(principal, Used())
        self._pages.move_to_end(principal)
        if len(self._pages) > _MOST:
            self._pages.popitem(last=False)
        return page

    def exhausted(self, principal: str, allowed: Allowance, scan_bytes: int = 0) -> str:
        """Which part of ``allowed`` a further statement would exceed, in words; empty when none.

        ``scan_bytes`` is what the statement itself is going to read.
        """
        used = self.page(principal)
        if 0 < allowed.statements <= used.statements:
            return f"{used.statements} of {allowed.statements} statements"
        if 0 < allowed.seconds <= used.seconds:
            return f"{used.seconds:.0f} of {allowed.seconds:.0f} seconds of running statements"
        if 0 < allowed.scan_bytes < used.scan_bytes + scan_bytes:
            return f"{used.scan_bytes + scan_bytes} of {allowed.scan_bytes} bytes to read"
        return ""

    def snapshot(self) -> dict[str, object]:
        """For /status: today's sums over all principals, without their names."""
        pages = self._pages.values()
        return {
            "principals": len(pages),
            "statements": sum(page.statements for page in pages),
            "seconds": round(sum(page.seconds for page in pages), 1),
            "scan_bytes": sum(page.scan_bytes for page in pages),
        }
