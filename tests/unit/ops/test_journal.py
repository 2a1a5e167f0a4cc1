"""The audit's chain: rotation, moved files, crashes, full disks, and what verification finds."""

import errno
import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent

from snowflake_mcp.ops.auditfile import Last, last_record
from snowflake_mcp.ops.chain import GENESIS, Sealer, link_of
from snowflake_mcp.ops.journal import Journal
from snowflake_mcp.ops.verification import records_of, verify

KEY = b"k" * 32


def journal(folder: Path, key: bytes = b"", max_bytes: int = 0, keep: int = 100) -> Journal:
    made = Journal(folder / "audit.jsonl", max_bytes, keep, Sealer(key), lambda: 1_700_000_000.5)
    made.open()
    return made


def write(made: Journal, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        assert made.write("tools/call", {"tool": "t", "number": number})


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("audit.jsonl*"))


def test_each_record_holds_the_hash_of_the_one_before(tmp_path: Path) -> None:
    """Numbered from 1, dated in UTC, the hash last; anybody can compute it."""
    made = journal(tmp_path)
    write(made, 3)
    made.close()
    first, second, third = records(tmp_path / "audit.jsonl")
    assert [one["seq"] for one in (first, second, third)] == [1, 2, 3]
    assert first["time"] == "2023-11-14T22:13:20.500Z"
    assert [first["prev"], second["prev"], third["prev"]] == [
        GENESIS,
        first["hash"],
        second["hash"],
    ]
    assert list(first)[-2:] == ["prev", "hash"]
    found = verify(files(tmp_path), Sealer())
    assert (found.records, found.problem, found.notes) == (3, "", [])


def test_any_text_is_one_ascii_line_and_kept_exactly(tmp_path: Path) -> None:
    """Line breaks, terminal escapes, marks that reorder text and half characters do nothing."""
    hostile = 'a\r\nb\x1b[2J\u2028\u202e\ud800","hash":"' + "0" * 64 + '"}'
    made = journal(tmp_path)
    made.write("tools/call", {"tool": hostile})
    made.close()
    (line,) = (tmp_path / "audit.jsonl").read_bytes().splitlines()
    assert line.isascii()
    assert b"\x1b" not in line
    assert json.loads(line)["tool"] == hostile
    assert verify(files(tmp_path), Sealer()).problem == ""


def test_a_restart_goes_on(tmp_path: Path) -> None:
    """The second process follows from the last record of the first."""
    for _ in range(3):
        made = journal(tmp_path)
        write(made, 2)
        made.close()
    found = verify(files(tmp_path), Sealer())
    assert (found.records, found.problem) == (6, "")


@pytest.mark.parametrize("restart", [False, True])
def test_rotation_does_not_break_the_chain(tmp_path: Path, restart: bool) -> None:
    """The first record of a file follows from the last of the one before, in any order given."""
    made = journal(tmp_path, max_bytes=1_000)
    write(made, 20)
    if restart:
        made.close()
        made = journal(tmp_path, max_bytes=1_000)
    write(made, 20, 20)
    made.close()
    assert len(files(tmp_path)) > 5
    assert all(path.stat().st_size <= 1_000 for path in files(tmp_path))
    found = verify(files(tmp_path), Sealer())
    assert (found.records, found.problem) == (40, "")


def test_a_file_that_was_moved_away_is_followed(tmp_path: Path) -> None:
    """What logrotate does: rename, signal, compress; after a restart, too."""
    made = journal(tmp_path)
    write(made, 2)
    path = tmp_path / "audit.jsonl"
    path.rename(tmp_path / "audit.jsonl-20261121")
    write(made, 1)
    made.reopen()
    made.reopen()
    write(made, 2)
    assert len(records(path)) == 2
    made.close()
    path.rename(tmp_path / "audit.jsonl-20261122")
    old = tmp_path / "audit.jsonl-20261121"
    (tmp_path / "audit.jsonl-20261121.gz").write_bytes(gzip.compress(old.read_bytes()))
    old.unlink()
    path.touch()
    made = journal(tmp_path)
    write(made, 1)
    made.close()
    found = verify(files(tmp_path), Sealer())
    assert (found.records, found.problem, found.notes) == (6, "", [])


