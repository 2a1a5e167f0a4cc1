"""The demo warehouse and real warehouses for content, and the faults that are logged."""

from collections.abc import Iterator

import pytest
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from tests.support.demo import demo
from tests.unit.warehouse.conftest import build

__all__ = ["build", "demo", "log_failures"]


@pytest.fixture
def log_failures() -> Iterator[list[object]]:
    """What was logged as a failure."""
    found: list[object] = []

    @implementer(ILogObserver)
    def keep(event: LogEvent) -> None:
        if "log_failure" in event:
            found.append(event["log_failure"])

    globalLogPublisher.addObserver(keep)
    yield found
    globalLogPublisher.removeObserver(keep)
