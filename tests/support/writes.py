"""The writes of this process, which a test may watch, and let run out of room."""

import errno
import os
from collections.abc import Callable

import pytest

__all__ = ["Writes"]


class Writes:
    """The writes of the process, and what becomes of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[bytes] = []
        self.room = 1 << 20
        self.during: list[Callable[[], None]] = []
        self._real = os.write
        monkeypatch.setattr(os, "write", self._write)

    def _write(self, descriptor: int, data: bytes) -> int:
        taken = min(self.room, len(data))
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= taken
        self.seen.append(bytes(data))
        for call in self.during:
            call()
        return self._real(descriptor, data[:taken])
