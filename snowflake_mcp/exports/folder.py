"""The folder of the spool: one for each process, so that each can clean up after the dead."""

import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from twisted.logger import Logger

__all__ = ["OwnFolder"]

_NAME: Final = re.compile(r"snowflake-mcp-spool-[0-9a-f]{16}")
_TRIES: Final = 3
_log = Logger()


class OwnFolder:
    """A folder of this process below ``above``; holds a lock on it while the process lives.

    What others have left, whose locks nobody holds, is removed when it is made.

    Args:
        above: says where, when it is made; that is made, too, where it is missing.
    """

    def __init__(self, above: Callable[[], Path]) -> None:
        self._above = above
        self.name = f"snowflake-mcp-spool-{secrets.token_hex(8)}"
        self.path: Path | None = None
        """``None`` before ``open``, and where it cannot be made."""
        self._lock: int | None = None

    def open(self) -> None:
        """Make it; blocks.

        Raises:
            OSError: it cannot be made.
        """
        above = self._above()
        above.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clean(above)
        path = above / self.name
        for _ in range(_TRIES):
            path.mkdir(mode=0o700, exist_ok=True)
            self._lock = _locked(path)
            # One that starts at this moment may have taken it for left behind.
            if self._lock is not None and path.is_dir():
                self.path = path
                return
        raise OSError("the folder is taken away again and again")

    def remove(self) -> None:
        """Remove it with all that is in it; blocks."""
        path, self.path = self.path, None
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def beside(self, name: str, file: str) -> Path | None:
        """A file in the folder of that name, which may be another process's."""
        known = self.path is not None and _NAME.fullmatch(name)
        return self._above() / name / file if known else None


def _clean(above: Path) -> None:
    for path in above.iterdir():
        if not _NAME.fullmatch(path.name) or not _is_ours(path):
            continue
        lock = _locked(path)
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)
            _log.info("removed the exports of a process that has ended")


def _is_ours(path: Path) -> bool:
    """Whether it is a folder, no link, and of this user: others may write to what is above it."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _locked(path: Path) -> int | None:
    """A lock on a folder; ``None``: a process that lives holds it."""
    try:
        held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held
