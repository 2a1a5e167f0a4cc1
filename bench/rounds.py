"""Servers asked in turn: one kind of request, round after round, and the ratios of a round."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.cores import CLIENT
from bench.peers.contenders import Contender
from bench.report import percentile
from bench.volley import Fallen, Volley, fire

__all__ = ["Entry", "Event"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A server in a contest, and how it is asked; see ``bench.wires`` for the kinds."""

    contender: Contender
    kind: str
    path: str = "/mcp"


@dataclass(slots=True)
class Event:
    """One kind of request from so many connections."""

    label: str
    method: str
    params: Mapping[str, Any]
    connections: int
    expect: str
    entries: Sequence[Entry]
    fallen: dict[str, list[Fallen]] = field(default_factory=dict)
    """What came of each round, by the server's title."""

    def hold(self, rounds: int, seconds: float) -> None:
        """Ask each server in turn, so many rounds of so many seconds each."""
        print(self.label, file=sys.stderr, flush=True)
        for _ in range(rounds):
            for entry in self.entries:
                volley = Volley(
                    port=entry.contender.port,
                    kind=entry.kind,
                    method=self.method,
                    params=self.params,
                    connections=self.connections,
                    seconds=seconds,
                    expect=self.expect,
                    path=entry.path,
                    pids=entry.contender.pids,
                )
                self.fallen.setdefault(entry.contender.title, []).append(fire(volley, CLIENT))

    def ratios(self, one: str, other: str) -> list[float]:
        """Of each round: the rate of one server over that of another."""
        pairs = zip(self.fallen.get(one, []), self.fallen.get(other, []), strict=False)
        return [mine.rate / theirs.rate for mine, theirs in pairs]

    def ratio(self, one: str, other: str) -> float:
        """The median of ``ratios``; NaN where one of the two is missing."""
        return percentile(self.ratios(one, other), 50)

    def rate(self, title: str) -> float:
        """The median of a server's answers a second."""
        return percentile([each.rate for each in self.fallen[title]], 50)

    def cpu_us(self, title: str) -> float:
        """Processor time of a server per answer."""
        taken = [each.server_cpu_s / each.answers for each in self.fallen[title]]
        return percentile(taken, 50) * 1e6

    def wrong(self, title: str) -> int:
        """How many of a server's answers were not the right one."""
        return sum(each.wrong for each in self.fallen[title])
