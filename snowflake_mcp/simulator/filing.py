"""Rows of a result: in memory while they are few, in a file without a name once they are many."""

import mmap
import os
import tempfile
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final

from snowflake_mcp.simulator.failures import StatementFailed

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FILED_BYTES", "Filing"]

FILED_BYTES: Final = 8 << 20
"""A result of more bytes goes to the file."""

_ON_DISK: Final = "/var/tmp"  # nosec B108 # noqa: S108 - the file has no name that could be guessed
"""Where temporary files are on a disk; /tmp may be memory."""


class Filing:
    """Takes the batches of one result; one thread at a time, worker threads only.

    Readers of large results are slow, and there may be many of them: what they still have to
    fetch must neither fill the memory nor make room for newer results. Where the host offers no
    place for a file, everything stays in memory.
    """

    def __init__(self, schema: "pa.Schema") -> None:
        self._schema = schema
        self._batches: list[Any] = []
        self._file: IO[bytes] | None = None
        self._writer: Any = None
        self._may_file = True
        self.size = 0
        """Bytes taken so far."""
        self.file: mmap.mmap | None = None
        """Where the rows of :meth:`table` are, if they are not in memory."""

    def add(self, batch: "pa.RecordBatch") -> None:
        """Take one more batch.

        :raises StatementFailed: 100082 when the file cannot be written.
        """
        self.size += batch.nbytes
        if self._writer is None and not (self.size > FILED_BYTES and self._opened()):
            self._batches.append(batch)
            return
        try:
            for each in (*self._batches, batch):
                self._writer.write_batch(each)
        except OSError as error:
            raise _no_space() from error
        self._batches.clear()

    def table(self) -> "pa.Table":
        """All of it; what is in the file is read from there as it is used.

        :raises StatementFailed: 100082 when the file cannot be written.
        """
        import pyarrow as pa

        if self._writer is None or self._file is None:
            return pa.Table.from_batches(self._batches, schema=self._schema)
        try:
            self._writer.close()
            self._file.flush()
            self.file = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise _no_space() from error
        return pa.ipc.open_stream(pa.py_buffer(self.file)).read_all()

    def close(self) -> None:
        """No more of it is added; the table stays good. May be called in any state."""
        if self._file is not None:
            # What it could not write before it cannot write now, and nobody reads it.
            with suppress(OSError):
                self._file.close()

    def _opened(self) -> bool:
        import pyarrow as pa

        if not self._may_file:
            return False
        try:
            self._file = tempfile.TemporaryFile(dir=_folder())  # noqa: SIM115 - see close()
        except OSError:
            self._may_file = False
            return False
        self._writer = pa.ipc.new_stream(self._file, self._schema)
        return True


def _folder() -> str | None:
    """TMPDIR where it is set, else where a disk is; ``None`` leaves the choice to Python."""
    named = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return None if named or not os.access(_ON_DISK, os.W_OK | os.X_OK) else _ON_DISK


def _no_space() -> StatementFailed:
    return StatementFailed(
        "100082",
        "54000",
        "The demo warehouse has no space on disk for the result. Select fewer rows or columns.",
    )
