"""Log files: rotation with a bound, reopening, and a disk that is full."""

import errno
import os
from pathlib import Path

import pytest

from snowflake_mcp.ops import logfile
from snowflake_mcp.ops.logfile import LogFile, Stream


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What is said on standard error."""
    path = tmp_path / "stderr"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    monkeypatch.setattr(logfile, "STDERR", descriptor)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_lines_are_appended(tmp_path: Path) -> None:
    """To what an earlier process wrote; nobody else can read them."""
    for line in (b"one\n", b"two\n"):
        file = LogFile(tmp_path / "log", 0, 0)
        file.write(line)
        file.close()
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
    assert (tmp_path / "log").stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_rotation_keeps_a_bound(tmp_path: Path, keep: int) -> None:
    """No file is larger than the limit and no more files are kept than was asked for."""
    file = LogFile(tmp_path / "log", 20, keep)
    for n in range(100):
        file.write(b"line %04d\n" % n)
    file.close()
    assert names(tmp_path) == ["log", *(f"log.{n + 1}" for n in range(keep))]
    assert all(path.stat().st_size <= 20 for path in tmp_path.iterdir())
    kept = b"".join((tmp_path / name).read_bytes() for name in reversed(names(tmp_path)))
    assert kept.splitlines()[-1] == b"line 0099"
    assert file.lost == 0


def test_a_line_longer_than_a_file(tmp_path: Path) -> None:
    """It gets a file of its own and nothing turns in circles."""
    file = LogFile(tmp_path / "log", 20, 2)
    file.write(b"x" * 100 + b"\n")
    file.write(b"y\n")
    file.close()
    assert names(tmp_path) == ["log", "log.1"]


def test_a_file_that_was_moved_away(tmp_path: Path) -> None:
    """Until it is reopened lines follow it; afterwards none does, and none is lost."""
    file = LogFile(tmp_path / "log", 0, 0)
    file.write(b"one\n")
    (tmp_path / "log").rename(tmp_path / "old")
    file.write(b"two\n")
    file.reopen()
    file.write(b"three\n")
    file.close()
    assert (tmp_path / "old").read_bytes() == b"one\ntwo\n"
    assert (tmp_path / "log").read_bytes() == b"three\n"


def test_a_file_that_cannot_be_reopened(tmp_path: Path) -> None:
    """The one of before is used on."""
    folder = tmp_path / "logs"
    folder.mkdir()
    file = LogFile(folder / "log", 0, 0)
    folder.rename(tmp_path / "moved")
    with pytest.raises(OSError, match="No such file"):
        file.reopen()
    file.write(b"one\n")
    file.close()
    assert (tmp_path / "moved" / "log").read_bytes() == b"one\n"
    assert file.lost == 0


def test_rotation_that_fails(tmp_path: Path, told: Path) -> None:
    """Lines are written on, and it is said once."""
    folder = tmp_path / "logs"
    folder.mkdir()
    file = LogFile(folder / "log", 20, 1)
    folder.rename(tmp_path / "moved")
    for _ in range(10):
        file.write(b"a line\n")
    file.close()
    assert (tmp_path / "moved" / "log").stat().st_size == 70
    assert file.lost == 0
    assert told.read_text().count("\n") == 1
    assert "cannot be rotated" in told.read_text()


def test_a_full_disk(tmp_path: Path, told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost lines are counted and said once; a torn line does not swallow the next."""
    room = [6]

    def write(descriptor: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(room[0], len(data))
        room[0] -= taken
        return real(descriptor, data[:taken])

    real = os.write
    file = LogFile(tmp_path / "log", 0, 0)
    monkeypatch.setattr(os, "write", write)
    room_for_stderr = 1_000
    file.write(b"one\n")
    room[0] = 3
    file._told = True
    for _ in range(5):
        file.write(b"lost\n")
    assert file.lost == 5
    room[0] = room_for_stderr
    file.write(b"two\n")
    monkeypatch.undo()
    file.close()
    assert (tmp_path / "log").read_bytes() == b"one\nlos\ntwo\n"


def test_a_closed_pipe_is_said_once(told: Path) -> None:
    """Whoever read standard output may have gone."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = Stream(writer, "standard output")
    for _ in range(3):
        stream.write(b"line\n")
    os.close(writer)
    assert stream.lost == 3
    assert told.read_text() == (
        "snowflake-mcp: log lines are being lost: standard output: Broken pipe\n"
    )
