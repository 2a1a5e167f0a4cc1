"""What the operating system is told about this process: its clock, its files."""

import resource
import time
from typing import Any, Final

__all__ = ["open_files", "steady"]

_ENOUGH: Final = 65_536


def steady(reactor: Any) -> Any:
    """The same reactor, timed by a clock that nobody sets.

    Twisted times by the time of day: set it back by an hour, and no timer fires for an hour.
    A reactor that runs or has timers is left as it is, since they would never come due.
    """
    if not reactor.running and not reactor.getDelayedCalls():
        reactor.seconds = time.monotonic
    return reactor


def open_files() -> int:
    """Raise the limit of open files as far as it may be and makes sense; what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _ENOUGH if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
