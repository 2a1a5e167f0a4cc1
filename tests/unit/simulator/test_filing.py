"""Where the rows of a result are kept, and what becomes of them when the disk does not help."""

import errno
import io
import mmap
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from twisted.internet.task import Clock

from snowflake_mcp.simulator import filing
from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.filing import FILED_BYTES, Filing
from snowflake_mcp.simulator.results import Result, ResultStore

_ROWS = 1 << 17


def _batch(first: int) -> pa.RecordBatch:
    numbers = pa.array(range(first, first + _ROWS), pa.int64())
    return pa.RecordBatch.from_arrays([numbers, numbers.cast(pa.string())], ["N", "T"])


def _filled(megabytes: int) -> tuple[Filing, pa.Table]:
    batches = [_batch(0)]
    while sum(batch.nbytes for batch in batches) < megabytes << 20:
        batches.append(_batch(len(batches) * _ROWS))
    made = Filing(batches[0].schema)
    for batch in batches:
        made.add(batch)
    return made, pa.Table.from_batches(batches)


def _take_for_disk(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("TMPDIR", folder)
    monkeypatch.setattr(tempfile, "tempdir", folder)


def test_few_rows_stay_in_memory() -> None:
    """No file is made for them."""
    taken, rows = _filled(1)
    assert taken.table() == rows
    assert taken.file is None
    taken.close()


def test_many_rows_are_read_from_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal row by row, cost no memory of Arrow's, and leave nothing in the folder."""
    _take_for_disk(monkeypatch, str(tmp_path))
    taken, rows = _filled((FILED_BYTES >> 20) + 4)
    allocated = pa.total_allocated_bytes()
    table = taken.table()
    assert taken.file is not None
    taken.close()
    assert pa.total_allocated_bytes() - allocated < 1 << 20
    assert table == rows
    assert list(tmp_path.iterdir()) == []


def test_without_a_place_for_files_everything_stays_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a container that may write nowhere."""
    _take_for_disk(monkeypatch, "/nowhere/at/all")
    taken, rows = _filled((FILED_BYTES >> 20) + 4)
    assert taken.table() == rows
    assert taken.file is None
    taken.close()


def test_files_are_on_a_disk_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """/tmp is memory on many hosts."""
    chosen: list[str | None] = []

    def make(**options: Any) -> io.BytesIO:
        chosen.append(options["dir"])
        raise FileNotFoundError

    monkeypatch.setattr(tempfile, "TemporaryFile", make)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(filing, "_ON_DISK", str(tmp_path))
    _filled((FILED_BYTES >> 20) + 4)
    monkeypatch.setattr(filing, "_ON_DISK", "/nowhere/at/all")
    _filled((FILED_BYTES >> 20) + 4)
    monkeypatch.setattr(filing, "_ON_DISK", str(tmp_path))
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    _filled((FILED_BYTES >> 20) + 4)
    assert chosen == [str(tmp_path), None, None]


class _FullDisk(io.BytesIO):
    def write(self, data: Any) -> int:
        """Refuse what is not the head of the file."""
        if memoryview(data).nbytes > 1 << 16:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_an_error_of_the_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a broken result, and not memory without bound."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: _FullDisk())
    with pytest.raises(StatementFailed) as caught:
        _filled((FILED_BYTES >> 20) + 4)
    assert caught.value.code == "100082"
    assert "no space on disk" in caught.value.message


def test_results_in_files_are_bounded_by_themselves() -> None:
    """They take no memory from the others; four times their own bytes is the end."""
    clock = Clock()
    table = pa.table({"n": pa.array([0], pa.int64())})
    file = mmap.mmap(-1, 8)
    store = ResultStore(max_results=9, max_bytes=10, max_filed_bytes=8, now=clock.seconds)
    for name in "abcd":
        store.put(name, Result(b"x", 1, table=table, file=file))
    assert (len(store), store.size, store.filed_size) == (4, 4, 32)
    store.put("e", Result(b"x", 1, table=table, file=file))
    assert store.get("a") is None
    assert (len(store), store.size, store.filed_size) == (4, 4, 32)
    clock.advance(60)
    store.put("f", Result(b"x", 1, table=table, file=file))
    assert (len(store), store.filed_size) == (1, 8)
