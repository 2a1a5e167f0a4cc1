"""Async tests on the real reactor with bounded waits."""

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, cast

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.statement import Job

__all__ = ["async_test", "clock", "job", "until", "within"]

P = ParamSpec("P")
T = TypeVar("T")

clock = cast(Any, reactor)


def async_test(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, object]:
    """``pytest_twisted.ensureDeferred`` with a type."""
    return cast(Callable[P, object], pytest_twisted.ensureDeferred(test))


async def until(condition: Callable[[], object], within_s: float, what: str) -> float:
    """Wait for the condition and return the seconds it took; fail after ``within_s``."""
    started = clock.seconds()
    while not condition():
        assert clock.seconds() - started < within_s, f"not within {within_s} s: {what}"
        await deferLater(clock, 0.005)
    return float(clock.seconds() - started)


def within(awaited: Deferred[T], limit_s: float) -> Deferred[T]:
    """The same Deferred, failed when it takes longer."""
    return awaited.addTimeout(limit_s, clock)


def job(sql: str, **facts: Any) -> Job:
    """A job with small limits; ``principal`` is the name of a caller of no table."""
    name = facts.pop("principal", "ann")
    principal = name if isinstance(name, Principal) else Principal(name)
    return Job(**{"sql": sql, "principal": principal, "max_rows": 100, "timeout_s": 20.0, **facts})
