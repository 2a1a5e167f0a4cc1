"""The spool: whole results as files, bounded in number, size and life."""

import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.config.exports import ExportSettings
from snowflake_mcp.exports.draft import Draft, Room
from snowflake_mcp.exports.folder import OwnFolder
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.errors import Family, ToolFailure

__all__ = ["NAME", "TYPES", "Export", "Spool", "Threads", "spool_folder"]

P = ParamSpec("P")
T = TypeVar("T")

TYPES: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}
"""The formats, and what HTTP and MCP call them."""
NAME: Final = re.compile(rf"[0-9a-f]{{32}}\.({'|'.join(TYPES)})")
"""Of every file, which is its id and its format."""
_ID_BYTES: Final = 16
_log = Logger()


class Threads(Protocol):
    """Worker threads; ``warehouse.threads.Threads`` is it."""

    def start(self) -> None:
        """Let jobs run."""

    def run(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run a blocking job in a thread."""

    async def stop(self, limit_s: float) -> bool:
        """Wait at most so long for the jobs, then let the threads go."""


@dataclass(frozen=True, slots=True)
class Export:
    """A result that has been written whole."""

    id: str
    principal: str
    """Whose statement it was."""
    query_id: str
    format: str
    rows: int
    bytes: int
    sha256: str
    expires: float
    """Seconds since the epoch."""
    path: Path

    @property
    def name(self) -> str:
        """Of its file, and in its link."""
        return f"{self.id}.{self.format}"


def spool_folder(settings: ExportSettings, environ: Mapping[str, str]) -> Path:
    """Below what folder the spool is: as configured, as systemd says, or the temporary one."""
    if settings.directory:
        return Path(settings.directory)
    cache = environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    return Path(cache) / "exports" if cache else Path(tempfile.gettempdir())


class Spool(Service):
    """Every export of this process; reactor thread only, files are touched in threads.

    Args:
        clock: times the sweep.
        wall_clock: the time of day, which links carry.
        threads: of its own; it starts and stops them.
        environ: as ``spool_folder`` takes it.
    """

    def __init__(
        self,
        clock: IReactorTime,
        wall_clock: Callable[[], float],
        threads: Threads,
        settings: ExportSettings,
        metrics: Metrics,
        environ: Mapping[str, str],
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._settings = settings
        self._metrics = metrics
        self.threads = threads
        self._folder = OwnFolder(lambda: spool_folder(settings, environ))
        self._room = Room(settings.max_bytes)
        self._drafts: dict[str, Draft] = {}
        self._owners: dict[str, str] = {}
        """Of drafts and exports, oldest first."""
        self._exports: dict[str, Export] = {}
        self._timer: IDelayedCall | None = None

    @property
    def settings(self) -> ExportSettings:
        """That count now."""
        return self._settings

    @property
    def instance(self) -> str:
        """The name of this process's own folder, for links."""
        return self._folder.name

    @property
    def folder(self) -> Path | None:
        """Where the files are; ``None``: nowhere, exports are refused."""
        return self._folder.path

    def take(self, settings: ExportSettings) -> None:
        """From the next export on these count; the folder and the kind of links stay."""
        self._settings = settings
        self._room.most = settings.max_bytes

    def startService(self) -> None:
        """Make the folder, and remove what processes before this one have left."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted's has no types
        self.threads.start()
        try:
            self._folder.open()
        except OSError as error:
            _log.error("exports are refused: the spool cannot be made: {error}", error=error)
        self._metrics.watch_one("spool_bytes", lambda: self._room.used)
        self._metrics.watch_one("spool_files", lambda: len(self._exports))

    def stopService(self) -> Deferred[None]:
        """Remove everything."""
        super().stopService()  # type: ignore[no-untyped-call]  # twisted's has no types
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for draft in self._drafts.values():
            self._remove(draft.give_up)
        await self.threads.run(self._folder.remove)
        await self.threads.stop(1.0)

    def draft(self, principal: str, format: str) -> Draft:  # noqa: A002 - the argument's name is the tool's
        """A place for one more export; end it with ``keep`` or ``drop``.

        Raises:
            ToolFailure: there is no spool, or the principal has as many under way as it may.
        """
        if self._folder.path is None:
            raise ToolFailure(
                Family.UNAVAILABLE,
                "This server has no place for exports now.",
                "Read the rows with fetch_results; the operator has to look after "
                "exports.directory.",
            )
        self._make_room(principal)
        identity = secrets.token_hex(_ID_BYTES)
        path = self._folder.path / f"{identity}.{format}"
        draft = self._drafts[identity] = Draft(path, self._room, self._settings.max_file_bytes)
        self._owners[identity] = principal
        return draft

    def keep(self, draft: Draft, query_id: str, rows: int, sha256: str) -> Export:
        """It is written: from now on it can be fetched, until it expires."""
        identity = draft.path.stem
        del self._drafts[identity]
        form = draft.path.suffix[1:]
        export = self._exports[identity] = Export(
            id=identity,
            principal=self._owners[identity],
            query_id=query_id,
            format=form,
            rows=rows,
            bytes=draft.bytes,
            sha256=sha256,
            expires=self._wall_clock() + self._settings.ttl_s,
            path=draft.path,
        )
        self._metrics.count("exports", form, "ok")
        self._metrics.count("export_bytes", form, by=export.bytes)
        self._wake()
        return export

    def drop(self, draft: Draft, outcome: str) -> None:
        """It is not to be; ``outcome`` is a fixed word, for the metrics."""
        identity = draft.path.stem
        if self._drafts.pop(identity, None) is not None:
            self._owners.pop(identity, None)
            self._metrics.count("exports", draft.path.suffix[1:], outcome)
            self._remove(draft.give_up)

    def find(self, identity: str, principal: str) -> Export | None:
        """An export of this principal that has not expired."""
        found = self._exports.get(identity)
        if found is None or found.principal != principal or found.expires <= self._wall_clock():
            return None
        return found

    def path_of(self, instance: str, name: str) -> Path | None:
        """Where a file is that this process has written, or another one with the same folder."""
        if not NAME.fullmatch(name):
            return None
        return self._folder.beside(instance, name)

    def _make_room(self, principal: str) -> None:
        own = [identity for identity, owner in self._owners.items() if owner == principal]
        if len(own) < self._settings.max_per_principal:
            return
        oldest = next((identity for identity in own if identity in self._exports), None)
        if oldest is None:
            raise ToolFailure(
                Family.BUSY,
                f"{len(own)} exports of yours are being written already.",
                "Wait for one to end, then call again.",
                retryable=True,
            )
        self._expire(oldest)

    def _wake(self) -> None:
        if self._timer is not None and self._timer.active():
            return
        soonest = min((each.expires for each in self._exports.values()), default=None)
        if soonest is not None and self.running:
            self._timer = self._clock.callLater(
                max(0.0, soonest - self._wall_clock()) + 0.5, self._sweep
            )

    def _sweep(self) -> None:
        now = self._wall_clock()
        for identity in [each.id for each in self._exports.values() if each.expires <= now]:
            self._expire(identity)
        self._wake()

    def _expire(self, identity: str) -> None:
        export = self._exports.pop(identity)
        self._owners.pop(identity, None)
        self._remove(self._unlink, export)

    def _unlink(self, export: Export) -> None:
        export.path.unlink(missing_ok=True)
        self._room.give(export.bytes)

    def _remove(self, job: Callable[..., None], *args: Any) -> None:
        self.threads.run(job, *args).addErrback(_not_removed)


def _not_removed(failure: Failure) -> None:
    _log.warn("a file of the spool cannot be removed: {error}", error=failure.value)
