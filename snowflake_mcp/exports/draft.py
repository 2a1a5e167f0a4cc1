"""A file of the spool while it is written: counted, digested, and gone when it is given up."""

import errno
import hashlib
import os
from pathlib import Path
from threading import Lock
from typing import Final

from twisted.logger import Logger

from snowflake_mcp.protocol.errors import Family, ToolFailure

__all__ = ["Draft", "Room"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_log = Logger()


class Room:
    """How many bytes all files have together, and may have; any thread."""

    def __init__(self, most: int) -> None:
        self._lock = Lock()
        self.most = most
        self.used = 0

    def take(self, size: int) -> bool:
        """Count so many more, where there is room for them."""
        with self._lock:
            if self.used + size > self.most:
                return False
            self.used += size
            return True

    def give(self, size: int) -> None:
        """So many less are there."""
        with self._lock:
            self.used -= size


class Draft:
    """Where a writer writes; a file object as far as pyarrow wants one.

    ``open``, ``write`` and ``done`` are for worker threads. ``give_up`` is for any thread; what
    is written afterwards goes nowhere, so that a writer can be closed in peace.
    """

    def __init__(self, path: Path, room: Room, max_bytes: int) -> None:
        self.path = path
        self.bytes = 0
        self.given_up = False
        self.closed = False
        """For pyarrow, which closes nothing that it has not opened."""
        self._room = room
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._digest = hashlib.sha256()
        self._file: int | None = None

    def open(self) -> None:
        """Make the file; blocks.

        Raises:
            ToolFailure: the disk does not take it.
        """
        with self._lock:
            if self.given_up:
                return
            try:
                # A name that nobody can know beforehand, and still nothing is written into a file
                # that is there already, or behind a link.
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                self._file = os.open(self.path, flags, 0o600)
            except OSError as error:
                raise _not_written(error) from error

    def write(self, data: bytes | memoryview) -> int:
        """Append; blocks as long as the disk does.

        Raises:
            ToolFailure: a bound is reached, or the disk does not take it.
        """
        view = memoryview(data).cast("B")
        with self._lock:
            if self.given_up or self._file is None:
                return len(view)
            if self.bytes + len(view) > self._max_bytes:
                raise _too_large(self._max_bytes)
            if not self._room.take(len(view)):
                raise _no_room()
            self.bytes += len(view)
            self._digest.update(view)
            left = view
            try:
                while left:
                    left = left[os.write(self._file, left) :]
            except OSError as error:
                raise _not_written(error) from error
            return len(view)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """For pyarrow; ``done`` ends it."""

    def readable(self) -> bool:
        """It is not."""
        return False

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It only grows."""
        return False

    def done(self) -> str:
        """Close it; gives its SHA-256 in hexadecimal digits. Blocks.

        Raises:
            ToolFailure: the disk did not take all of it.
        """
        with self._lock:
            descriptor, self._file = self._file, None
            if descriptor is not None:
                try:
                    os.close(descriptor)
                except OSError as error:
                    raise _not_written(error) from error
            return self._digest.hexdigest()

    def give_up(self) -> None:
        """Close it and remove it; blocks as long as a write does. A second time does nothing."""
        with self._lock:
            if self.given_up:
                return
            self.given_up = True
            descriptor, self._file = self._file, None
            if descriptor is not None:
                os.close(descriptor)
            self.path.unlink(missing_ok=True)
            self._room.give(self.bytes)


def _too_large(most: int) -> ToolFailure:
    return ToolFailure(
        Family.LIMIT,
        f"The export is larger than one file may be ({most} bytes), so none was made.",
        "Export fewer rows or columns, in several statements, or as parquet, which is smaller. "
        "The operator sets exports.max_file_bytes.",
        details={"limit": "exports.max_file_bytes"},
    )


def _no_room() -> ToolFailure:
    return ToolFailure(
        Family.LIMIT,
        "The exports on this server use all the room they may have, so none was made.",
        "Call again when some have expired, or export less. The operator sets exports.max_bytes.",
        retryable=True,
        details={"limit": "exports.max_bytes"},
    )


def _not_written(error: OSError) -> ToolFailure:
    _log.warn("an export cannot be written: {error}", error=error.strerror)
    full = error.errno in _FULL
    return ToolFailure(
        Family.LIMIT if full else Family.UNAVAILABLE,
        "The disk of this server is full, so no export was made."
        if full
        else "This server cannot write exports now.",
        "Read the rows with fetch_results instead; the operator has to look after the disk.",
        retryable=True,
    )
