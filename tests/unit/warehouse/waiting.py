"""Bounded waits on the real reactor, for tests with real threads."""

from collections.abc import Callable
from typing import TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from snowflake_mcp.warehouse.statement import Job

__all__ = ["job", "until", "within"]


async def until(condition: Callable[[], object], within_s: float, what: str) -> float:
    """Wait for the condition and return the seconds it took; fail after ``within_s``."""
    clock = reactor  # the module is the reactor
    started = clock.seconds()  # type: ignore[attr-defined]
    while not condition():
        taken = clock.seconds() - started  # type: ignore[attr-defined]
        assert taken < within_s, f"not within {within_s} s: {what}"
        await deferLater(clock, 0.005)  # type: ignore[arg-type]
    return float(clock.seconds() - started)  # type: ignore[attr-defined]


T = TypeVar("T")


def within(awaited: Deferred[T], limit_s: float) -> Deferred[T]:
    """The same Deferred, failed when it takes longer."""
    return awaited.addTimeout(limit_s, reactor)  # type: ignore[arg-type]


def job(sql: str, **facts: object) -> Job:
    """A job of principal ``ann`` with small limits."""
    return Job(**{"sql": sql, "principal": "ann", "max_rows": 100, "timeout_s": 20.0, **facts})  # type: ignore[arg-type]