def test_only_one_process_writes_a_file(tmp_path: Path) -> None:
    """Two would break the chain: the second is told so, and can write when the first has gone."""
    first = journal(tmp_path)
    write(first, 1)
    with capturedLogs() as events:
        second = journal(tmp_path)
        assert not second.write("tools/call", {})
    (said,) = _said(events, LogLevel.error)
    assert said.endswith(f"lost: {tmp_path / 'audit.jsonl'}: another process writes it")
    first.close()
    write(second, 1)
    second.close()
    assert [one["event"] for one in records(tmp_path / "audit.jsonl")] == [
        "tools/call",
        "audit.gap",
        "tools/call",
    ]
    assert verify(files(tmp_path), Sealer()).lost == 1


def test_the_end_of_the_chain_is_looked_for_under_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process wrote before it let go is followed; a file not ours is not read."""
    first = journal(tmp_path)
    write(first, 1)
    looked: list[Path] = []
    whole = last_record

    def look(path: Path) -> Last:
        looked.append(path)
        return whole(path)

    monkeypatch.setattr("snowflake_mcp.ops.journal.last_record", look)
    second = journal(tmp_path)
    assert looked == []
    write(first, 1)
    first.close()
    write(second, 1)
    second.close()
    assert len(looked) == 1
    assert verify(files(tmp_path), Sealer()).problem == ""


@pytest.mark.parametrize("cut", [1, 2, 30, 200])
def test_a_line_torn_by_a_crash_is_noted(tmp_path: Path, cut: int) -> None:
    """The next record says so; a line that only lacks its end of line is whole."""
    made = journal(tmp_path)
    write(made, 3)
    made.close()
    path = tmp_path / "audit.jsonl"
    os.truncate(path, path.stat().st_size - cut)
    torn = verify([path], Sealer())
    assert torn.problem == ""
    assert len(torn.notes) == (0 if cut == 1 else 1)
    made = journal(tmp_path)
    write(made, 1)
    made.close()
    found = verify([path], Sealer())
    assert found.problem == ""
    assert found.records == 4
    events = [record["event"] for record in records_of([path])]
    assert ("audit.recovered" in events) == (cut > 1)


def _said(events: Sequence[LogEvent], level: Any) -> list[str]:
    return [formatEvent(event) for event in events if event["log_level"] is level]


class FullDisk:
    """A file whose disk has room for some bytes only."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 1 << 30
        self._write = os.write
        monkeypatch.setattr("snowflake_mcp.ops.logfile.os.write", self.write)

    def write(self, descriptor: int, data: Any) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = bytes(data)[: self.room]
        self.room -= len(part)
        return self._write(descriptor, part)


def test_a_full_disk_is_counted_said_once_and_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F-23: half a line is taken back; the first record afterwards says how many are missing."""
    disk = FullDisk(monkeypatch)
    made = journal(tmp_path)
    write(made, 2)
    disk.room = 25
    with capturedLogs() as events:
        for _ in range(5):
            assert not made.write("tools/call", {"tool": "t"})
        assert (made.failing, made.works()) == (True, False)
        disk.room = 1 << 30
        assert (made.works(), made.failing) == (True, False)
        write(made, 1)
    made.close()
    assert made.lost == 5
    assert len(_said(events, LogLevel.error)) == 1
    assert _said(events, LogLevel.warn) == ["the audit is written again; 5 records were lost"]
    found = verify(files(tmp_path), Sealer())
    assert (found.records, found.lost, found.problem) == (4, 5, "")
    gap = records(tmp_path / "audit.jsonl")[2]
    assert (gap["event"], gap["lost"]) == ("audit.gap", 5)
    assert gap["since"] == gap["time"]


def test_a_torn_line_that_cannot_be_taken_back_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where even that fails, the record after it tells of the gap, and the chain holds."""
    disk = FullDisk(monkeypatch)
    made = journal(tmp_path)
    write(made, 1)
    disk.room = 25

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr("snowflake_mcp.ops.auditfile.os.ftruncate", refuse)
    assert not made.write("tools/call", {})
    disk.room = 1 << 30
    write(made, 1)
    made.close()
    found = verify(files(tmp_path), Sealer())
    assert (found.records, found.lost, found.problem) == (3, 1, "")


def test_a_folder_that_is_missing_is_tried_again(tmp_path: Path) -> None:
    """The server is up without its audit, says why, and goes on once it can."""
    folder = tmp_path / "later"
    made = journal(folder)
    assert made.failing
    folder.mkdir()
    write(made, 1)
    made.close()
    assert verify(files(folder), Sealer()).problem == ""


