"""Processes of this machine as the outer tests see them: alive, whose child, how large; Linux."""

import os
import time
from collections.abc import Callable
from pathlib import Path

__all__ = [
    "alive",
    "command",
    "descendants",
    "peak_kib",
    "resident_kib",
    "session_members",
    "until",
]

_POLL_S = 0.02


def until(condition: Callable[[], object], within_s: float, what: str) -> None:
    """Wait until the condition holds; fail with ``what`` when it does not within the bound.

    Another process has no clock that a test could turn, so this is the one place that sleeps.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        time.sleep(_POLL_S)  # noqa: TID251 - see above


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended but was not yet waited for does not."""
    state = _stat(pid)
    return state is not None and state[0] not in ("Z", "X")


def command(pid: int) -> list[str]:
    """The command line; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    """Living children, their children, and so on."""
    parents = {each: int(stat[1]) for each in _pids() if (stat := _stat(each))}
    found = [pid]
    for one in found:
        found.extend(child for child, parent in parents.items() if parent == one)
    return [one for one in found[1:] if alive(one)]


def session_members(leader: int) -> list[int]:
    """Living processes of the session that ``leader`` opened, orphans included."""
    return [
        each for each in _pids() if (stat := _stat(each)) and int(stat[3]) == leader and alive(each)
    ]


def resident_kib(pid: int) -> int:
    """Resident memory in KiB."""
    return _memory(pid, "VmRSS:")


def peak_kib(pid: int) -> int:
    """The most resident memory that it ever had, in KiB."""
    return _memory(pid, "VmHWM:")


def _memory(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} has no memory")


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208


def _stat(pid: int) -> list[str] | None:
    """State, parent, group, session, ...; ``None`` when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
