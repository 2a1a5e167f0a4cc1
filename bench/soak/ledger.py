"""What became of every request of a soak."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

__all__ = ["OUTCOMES", "Ledger"]

OUTCOMES: Final = (
    "answered",
    "taken back",
    "answered all the same",
    "left",
    "lost",
    "doubled",
    "wrong",
)
"""One answer; cancelled and then silence; cancelled but the answer was quicker; the client went;
and what must not be: no answer, more than one, an answer that is not right."""

_KEPT: Final = 50


@dataclass(slots=True)
class Ledger:
    """Counts, and the first few things that were wrong; one for all clients."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By client and outcome."""
    families: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Answers by kind of statement and family."""
    times: dict[str, list[float]] = field(default_factory=dict)
    """Seconds to the answer by kind of statement."""
    faults: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.outcomes.values())

    def note(self, client: str, outcome: str, why: str = "") -> None:
        """One request has come to its end."""
        self.outcomes[client, outcome] += 1
        if outcome in ("lost", "doubled", "wrong") and len(self.faults) < _KEPT:
            self.faults.append(f"{client}, {outcome}: {why}")

    def answered(self, kind: str, family: str, seconds: float) -> None:
        """An answer came."""
        self.families[kind, family] += 1
        self.times.setdefault(kind, []).append(seconds)

    def total(self, outcome: str) -> int:
        """Requests that ended so."""
        return sum(count for (_, ended), count in self.outcomes.items() if ended == outcome)
