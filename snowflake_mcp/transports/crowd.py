"""How many are connected, in all and from one address, and when one more is too many."""

from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from snowflake_mcp.ops.metrics import Metrics

__all__ = ["Crowd"]

_TOLD_S: Final = 1.0
"""Refusals of so long share a line of log: a flood must not fill the disk."""
_log = Logger()


class Crowd:
    """Counts connections of one kind; reactor thread only.

    The limit for one address leaves out those whose address stands for many: this host's own,
    which local proxies and all its users share, Unix sockets, and the proxies that are trusted.
    """

    def __init__(
        self,
        kind: str,
        clock: IReactorTime,
        metrics: Metrics,
        *,
        most: int,
        most_of_one: int,
        shared: Callable[[str | None], bool],
    ) -> None:
        """``kind`` names it in metrics and log; ``shared`` knows the proxies."""
        self.most = most
        self._kind = kind
        self._clock = clock
        self._metrics = metrics
        self._most_of_one = most_of_one
        self._shared = shared
        self._all = 0
        self._of_one: Counter[str] = Counter()
        self._refused = 0
        self._told_s = -_TOLD_S

    def __len__(self) -> int:
        return self._all

    def has_room(self, address: str | None) -> bool:
        """Whether one more may come in; who may not is counted and told of."""
        one = self._one(address)
        if self._all < self.most and (one is None or self._of_one[one] < self._most_of_one):
            return True
        self._tell(address)
        return False

    def enter(self, address: str | None) -> bool:
        """Take one more in, unless that is too many; who got in must ``leave``."""
        if not self.has_room(address):
            return False
        one = self._one(address)
        self._all += 1
        if one is not None:
            self._of_one[one] += 1
        return True

    def leave(self, address: str | None) -> None:
        """One that got in is gone."""
        self._all -= 1
        if address is not None and address in self._of_one:
            self._of_one[address] -= 1
            if self._of_one[address] <= 0:
                del self._of_one[address]

    def _one(self, address: str | None) -> str | None:
        return None if address is None or self._stands_for_many(address) else address

    def _stands_for_many(self, address: str) -> bool:
        try:
            loopback = ip_address(address.partition("%")[0]).is_loopback
        except ValueError:
            loopback = False
        return loopback or self._shared(address)

    def _tell(self, address: str | None) -> None:
        self._metrics.count("limits_hit", self._kind)
        self._refused += 1
        now = self._clock.seconds()
        if now - self._told_s >= _TOLD_S:
            _log.warn(
                "too many {kind}: {refused} refused, the last from {peer}; {open} are open",
                kind=self._kind,
                refused=self._refused,
                peer=address or "local",
                open=self._all,
            )
            self._told_s, self._refused = now, 0