def _lines(folder: Path) -> list[bytes]:
    return (folder / "audit.jsonl").read_bytes().splitlines(keepends=True)


def _forged(line: bytes) -> bytes:
    """A record that somebody without the key has written anew."""
    link = link_of(line.rstrip(b"\n"))
    members = {k: v for k, v in link.record.items() if k not in ("seq", "time", "prev")}
    sealed, _ = Sealer().seal(link.seq, link.record["time"], link.previous, members | {"tool": "x"})
    return sealed


@pytest.mark.parametrize("key", [b"", KEY])
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda lines: [*lines[:3], *lines[4:]], "line 4: record 5 follows record 3"),
        (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], "line 4: record 5 follows"),
        (
            lambda lines: [*lines[:3], lines[3].replace(b'"t"', b'"u"'), *lines[4:]],
            "line 4: record 4 is not what was written",
        ),
        (lambda lines: [*lines[:3], lines[3][:40] + b"\n", *lines[4:]], "line 4: the line does"),
        (lambda lines: [*lines[:3], b"\n", *lines[3:]], "line 4: the line does"),
        (lambda lines: [*lines[:3], _forged(lines[3]), *lines[4:]], "line"),
        (lambda lines: [*lines[:5], b"{}\n"], "line 6: the line does"),
        (lambda lines: [*lines, *lines], "line 7: record 1 follows record 6"),
    ],
)
def test_what_was_changed_is_found(tmp_path: Path, key: bytes, change: Any, problem: str) -> None:
    """A record left out, moved, changed, torn, put in or written anew: the first one is named."""
    made = journal(tmp_path, key)
    write(made, 6)
    made.close()
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(change(_lines(tmp_path))))
    assert problem in verify([path], Sealer(key)).problem


def test_only_a_key_shows_a_chain_that_was_made_anew(tmp_path: Path) -> None:
    """Who rewrites all that follows deceives plain hashes, and not keyed ones."""
    plain, keyed = tmp_path / "plain", tmp_path / "keyed"
    for folder, key in ((plain, b""), (keyed, KEY)):
        folder.mkdir()
        made = journal(folder, key)
        write(made, 4)
        made.close()
        forged, before, forger = b"", GENESIS, Sealer()
        for line in _lines(folder):
            record = dict(link_of(line.rstrip(b"\n")).record)
            seq, time, _ = record.pop("seq"), record.pop("time"), record.pop("prev")
            sealed, before = forger.seal(seq, time, before, record | {"tool": "harmless"})
            forged += sealed
        (folder / "audit.jsonl").write_bytes(forged)
    assert verify(files(plain), Sealer()).problem == ""
    assert "record 1 is not what was written" in verify(files(keyed), Sealer(KEY)).problem


def test_files_that_begin_later_say_so(tmp_path: Path) -> None:
    """Older files may be elsewhere; the hash that the first record follows from is named."""
    made = journal(tmp_path, max_bytes=1_000)
    write(made, 20)
    made.close()
    found = verify([tmp_path / "audit.jsonl"], Sealer())
    assert found.problem == ""
    assert found.first is not None
    (note,) = found.notes
    assert note.startswith(f"begins with record {found.first.seq}: what came before was not given")
    assert note.endswith(found.first.previous)
    middle = [path for path in files(tmp_path) if path.name != "audit.jsonl.2"]
    assert "some are missing or moved" in verify(middle, Sealer()).problem


def test_the_file_is_for_its_owner_and_group(tmp_path: Path) -> None:
    """Nobody else can read who did what."""
    made = journal(tmp_path)
    made.close()
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("torn", ["current", "rotated"])
def test_a_crash_beside_a_rotation_does_not_break_the_chain(tmp_path: Path, torn: str) -> None:
    """The torn line may be all that the current file has, or the end of the one moved away."""
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    made = journal(tmp_path)
    write(made, 3)
    if torn == "current":
        path.rename(old)
        made.reopen()
        write(made, 1)
    made.close()
    os.truncate(path, path.stat().st_size - 30)
    if torn == "rotated":
        path.rename(old)
    made = journal(tmp_path)
    write(made, 1)
    made.close()
    found = verify(files(tmp_path), Sealer())
    assert (found.problem, found.records) == ("", 5 if torn == "current" else 4)
    assert [each["event"] for each in records_of([path])] == ["audit.recovered", "tools/call"]
