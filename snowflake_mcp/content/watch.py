"""The eye on what clients have read: looked at once a minute, changes are told."""

from collections.abc import Iterable
from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from snowflake_mcp.content.asking import Askers
from snowflake_mcp.content.library import SnowflakeLibrary
from snowflake_mcp.content.seen import LIST, Seen
from snowflake_mcp.content.uris import Place, parse
from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.warehouse.catalog import Asker
from snowflake_mcp.warehouse.directory import Contents, Directory

__all__ = ["CatalogWatch"]

_log = Logger()

EVERY_S: Final = 60.0
ROUND: Final = 16
"""Resources in one round; with more of them, each has its turn in a later one."""
SOON_S: Final = 1.0
"""Between a change that is known of and the look at what it may have changed: several come at
once."""
URGENT: Final = 64
"""Resources in one round that something is known of to have changed."""


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
        directory: Directory,
    ) -> None:
        self._clock = clock
        self._directory = directory
        self._touched: set[Place] = set()
        self._all_touched = False
        self._soon: IDelayedCall | None = None
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
        self._directory.on_change(self._changed)
        self._directory.on_refresh(self._refreshed)

    def stopService(self) -> "Deferred[None]":
        """Look no more; a statement that is under way is aborted."""
        self.running = False
        ended: Deferred[None] = Deferred()
        if self._timer.running:
            self._timer.stop()
        if self._soon is not None and self._soon.active():
            self._soon.cancel()
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
        urgent = [each for each in due if self._is_touched(each[0])][:URGENT]
        self._touched, self._all_touched = set(), False
        if not due or not len(self._changes):
            return
        for uri, profile in urgent:
            await self._compare(uri, profile)
        first = self._turn % len(due)
        for uri, profile in (due[first:] + due[:first])[: max(0, ROUND - len(urgent))]:
            if (uri, profile) not in urgent:
                await self._compare(uri, profile)
            self._turn += 1
        for profile in dict.fromkeys(profile for _, profile in due):
            await self._keep_young(profile)

    async def _keep_young(self, profile: str) -> None:
        """While somebody listens, what is kept of all names is read anew when it is old."""
        asker = self._watching(profile)
        if asker is not None and self._directory.known(asker) is not None:
            await self._directory.contents(asker, 0.0)

    async def _compare(self, uri: str, profile: str) -> None:
        asker = self._watching(profile)
        if asker is not None:
            self._seen.found(uri, profile, await self._library.text(uri, asker))

    def _changed(self, _connection: str) -> None:
        """A statement of ours has changed something."""
        self._all_touched = True
        self._look_soon()

    def _refreshed(self, before: Contents, after: Contents) -> None:
        """All names of a role have been read anew."""
        if self.running and len(self._changes) and self._seen.due():
            found = Deferred.fromCoroutine(self._directory.differences(before, after))
            found.addCallback(self._differ)
            found.addErrback(lambda failure: _log.failure("cannot compare", failure))

    def _differ(self, paths: Iterable[Place]) -> None:
        self._touched.update(paths)
        if self._touched:
            self._look_soon()

    def _is_touched(self, uri: str) -> bool:
        if self._all_touched:
            return True
        place = () if uri == LIST else parse(uri)
        # Whatever it is in, or is in it: texts tell of their members.
        return any(
            place == path[: len(place)] or path == place[: len(path)] for path in self._touched
        )

    def _look_soon(self) -> None:
        if self.running and (self._soon is None or not self._soon.active()):
            self._soon = self._clock.callLater(SOON_S, self._look)

    def _watching(self, profile: str) -> Asker | None:
        try:
            return self._askers.watch(profile)
        except KeyError:
            # A reload took the table away, and with it everybody who could want to hear.
            self._seen.forget(profile)
            return None

    def _look(self) -> "Deferred[None]":
        if self._round is not None and not self._round.called:
            # What is known of by now is urgent in the next round.
            return self._round
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
