"""What each signal does: SIGTERM and SIGINT stop, twice at once; SIGHUP and SIGUSR1 never kill."""

import signal
from collections.abc import Callable
from typing import Any, Final

from twisted.application.service import Service
from twisted.logger import Logger

__all__ = ["IMMEDIATE_S", "Signals"]

IMMEDIATE_S: Final = 1.8
"""How long after the second stop signal the process may still take; the promise is 2 s."""

_STOP: Final = (signal.SIGTERM, signal.SIGINT)

SignalAction = Callable[[int, Any], Any]


class Signals(Service):
    """The signals of the process as a service.

    What runs inside the signal is only a call into the reactor: everything else happens on the
    reactor thread, between two events, never in the middle of one.

    Args:
        reactor: tells the time and takes calls from outside its thread.
        reload: SIGHUP.
        reopen: SIGUSR1.
        hurry: the second SIGTERM or SIGINT: stop waiting, abort what runs.
        give_up: called with the first stop signal when ``hurry`` was not enough.
        install: ``signal.signal``.
        current: ``signal.getsignal``.
    """

    name = "signals"
    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        reload: Callable[[], object],
        reopen: Callable[[], object],
        hurry: Callable[[], object],
        give_up: Callable[[int], object],
        install: Callable[[int, SignalAction], object] = signal.signal,
        current: Callable[[int], Any] = signal.getsignal,
    ) -> None:
        self._reactor = reactor
        self._reload = reload
        self._reopen = reopen
        self._hurry = hurry
        self._give_up = give_up
        self._install = install
        self._current = current
        self._begin: dict[int, SignalAction] = {}
        self._rotate: SignalAction | None = None
        self._first: int | None = None
        self._hurried = False

    def startService(self) -> None:
        """Take SIGHUP and SIGUSR1 now, and the stop signals once the reactor has taken them."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted's has no types
        before = self._current(signal.SIGUSR1)
        # With --logfile twistd has its own: it rotates that file, and still shall.
        self._rotate = before if callable(before) else None
        self._install(signal.SIGHUP, self._from_outside(self._on_reload))
        self._install(signal.SIGUSR1, self._from_outside(self._on_reopen))
        self._reactor.callWhenRunning(self._take_stop_signals)

    def _take_stop_signals(self) -> None:
        for number in _STOP:
            before = self._current(number)
            # An ignored SIGINT is how shells start what runs in the background.
            if callable(before):
                self._begin[number] = before
                self._install(number, self._from_outside(self._on_stop))

    def _from_outside(self, call: Callable[[int], None]) -> SignalAction:
        def arrived(number: int, _frame: Any) -> None:
            self._reactor.callFromThread(call, number)

        return arrived

    def _on_stop(self, number: int) -> None:
        if self._first is None:
            self._first = number
            # The reactor's own way: it stops, and twistd ends by this signal afterwards.
            self._begin[number](number, None)
        elif not self._hurried:
            self._hurried = True
            self._log.warn("a second signal: stopping at once, without waiting for what runs")
            self._reactor.callLater(IMMEDIATE_S, self._too_slow, self._first)
            self._hurry()

    def _too_slow(self, number: int) -> None:
        self._log.warn("giving up what did not stop within {limit} s", limit=IMMEDIATE_S)
        self._give_up(number)

    def _on_reload(self, _number: int) -> None:
        if self._first is not None:
            self._log.info("SIGHUP while stopping: nothing is reloaded")
            return
        self._reload()

    def _on_reopen(self, number: int) -> None:
        if self._rotate is not None:
            self._rotate(number, None)
        self._reopen()
