"""The file of the audit: whole lines or none, one writer, and where its chain has come to."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from errno import EBUSY
from pathlib import Path
from typing import Final

from snowflake_mcp.ops.chain import Link, link_of
from snowflake_mcp.ops.logfile import LogFile

__all__ = ["AuditFile", "Last", "last_record"]

_TAIL_BYTES: Final = 1 << 20
"""No record is longer: what a caller says in it is cut."""
_COMPRESSED: Final = frozenset({".gz", ".bz2", ".xz", ".zst"})


@dataclass(frozen=True, slots=True)
class Last:
    """Where a chain has come to."""

    link: Link | None
    """The last whole record; ``None``: there is none."""
    torn_bytes: int = 0
    """Of a line after it that was not written to its end."""
    open_ended: bool = False
    """Whether the file does not end with a newline."""


class AuditFile(LogFile):
    """Appends lines whole or not at all; reactor thread only.

    A second writer would break the chain, so the file is locked: what another process writes is
    not opened.

    Raises:
        OSError: the file cannot be opened, or another process writes it.
    """

    def append(self, line: bytes) -> None:
        """Write one line with its newline.

        Raises:
            OSError: nothing of it stands in the file.
        """
        with self._lock:
            self._make_room(len(line))
            before = os.fstat(self._descriptor).st_size
            try:
                self._write_all(b"\n" + line if self._torn else line)
                self._torn = False
            except OSError:
                # Where even this fails the next line begins with a newline, as in any log.
                with suppress(OSError):
                    os.ftruncate(self._descriptor, before)
                    self._torn = False
                    self._size = before
                raise

    def end_line(self) -> None:
        """Let the next record begin a line, after one that another process left torn."""
        self._torn = True

    def duplicate(self) -> int:
        """Another descriptor of the open file, to be closed by whoever asked for it."""
        return os.dup(self._descriptor)

    def reopen(self) -> None:
        """Write on into whatever has the file's name now.

        Raises:
            OSError: it cannot be opened; lines go on into the file of before.
        """
        with suppress(FileNotFoundError):
            now, ours = self._path.stat(), os.fstat(self._descriptor)
            if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino):
                return
        super().reopen()

    def _open(self, path: Path) -> int:
        descriptor = super()._open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise OSError(EBUSY, "another process writes it") from None
        return descriptor


def last_record(path: Path) -> Last:
    """Where the chain of a file has come to, or that of the newest file it was rotated to.

    Raises:
        OSError: a file cannot be read.
    """
    older = [
        each
        for each in path.parent.glob(path.name + "?*")
        if each.suffix not in _COMPRESSED and each.is_file()
    ]
    current = _last_of(path)
    if current.link is not None:
        return current
    for each in sorted(older, key=lambda one: one.stat().st_mtime, reverse=True):
        last = _last_of(each)
        if last.link is not None:
            torn_bytes = current.torn_bytes or last.torn_bytes
            return Last(last.link, torn_bytes, current.open_ended)
    return current


def _last_of(path: Path) -> Last:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read()
    except FileNotFoundError:
        return Last(None)
    *whole, rest = tail.split(b"\n")
    with suppress(ValueError):
        # Only the newline is missing.
        return Last(link_of(rest), 0, open_ended=True)
    for line in reversed(whole):
        # A line that was torn before stands among whole ones, after which a record says so.
        with suppress(ValueError):
            return Last(link_of(line), len(rest), bool(rest))
    return Last(None, len(rest), bool(rest))
