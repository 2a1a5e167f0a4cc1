"""Room on disk: asked now and then, told without paths."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.ops.disk import LITTLE_BYTES, Disk


class Full:
    """A file system whose room the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 10 << 30
        self.asked: list[Path] = []
        monkeypatch.setattr(os, "statvfs", self._answer)

    def _answer(self, folder: Path) -> Any:
        self.asked.append(folder)
        if "gone" in str(folder):
            raise FileNotFoundError(2, "No such file or directory")
        return SimpleNamespace(f_bavail=self.free // 4096, f_frsize=4096)


def test_little_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them, how much, and no path."""
    full = Full(monkeypatch)
    clock = Clock()
    disk = Disk(clock, lambda: {"log": Path("/var/log/secret")})
    assert disk.enough() == (True, "log: 10240 MiB free")
    full.free = LITTLE_BYTES - 4096
    # It is not asked at every probe, and says how old its answer is.
    clock.advance(9.0)
    assert disk.enough()[0] is True
    assert disk.age_s == 9.0
    clock.advance(1.0)
    assert disk.enough() == (False, "log: 63 MiB free")
    assert (disk.age_s, len(full.asked)) == (0.0, 2)


def test_a_folder_that_is_gone_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be written there."""
    Full(monkeypatch)
    disk = Disk(Clock(), lambda: {"log": Path("/var/log"), "state": Path("/gone")})
    assert disk.enough() == (False, "log: 10240 MiB free, state: unknown")
    assert disk.free_bytes()["state"] is None


def test_nowhere_to_write_is_fine() -> None:
    """A server that logs to the journal writes no files."""
    assert Disk(Clock(), dict).enough() == (True, "")


def test_a_real_folder(tmp_path: Path) -> None:
    """The file system answers for it."""
    free = Disk(Clock(), lambda: {"log": tmp_path}).free_bytes()["log"]
    assert free is not None
    assert free > 0
