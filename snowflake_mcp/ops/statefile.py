"""What must outlive the process and is small: one file, replaced as a whole, never half-written."""

import fcntl
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, Self

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["Kept", "StateFile", "state_path"]

EVERY_S: Final = 5.0
"""A process that is killed loses as much."""
_MODE: Final = 0o600
_BAD: Final = ".bad"


class Kept(Protocol):
    """What is kept; reactor thread only."""

    @property
    def version(self) -> int:
        """Another number whenever there is something to write."""

    def dump(self) -> bytes:
        """All of it."""

    def restore(self, data: bytes) -> None:
        """Take what an earlier process wrote.

        Raises:
            ValueError: it is not what ``dump`` gives; nothing has changed.
        """


def state_path(setting: str, environ: Mapping[str, str], name: str) -> Path | None:
    """The configured file, else ``name`` in the state folder that systemd gives, else none."""
    if setting:
        return Path(setting)
    # Several folders would be separated by colons; a unit of ours has one.
    folder = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(folder) / name if folder else None


class StateFile(Service):
    """Reads the file at start, and writes it in a thread when what is kept has changed.

    A file that cannot be read for what it is begins anew, and is put aside. One that another
    process has taken, or that cannot be written, is told, and the server goes on without.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        path: Path,
        kept: Kept,
        in_thread: Callable[[Callable[[], None]], Deferred[None]],
    ) -> None:
        """Nothing is read before ``startService``, which runs after the process has forked."""
        self._clock = clock
        self._path = path
        self._kept = kept
        self._in_thread = in_thread
        self._written = kept.version
        self._lock: int | None = None
        self._next: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None
        self._failing = False

    @classmethod
    def of(cls, reactor: Any, path: Path, kept: Kept) -> Self:
        """One that is written in a thread of the reactor's own pool."""

        def in_thread(job: Callable[[], None]) -> Deferred[None]:
            return deferToThreadPool(reactor, reactor.getThreadPool(), job)

        return cls(reactor, path.absolute(), kept, in_thread)

    def startService(self) -> None:
        """Take the file, read what is there; blocks for as long as that takes."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted's has no types
        if not self._take():
            return
        self._read()
        self._written = self._kept.version
        self._wait()

    def stopService(self) -> Deferred[None] | None:
        """Write what has changed since; fires when it is there."""
        super().stopService()  # type: ignore[no-untyped-call]  # twisted's has no types
        if self._next is not None and self._next.active():
            self._next.cancel()
        if self._lock is None:
            return None
        return Deferred.fromCoroutine(self._finish())

    async def _finish(self) -> None:
        if self._writing is not None:
            await self._writing
        if self._kept.version != self._written:
            await self._write()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _take(self) -> bool:
        """Hold the file against other processes, for as long as this one lives."""
        lock = None
        try:
            lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if lock is not None:
                os.close(lock)
            why = "another process has it" if lock is not None else error.strerror
            self._log.error("{path} is not used, nothing is kept: {why}", path=self._path, why=why)
            return False
        self._lock = lock
        return True

    def _read(self) -> None:
        try:
            self._kept.restore(self._path.read_bytes())
        except FileNotFoundError:
            return
        except OSError as error:
            self._log.error(
                "{path} cannot be read, its contents begin anew: {why}",
                path=self._path,
                why=error.strerror,
            )
        except ValueError as error:
            self._log.error(
                "{path} is not what was written there ({why}); it is put aside as {bad}, and its "
                "contents begin anew",
                path=self._path,
                why=str(error)[:200],
                bad=self._path.name + _BAD,
            )
            self._put_aside()

    def _put_aside(self) -> None:
        try:
            self._path.replace(f"{self._path}{_BAD}")
        except OSError as error:
            self._log.error("{path} cannot be moved: {why}", path=self._path, why=error.strerror)

    def _wait(self) -> None:
        self._next = self._clock.callLater(EVERY_S, self._tick)

    def _tick(self) -> None:
        self._wait()
        if self._kept.version != self._written and self._writing is None:
            self._writing = Deferred.fromCoroutine(self._write())
            self._writing.addCallback(self._done)

    def _done(self, _: None) -> None:
        self._writing = None

    async def _write(self) -> None:
        version, data = self._kept.version, self._kept.dump()
        written: Deferred[Any] = self._in_thread(lambda: _replace(self._path, data))
        written.addCallbacks(lambda _: True, self._not_written)
        if await written:
            self._written = version
            if self._failing:
                self._failing = False
                self._log.info("{path} is written again", path=self._path)

    def _not_written(self, failure: Failure) -> bool:
        failure.trap(OSError)
        if not self._failing:
            # Once: it is tried again every few seconds.
            self._failing = True
            why = getattr(failure.value, "strerror", None)
            self._log.error("{path} cannot be written: {why}", path=self._path, why=why)
        return False


def _replace(path: Path, data: bytes) -> None:
    """Write beside the file and move it there: a reader sees the old one or the new one; blocks."""
    beside = f"{path}.new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    os.replace(beside, path)  # noqa: PTH105 - the two names are texts
