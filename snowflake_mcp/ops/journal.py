"""A chain of records in a file that goes on over rotation, crashes and full disks."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from twisted.logger import Logger

from snowflake_mcp.ops.auditfile import AuditFile, last_record
from snowflake_mcp.ops.chain import GENESIS, Sealer

__all__ = ["GAP", "RECOVERED", "Journal"]

GAP: Final = "audit.gap"
"""The event of a record that says how many before it could not be written."""
RECOVERED: Final = "audit.recovered"
"""The event of a record that follows a line which was not written to its end."""

_log = Logger()


class Journal:
    """Appends records; reactor thread only. Opens nothing before ``open``.

    What cannot be written is counted and said once in the log. The next record that can be
    written is preceded by one that says how many are missing, so the chain itself never breaks.

    Args:
        path: of the file; absolute.
        max_bytes: before it grows beyond, it is rotated; 0: never.
        keep_files: how many rotated files there may be.
        sealer: makes the hashes.
        now: the time of day in seconds since the epoch.
    """

    def __init__(
        self,
        path: Path,
        max_bytes: int,
        keep_files: int,
        sealer: Sealer,
        now: Callable[[], float],
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep_files = keep_files
        self._sealer = sealer
        self._now = now
        self._file: AuditFile | None = None
        self.seq = 0
        """Number of the last record."""
        self.hash = GENESIS
        """Of the last record."""
        self.lost = 0
        """Records that could not be written since the start."""
        self._missing = 0
        self._missing_since = ""
        self._torn_bytes = 0
        self._failing = False
        self._closed = False

    @property
    def failing(self) -> bool:
        """Whether the last try to write has failed."""
        return self._failing

    @property
    def file(self) -> AuditFile | None:
        """The open file, if there is one."""
        return self._file

    def open(self) -> bool:
        """Open the file and go on where its chain, or that of its rotated files, has ended.

        Returns whether records can be written; if not, every record tries again.
        """
        return self._guarded(self._make_ready)

    def write(self, event: str, members: Mapping[str, Any]) -> bool:
        """Append a record; ``False``: it could not be written, which is counted."""

        def append() -> None:
            self._make_ready()
            self._append(event, members)

        if self._guarded(append):
            return True
        self.lost += 1
        self._missing += 1
        self._missing_since = self._missing_since or self._time()
        return False

    def works(self) -> bool:
        """Whether records are being written; where they were not, this tries again."""
        return not self._failing or self._guarded(self._make_ready)

    def reopen(self) -> None:
        """Write on into whatever has the file's name now; the chain goes on there."""
        file = self._file
        if file is not None:
            self._guarded(file.reopen)

    def close(self) -> None:
        """Nothing is written any more; what still comes is lost."""
        self._closed = True
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _make_ready(self) -> None:
        if self._closed:
            raise OSError("the audit is closed")
        if self._file is None:
            self._file = self._opened()
        if self._torn_bytes:
            self._append(RECOVERED, {"torn_bytes": self._torn_bytes})
            self._torn_bytes = 0
        if self._missing:
            self._append(GAP, {"lost": self._missing, "since": self._missing_since})
            self._missing, self._missing_since = 0, ""

    def _opened(self) -> AuditFile:
        # Locked first and read then: until the lock is ours another process may add to the chain.
        file = AuditFile(self._path, self._max_bytes, self._keep_files)
        try:
            last = last_record(self._path)
        except OSError:
            file.close()
            raise
        if last.link is not None:
            self.seq, self.hash = last.link.seq, last.link.hash
        self._torn_bytes = last.torn_bytes
        if last.open_ended:
            file.end_line()
        return file

    def _append(self, event: str, members: Mapping[str, Any]) -> None:
        if self._file is None:
            raise OSError("the file is not open")
        seq = self.seq + 1
        line, digest = self._sealer.seal(seq, self._time(), self.hash, {"event": event, **members})
        self._file.append(line)
        self.seq, self.hash = seq, digest

    def _guarded(self, work: Callable[[], None]) -> bool:
        """Do it, and tell when it begins to fail and when it works again."""
        missing = self._missing
        try:
            work()
        except OSError as error:
            if not self._failing:
                self._failing = True
                _log.error(
                    "the audit cannot be written, records are being lost: {path}: {reason}",
                    path=str(self._path),
                    reason=error.strerror or str(error),
                )
            return False
        if self._failing:
            self._failing = False
            _log.warn("the audit is written again; {lost} records were lost", lost=missing)
        return True

    def _time(self) -> str:
        moment = datetime.fromtimestamp(self._now(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
