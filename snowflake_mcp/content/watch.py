"""The eye on what clients have read: looked at once a minute, changes are told."""

from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from snowflake_mcp.content.asking import Askers
from snowflake_mcp.content.library import SnowflakeLibrary
from snowflake_mcp.content.seen import Seen
from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.warehouse.catalog import Asker

__all__ = ["CatalogWatch"]

_log = Logger()

EVERY_S: Final = 60.0
ROUND: Final = 16
"""Resources in one round; with more of them, each has its turn in a later one."""


class CatalogWatch(Service):
    """Reads again what clients have read, while anybody listens; reactor thread only."""

    name = "catalog watch"

    def __init__(
        self,
        clock: IReactorTime,
        library: SnowflakeLibrary,
        seen: Seen,
        changes: Changes,
        askers: Askers,
    ) -> None:
        self._library = library
        self._askers = askers
        self._seen = seen
        self._changes = changes
        self._turn = 0
        self._round: Deferred[None] | None = None
        self._timer = LoopingCall(self._look)
        self._timer.clock = clock

    def startService(self) -> None:
        """Tell changes from now on, and look for them every minute."""
        self.running = True
        self._seen.tell(self._changes.publish)
        self._timer.start(EVERY_S, now=False)

    def stopService(self) -> "Deferred[None]":
        """Look no more; a statement that is under way is aborted."""
        self.running = False
        ended: Deferred[None] = Deferred()
        if self._timer.running:
            self._timer.stop()
        if self._round is None:
            ended.callback(None)
        else:
            self._round.addBoth(lambda _: ended.callback(None))
            self._round.cancel()
        return ended

    async def refresh(self) -> None:
        """One round, if anybody listens.

        Raises:
            ToolFailure: Snowflake or the way to it failed; the next round begins where it did.
        """
        due = self._seen.due()
        if not due or not len(self._changes):
            return
        first = self._turn % len(due)
        for uri, profile in (due[first:] + due[:first])[:ROUND]:
            asker = self._watching(profile)
            if asker is not None:
                self._seen.found(uri, profile, await self._library.text(uri, asker))
            self._turn += 1

    def _watching(self, profile: str) -> Asker | None:
        try:
            return self._askers.watch(profile)
        except KeyError:
            # A reload took the table away, and with it everybody who could want to hear.
            self._seen.forget(profile)
            return None

    def _look(self) -> "Deferred[None]":
        self._round = Deferred.fromCoroutine(self._guarded())
        return self._round

    async def _guarded(self) -> None:
        try:
            await self.refresh()
        except CancelledError:
            # Only stopService does that, and there is nobody else to tell.
            _log.debug("looking for changes was stopped")
        except ToolFailure as failure:
            _log.info("cannot look for changes: {family}", family=failure.family.value)
        except Exception:  # noqa: BLE001 - one bad round must not end all later ones
            _log.failure("looking for changes failed")
