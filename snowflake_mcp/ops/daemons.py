"""Worker threads that do not hold up the end of the process."""

from threading import Thread
from typing import Any

from twisted.python.threadpool import ThreadPool

__all__ = ["DaemonThreadPool"]


def _daemon(*args: Any, **kwargs: Any) -> Thread:
    # The interpreter joins ordinary threads at exit, so one call that never returns, of a driver
    # or to a disk, would keep the whole process alive.
    return Thread(*args, daemon=True, **kwargs)


class DaemonThreadPool(ThreadPool):
    """A pool whose threads do not hold up the end of the process."""

    threadFactory = staticmethod(_daemon)  # type: ignore[assignment]  # typed as a class there
