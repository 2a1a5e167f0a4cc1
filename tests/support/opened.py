"""Whether anybody opens a file: the kernel's own word for it (inotify), Linux."""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["opened"]

_NONBLOCK: Final = os.O_NONBLOCK
_OPEN_OR_CREATE: Final = 0x20 | 0x100


@contextmanager
def opened(*paths: Path) -> Iterator[Callable[[], list[bytes]]]:
    """Watch files and folders; the function gives the raw events of openings so far."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(_NONBLOCK)
    if watch < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    try:
        for path in paths:
            if libc.inotify_add_watch(watch, os.fsencode(path), _OPEN_OR_CREATE) < 0:
                raise OSError(ctypes.get_errno(), f"inotify_add_watch {path}")

        def events() -> list[bytes]:
            try:
                return [os.read(watch, 65_536)]
            except BlockingIOError:
                return []

        yield events
    finally:
        os.close(watch)
