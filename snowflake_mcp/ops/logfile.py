"""Where log lines go: a descriptor, or a file that is rotated; lines may be lost, never time."""

import os
from contextlib import suppress
from pathlib import Path
from select import PIPE_BUF
from threading import RLock, get_ident
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["GATHER_S", "STDERR", "LogFile", "Stream"]

STDERR: Final = 2
GATHER_S: Final = 0.05
"""How long a line may wait for others: a write costs as much as a line itself, or more."""
_MODE: Final = 0o640
_NEWLINE: Final = 0x0A


class Stream:
    """Lines into an open descriptor; any thread.

    A line that cannot be written is counted in ``lost``, and said once on standard error.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self.lost = 0
        """Lines that were not written, or not to their end."""
        self._descriptor = descriptor
        # A Deferred that is collected in the middle of a write logs from the same thread.
        self._lock = RLock()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        # A pipe takes so much whole or not at all, whoever else writes into it.
        self._at_once_bytes = PIPE_BUF
        self._clock: IReactorTime | None = None
        self._thread = 0
        self._due: IDelayedCall | None = None
        self._writing = False
        self._written = 0
        self._torn = False
        self._told = False

    def write(self, line: bytes) -> None:
        """Write one line with its newline at its end, after those that wait."""
        with self._lock:
            self._put(line)
            self._flush()

    def gather(self, line: bytes) -> None:
        """Write one line with its newline at its end, with others of the same moment.

        It waits for ``GATHER_S`` at most; not at all before ``begin`` and after ``end``.
        """
        with self._lock:
            self._put(line)
            if self._due is None:
                self._fall_due_later()

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            self._flush()

    def begin(self, clock: IReactorTime) -> None:
        """Lines may wait from now on; reactor thread only, once it is sure to run."""
        with self._lock:
            self._clock, self._thread = clock, get_ident()

    def end(self) -> None:
        """Write what waits, and from now on each line at once; reactor thread only."""
        with self._lock:
            self._clock = None
            if self._due is not None:
                self._due.cancel()
                self._due = None
            self._flush()

    def _fall_due_later(self) -> None:
        if self._clock is None or get_ident() != self._thread:
            # Nobody will come for it: the clock is of one thread.
            self._flush()
        else:
            self._due = self._clock.callLater(GATHER_S, self._fall_due)

    def _fall_due(self) -> None:
        with self._lock:
            self._due = None
            self._flush()

    def _put(self, line: bytes) -> None:
        size = self._waiting_bytes + len(line)
        if size > self._at_once_bytes:
            self._flush()
            # Not always nothing: in the middle of a write they wait on.
            size = self._waiting_bytes + len(line)
        self._waiting.append(line)
        self._waiting_bytes = size

    def _flush(self) -> None:
        if self._writing:
            # What logs in the middle of a write has its turn after it.
            return
        self._writing = True
        try:
            while self._waiting:
                lines, self._waiting, self._waiting_bytes = self._waiting, [], 0
                self._write_lines(lines)
        finally:
            self._writing = False

    def _write_lines(self, lines: list[bytes]) -> None:
        data = b"".join(lines)
        self._make_room(len(data))
        # What was left of a torn line shall not swallow the next one.
        before = b"\n" if self._torn else b""
        try:
            self._write_all(before + data)
        except OSError as error:
            whole = data[: max(0, self._written - len(before))].count(b"\n")
            self.lost += len(lines) - whole
            self._tell(f"log lines are being lost: {self.name}: {error.strerror}")

    def _write_all(self, data: bytes) -> None:
        self._written = 0
        rest = memoryview(data)
        while rest:
            self._written += os.write(self._descriptor, rest)
            rest = memoryview(data)[self._written :]
            self._torn = data[self._written - 1] != _NEWLINE

    def _make_room(self, size: int) -> None:
        """Called before each write, with its bytes."""

    def _tell(self, what: str) -> None:
        if not self._told:
            self._told = True
            # With standard error gone as well there is nobody left to tell.
            with suppress(OSError):
                os.write(STDERR, f"snowflake-mcp: {what}\n".encode())


class LogFile(Stream):
    """Lines into a file; any thread.

    Args:
        path: the file; it is created with mode 640, its folder is not.
        max_bytes: before it grows beyond, it becomes ``path.1``, ``path.1`` becomes ``path.2``
            and so on; 0 leaves that to others.
        keep_files: how many of those there may be.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, max_bytes: int, keep_files: int) -> None:
        super().__init__(self._open(path), str(path))
        self._path = path
        self.resize(max_bytes, keep_files)
        self._size = os.fstat(self._descriptor).st_size

    def reopen(self) -> None:
        """Write on into whatever has the file's name now.

        Raises:
            OSError: it cannot be opened; lines go on into the file of before.
        """
        with self._lock:
            self._flush()
            self._reopen()

    def resize(self, max_bytes: int, keep_files: int) -> None:
        """Rotate by other bounds from now on; files beyond their number are left alone."""
        with self._lock:
            self._flush()
            self._max_bytes, self._keep_files = max_bytes, keep_files
            self._at_once_bytes = min(PIPE_BUF, max_bytes or PIPE_BUF)

    def close(self) -> None:
        """Write what waits and close the file; nothing may be written afterwards."""
        self.end()
        os.close(self._descriptor)

    def _reopen(self) -> None:
        before, self._descriptor = self._descriptor, self._open(self._path)
        os.close(before)
        self._size = os.fstat(self._descriptor).st_size
        self._torn = False

    def _open(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)

    def _write_all(self, data: bytes) -> None:
        try:
            super()._write_all(data)
        finally:
            self._size += self._written

    def _make_room(self, size: int) -> None:
        if not 0 < self._max_bytes < self._size + size or self._size == 0:
            return
        try:
            self._shift()
            self._reopen()
        except OSError as error:
            self._tell(f"the log cannot be rotated: {self.name}: {error.strerror}")

    def _shift(self) -> None:
        """Give every file the next number; the oldest one goes."""
        if self._keep_files == 0:
            self._path.unlink(missing_ok=True)
        for number in range(self._keep_files, 0, -1):
            with suppress(FileNotFoundError):
                self._numbered(number - 1).replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
