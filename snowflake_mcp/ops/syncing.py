"""Bringing a file's lines to the disk in a thread of its own, many lines at once."""

import os
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from snowflake_mcp.ops.daemons import DaemonThreadPool

__all__ = ["Syncing"]

_EVERY_S: Final = 1.0
_log = Logger()


class Syncing:
    """Reactor thread only; the disk is waited for in a thread.

    Args:
        reactor: tells the time and takes calls from the thread.
        choice: ``never`` (the kernel decides), ``interval`` (about once a second) or ``always``
            (before an answer leaves).
        duplicate: gives a descriptor of the file, which is closed afterwards; raises OSError.
    """

    def __init__(self, reactor: Any, choice: str, duplicate: Callable[[], int | None]) -> None:
        self._reactor = reactor
        self._choice = choice
        self._duplicate = duplicate
        self._pool = DaemonThreadPool(1, "audit")
        self._timer: IDelayedCall | None = None
        self._running = False
        self._waiting: list[Deferred[bool]] = []
        self._told = False

    def start(self) -> None:
        """Make the thread possible; it is there once it is needed."""
        if self._choice != "never":
            self._pool.start()

    async def stop(self) -> None:
        """Bring what was written to the disk a last time, and end the thread."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self._pool.started:
            return
        last: Deferred[bool] = Deferred()
        self._waiting.append(last)
        self._begin()
        await last
        self._pool.stop()

    def written(self) -> Deferred[bool] | None:
        """A line was written. ``None``, or what to wait for before anybody hears of it.

        It fires with whether the line has reached the disk; cancelling it only ends the waiting.
        """
        if self._choice == "interval" and (self._timer is None or not self._timer.active()):
            self._timer = self._reactor.callLater(_EVERY_S, self._begin)
        if self._choice != "always":
            return None
        durable: Deferred[bool] = Deferred()
        self._waiting.append(durable)
        self._begin()
        return durable

    def _begin(self) -> None:
        """Sync what has been written so far, for all who wait for it."""
        if self._running:
            return
        waiting, self._waiting = self._waiting, []
        self._running = True

        def ended(well: bool, result: object) -> None:
            self._reactor.callFromThread(self._ended, waiting, well, result)

        try:
            descriptor = self._duplicate()
        except OSError as error:
            self._ended(waiting, False, error)
            return
        if descriptor is None:
            self._ended(waiting, False, "the file is not open")
        else:
            self._pool.callInThreadWithCallback(ended, _sync, descriptor)

    def _ended(self, waiting: list[Deferred[bool]], well: bool, result: object) -> None:
        self._running = False
        if not well and not self._told:
            _log.error("the audit does not reach the disk: {reason}", reason=str(result))
        self._told = not well
        for each in waiting:
            if not each.called:
                each.callback(well)
        if self._waiting:
            self._begin()


def _sync(descriptor: int) -> None:
    """Blocks; worker thread only."""
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
