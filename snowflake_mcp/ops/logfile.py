"""Where log lines go: a descriptor, or a file that is rotated; lines may be lost, never time."""

import os
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Final

__all__ = ["STDERR", "LogFile", "Stream"]

STDERR: Final = 2
_MODE: Final = 0o640


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
        self._torn = False
        self._told = False

    def write(self, line: bytes) -> None:
        """Write one line with its newline at its end."""
        with self._lock:
            self._make_room(len(line))
            try:
                # What was left of a torn line shall not swallow the next one.
                self._write_all(b"\n" + line if self._torn else line)
                self._torn = False
            except OSError as error:
                self.lost += 1
                self._tell(f"log lines are being lost: {self.name}: {error.strerror}")

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.write(self._descriptor, rest)
            rest = rest[written:]
            self._torn = len(rest) > 0

    def _make_room(self, size: int) -> None:
        """Called before each line."""

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
        self._max_bytes = max_bytes
        self._keep_files = keep_files
        self._size = os.fstat(self._descriptor).st_size

    def reopen(self) -> None:
        """Write on into whatever has the file's name now.

        Raises:
            OSError: it cannot be opened; lines go on into the file of before.
        """
        with self._lock:
            before, self._descriptor = self._descriptor, self._open(self._path)
            os.close(before)
            self._size = os.fstat(self._descriptor).st_size
            self._torn = False

    def resize(self, max_bytes: int, keep_files: int) -> None:
        """Rotate by other bounds from now on; files beyond their number are left alone."""
        with self._lock:
            self._max_bytes, self._keep_files = max_bytes, keep_files

    def close(self) -> None:
        """Close the file; nothing may be written afterwards."""
        os.close(self._descriptor)

    def _open(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)

    def _write_all(self, data: bytes) -> None:
        super()._write_all(data)
        self._size += len(data)

    def _make_room(self, size: int) -> None:
        if not 0 < self._max_bytes < self._size + size or self._size == 0:
            return
        try:
            self._shift()
            self.reopen()
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
