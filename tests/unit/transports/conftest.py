"""Fixtures of the transport tests."""

from collections.abc import Iterator
from typing import cast

import pytest
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from tests.unit.transports.stand import PARSERS, Stand


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that speaks HTTP runs over each parser; one of hypothesis chooses by itself."""
    speaks = "stand" in metafunc.fixturenames or "Stand" in vars(metafunc.module)
    if speaks and not getattr(metafunc.function, "is_hypothesis_test", False):
        metafunc.parametrize("http_parser", PARSERS, indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def http_parser(request: pytest.FixtureRequest) -> str:
    """What reads the requests of every ``Stand``; by itself, so that no test can lack it."""
    Stand.parser = str(getattr(request, "param", PARSERS[0]))
    return Stand.parser


@pytest.fixture
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    made.close()


@pytest.fixture
def events() -> Iterator[list[LogEvent]]:
    """Every log event of the test."""
    seen: list[LogEvent] = []
    observer = cast(ILogObserver, seen.append)
    globalLogPublisher.addObserver(observer)
    yield seen
    globalLogPublisher.removeObserver(observer)
