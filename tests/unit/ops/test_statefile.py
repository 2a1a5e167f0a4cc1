"""The state file: what comes back after a restart, and what happens when it cannot."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from snowflake_mcp.ops.statefile import EVERY_S, StateFile, state_path


class Note:
    """Something to keep: a text."""

    def __init__(self) -> None:
        self.version = 0
        self.text = "nothing"

    def say(self, text: str) -> None:
        self.text, self.version = text, self.version + 1

    def dump(self) -> bytes:
        return f"note:{self.text}".encode()

    def restore(self, data: bytes) -> None:
        if not data.startswith(b"note:"):
            raise ValueError("no note")
        self.say(data[5:].decode())


class Threads:
    """Runs at once, or holds everything until told."""

    def __init__(self) -> None:
        self.runs = 0
        self.held: list[Callable[[], None]] | None = None

    def __call__(self, job: Callable[[], None]) -> Deferred[None]:
        self.runs += 1
        if self.held is not None:
            done: Deferred[None] = Deferred()

            def come_back() -> None:
                job()
                done.callback(None)

            self.held.append(come_back)
            return done
        try:
            job()
        except OSError:
            return fail()
        return succeed(None)


class Keeping:
    """A file, a note and a clock."""

    def __init__(self, path: Path) -> None:
        self.clock, self.note, self.threads, self.path = Clock(), Note(), Threads(), path
        self.service = StateFile(self.clock, path, self.note, self.threads)
        with capturedLogs() as self.events:
            self.service.startService()

    @property
    def told(self) -> list[str]:
        return [formatEvent(event) for event in self.events]

    def stop(self) -> None:
        """Stop, which must have ended."""
        stopped: Any = self.service.stopService()
        assert stopped is None or stopped.called
        assert self.clock.getDelayedCalls() == []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "usage.json"


def test_what_was_kept_is_there_after_a_restart(path: Path) -> None:
    """Written at the stop, read at the next start, for its owner alone."""
    first = Keeping(path)
    assert (first.note.text, first.told) == ("nothing", [])
    first.note.say("hello")
    first.stop()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == ["usage.json", "usage.json.lock"]
    second = Keeping(path)
    assert second.note.text == "hello"
    second.stop()
    # Nothing had changed, so nothing was written.
    assert second.threads.runs == 0


def test_a_change_is_written_soon_and_once(path: Path) -> None:
    """Every few seconds at most, and a write that takes long has no second beside it."""
    keeping = Keeping(path)
    keeping.note.say("one")
    keeping.clock.advance(EVERY_S - 0.1)
    assert not path.exists()
    keeping.clock.advance(0.2)
    assert path.read_bytes() == b"note:one"
    keeping.clock.advance(EVERY_S)
    assert keeping.threads.runs == 1
    held: list[Callable[[], None]] = []
    keeping.threads.held = held
    keeping.note.say("two")
    for _ in range(3):
        keeping.clock.advance(EVERY_S)
    assert keeping.threads.runs == 2
    # It changes while it is being written: that is another write, after this one.
    keeping.note.say("three")
    stopped: Any = keeping.service.stopService()
    held.pop()()
    assert path.read_bytes() == b"note:two"
    held.pop()()
    assert (path.read_bytes(), stopped.called) == (b"note:three", True)


def test_a_file_that_is_no_state_begins_anew(path: Path) -> None:
    """It is told, and the file put aside for whoever wants to look."""
    path.write_bytes(b"\x00garbage")
    keeping = Keeping(path)
    (line,) = keeping.told
    assert "is not what was written there (no note); it is put aside as usage.json.bad" in line
    assert path.with_name("usage.json.bad").read_bytes() == b"\x00garbage"
    keeping.note.say("anew")
    keeping.stop()
    assert path.read_bytes() == b"note:anew"


def test_two_processes_do_not_share_a_file(path: Path) -> None:
    """The second one keeps nothing and says so; the first one's file stays its own."""
    first, second = Keeping(path), Keeping(path)
    assert second.told == [f"{path} is not used, nothing is kept: another process has it"]
    second.note.say("mine")
    second.clock.advance(3 * EVERY_S)
    second.stop()
    assert second.threads.runs == 0
    first.note.say("yours")
    first.stop()
    third = Keeping(path)
    assert (third.note.text, third.told) == ("yours", [])
    third.stop()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The server goes on, and the operator reads why nothing is kept."""
    keeping = Keeping(tmp_path / "no" / "usage.json")
    (line,) = keeping.told
    assert line.endswith("is not used, nothing is kept: No such file or directory")
    keeping.stop()


def test_a_file_that_cannot_be_written_is_told_once(path: Path) -> None:
    """It is tried again, and it is told when that works."""
    keeping = Keeping(path)
    path.with_name("usage.json.new").mkdir()
    with capturedLogs() as events:
        keeping.note.say("x")
        for _ in range(3):
            keeping.clock.advance(EVERY_S)
        path.with_name("usage.json.new").rmdir()
        keeping.clock.advance(EVERY_S)
    assert [formatEvent(event) for event in events] == [
        f"{path} cannot be written: Is a directory",
        f"{path} is written again",
    ]
    assert path.read_bytes() == b"note:x"
    keeping.stop()


def test_a_file_that_cannot_be_read(path: Path) -> None:
    """A folder in its place is no reason not to start."""
    path.mkdir()
    keeping = Keeping(path)
    assert "cannot be read, its contents begin anew: Is a directory" in keeping.told[0]
    keeping.stop()


def test_where_the_file_is() -> None:
    """As configured; else in the state folder of the unit; else nowhere."""
    systemd = {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}
    assert state_path("/x/y", systemd, "usage.json") == Path("/x/y")
    assert state_path("", systemd, "usage.json") == Path("/var/lib/a/usage.json")
    assert state_path("", {}, "usage.json") is None
