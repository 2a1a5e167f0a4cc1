"""Log files: rotation with a bound, reopening, and a disk that is full."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import PIPE_BUF

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.ops import logfile
from snowflake_mcp.ops.logfile import GATHER_S, LogFile, Stream
from tests.support.writes import Writes


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
    file = LogFile(tmp_path / "log", 0, 0)
    disk = Writes(monkeypatch)
    disk.room = 6
    room_for_stderr = 1_000
    file.write(b"one\n")
    disk.room = 3
    file._told = True
    for _ in range(5):
        file.write(b"lost\n")
    assert file.lost == 5
    disk.room = room_for_stderr
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


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    return Writes(monkeypatch)


def gathering(file: LogFile) -> Clock:
    clock = Clock()
    file.begin(clock)
    return clock


def test_gathered_lines_are_one_write(tmp_path: Path, writes: Writes) -> None:
    """Those of a moment go out together, a bounded time after the first; then it begins anew."""
    file = LogFile(tmp_path / "log", 0, 0)
    clock = gathering(file)
    for moment in (b"a", b"b"):
        file.gather(moment + b"1\n")
        clock.advance(GATHER_S / 2)
        file.gather(moment + b"2\n")
        assert moment not in (tmp_path / "log").read_bytes()
        clock.advance(GATHER_S / 2)
    assert writes.seen == [b"a1\na2\n", b"b1\nb2\n"]
    assert clock.getDelayedCalls() == []
    file.close()


def test_what_waits_is_bounded(tmp_path: Path, writes: Writes) -> None:
    """By what a pipe takes whole or not at all; a longer line goes alone."""
    file = LogFile(tmp_path / "log", 0, 0)
    clock = gathering(file)
    for n in range(100):
        file.gather(b"%0200d\n" % n)
    assert len(writes.seen) == 100 * 201 // PIPE_BUF
    file.gather(b"x" * PIPE_BUF + b"\n")
    file.gather(b"y\n")
    clock.advance(GATHER_S)
    assert all(each.endswith(b"\n") for each in writes.seen)
    assert sorted(map(len, writes.seen))[-2:] == [PIPE_BUF // 201 * 201, PIPE_BUF + 1]
    assert len((tmp_path / "log").read_bytes().splitlines()) == 102
    file.close()


def test_what_is_urgent_comes_after_what_waits(tmp_path: Path, writes: Writes) -> None:
    """At once, in the order in which it was said."""
    file = LogFile(tmp_path / "log", 0, 0)
    gathering(file)
    file.gather(b"a request\n")
    file.write(b"a warning\n")
    assert (tmp_path / "log").read_bytes() == b"a request\na warning\n"
    assert len(writes.seen) == 1
    file.close()


@pytest.mark.parametrize("end", ["end", "flush", "close", "reopen", "resize"])
def test_nothing_that_waits_is_forgotten(tmp_path: Path, end: str) -> None:
    """Whatever comes next, what was said before stands in the file of before."""
    file = LogFile(tmp_path / "log", 0, 0)
    clock = gathering(file)
    file.gather(b"one\n")
    (tmp_path / "log").rename(tmp_path / "old")
    getattr(file, end)(*((1_000, 1) if end == "resize" else ()))
    assert (tmp_path / "old").read_bytes() == b"one\n"
    if end != "close":
        clock.advance(GATHER_S)
        file.close()
    assert (tmp_path / "old").read_bytes() == b"one\n"
    assert clock.getDelayedCalls() == []


def test_nobody_to_wait_for(tmp_path: Path) -> None:
    """Before the reactor, after it and in other threads, lines are written at once."""
    file = LogFile(tmp_path / "log", 0, 0)

    def written() -> bytes:
        return (tmp_path / "log").read_bytes()

    file.gather(b"before\n")
    assert written() == b"before\n"
    clock = gathering(file)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(file.gather, b"thread\n").result()
    assert written().endswith(b"thread\n")
    assert clock.getDelayedCalls() == []
    file.end()
    file.gather(b"after\n")
    assert written().endswith(b"after\n")
    file.close()


def test_lines_of_many_threads_are_whole(tmp_path: Path) -> None:
    """Each stands in the file once, whoever wrote it and whoever waited."""
    file = LogFile(tmp_path / "log", 2_000, 20)
    clock = gathering(file)

    def say(thread: int) -> None:
        for n in range(200):
            (file.write if n % 3 else file.gather)(b"%d %d\n" % (thread, n))

    with ThreadPoolExecutor(4) as pool:
        said = [pool.submit(say, thread) for thread in range(4)]
        say(4)
        for each in said:
            each.result()
    clock.advance(GATHER_S)
    file.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert sorted(kept.splitlines()) == sorted(
        b"%d %d" % (thread, n) for thread in range(5) for n in range(200)
    )


@pytest.mark.parametrize("resized", [False, True])
def test_rotation_of_gathered_lines(tmp_path: Path, resized: bool) -> None:
    """Files stay within their bound and hold whole lines, none is lost."""
    file = LogFile(tmp_path / "log", 0 if resized else 100, 20)
    clock = gathering(file)
    if resized:
        file.gather(b"before\n")
        file.resize(100, 20)
    for n in range(100):
        file.gather(b"line %04d\n" % n)
    clock.advance(GATHER_S)
    file.close()
    texts = [path.read_bytes() for path in tmp_path.iterdir()]
    assert all(len(text) <= 100 and text.endswith(b"\n") for text in texts)
    lines = [line for text in texts for line in text.splitlines() if line != b"before"]
    assert sorted(lines) == [b"line %04d" % n for n in range(100)]


@pytest.mark.parametrize(
    ("room", "lost", "left"),
    [
        (0, 3, b"next\n"),
        (2, 3, b"on\nnext\n"),
        (4, 2, b"one\nnext\n"),
        (6, 2, b"one\ntw\nnext\n"),
        (13, 1, b"one\ntwo\nthree\nnext\n"),
    ],
)
def test_what_is_lost_of_gathered_lines(
    tmp_path: Path, told: Path, writes: Writes, room: int, lost: int, left: bytes
) -> None:
    """Each that does not stand whole in the file is counted, and none swallows the next."""
    file = LogFile(tmp_path / "log", 0, 0)
    file._told = True
    clock = gathering(file)
    for line in (b"one\n", b"two\n", b"three\n"):
        file.gather(line)
    writes.room = room
    clock.advance(GATHER_S)
    writes.room = 1_000
    file.write(b"next\n")
    assert (tmp_path / "log").read_bytes() == left
    assert file.lost == lost
    assert file._size == len(left)
    file.close()
    assert told.read_text() == ""


def test_a_pipe_that_nobody_empties(told: Path) -> None:
    """What it does not take is counted line by line; what stands in it is whole."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    stream = Stream(writer, "standard output")
    clock = Clock()
    stream.begin(clock)
    for n in range(2_000):
        stream.gather(b"%0100d\n" % n)
    clock.advance(GATHER_S)
    taken = os.read(reader, 1 << 20).splitlines()
    stream.write(b"next\n")
    assert {len(line) for line in taken} == {100}
    assert len(taken) + stream.lost == 2_000
    assert stream.lost > 0
    assert os.read(reader, 100) == b"next\n"
    assert "are being lost" in told.read_text()
    os.close(reader)
    os.close(writer)


def test_what_logs_in_the_middle_of_a_write(tmp_path: Path, writes: Writes) -> None:
    """As what the garbage collector finds may do: its line comes after, in no other's middle."""
    file = LogFile(tmp_path / "log", 0, 0)
    writes.room = 2

    def once() -> None:
        writes.room = 1_000
        if writes.during:
            writes.during.clear()
            file.write(b"meanwhile\n")

    writes.during.append(once)
    file.write(b"a line\n")
    assert (tmp_path / "log").read_bytes() == b"a line\nmeanwhile\n"
    file.close()
