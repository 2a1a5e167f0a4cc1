"""How late a reactor turns, and how late the machine wakes a process that does nothing else."""

import threading
import time
from types import TracebackType
from typing import Final, Self

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["EVERY_S", "Lateness", "WakeUps"]

EVERY_S: Final = 0.005
"""The rhythm of both: each beat is due so long after the one before."""


class Lateness:
    """Beats on a reactor and keeps how late each was, in seconds; reactor thread only."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._late: list[float] = []
        self._due = 0.0
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Begin anew."""
        self._late = []
        self._plan()

    def stop(self) -> list[float]:
        """Beat no longer; the lateness of each beat."""
        if self._next is not None and self._next.active():
            # A beat that is overdue belongs to what is measured.
            self._late.append(max(0.0, time.perf_counter() - self._due))
            self._next.cancel()
        return self._late

    def _beat(self) -> None:
        self._late.append(max(0.0, time.perf_counter() - self._due))
        self._plan()

    def _plan(self) -> None:
        self._due = time.perf_counter() + EVERY_S
        self._next = self._reactor.callLater(EVERY_S, self._beat)


class WakeUps:
    """The control: beats in a thread of a process that is otherwise idle, inside ``with``."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.is_set():
            due = time.perf_counter() + EVERY_S
            self._over.wait(EVERY_S)
            self.late.append(max(0.0, time.perf_counter() - due))
