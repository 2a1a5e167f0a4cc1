"""From the start of the services to their end lines of requests wait for each other."""

import atexit
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger

from snowflake_mcp.ops import logs
from snowflake_mcp.ops.gathering import GatheredLines
from snowflake_mcp.ops.logfile import GATHER_S, LogFile

REQUEST = "snowflake_mcp.pipeline.observe"


class Log:
    """A log whose requests may have a file of their own."""

    def __init__(self, folder: Path, access: str) -> None:
        self.log = folder / "log"
        self.access = folder / access
        logs.configure(str(self.log), 0, 0, str(self.access) if access != "log" else "")
        observer = logs.file_text()
        self.request = Logger(REQUEST, observer=observer)
        self.other = Logger("snowflake_mcp.services", observer=observer)

    @property
    def said(self) -> str:
        """All that is written: the last word of each line."""
        lines = [line for path in {self.log, self.access} for line in path.read_text().splitlines()]
        return " ".join(line.split(" ")[-1] for line in lines)


@pytest.fixture(params=["log", "access"])
def log(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Log]:
    monkeypatch.setattr(logs, "_shared", shared := logs._Shared())
    yield Log(tmp_path, request.param)
    for stream in shared.streams:
        if isinstance(stream, LogFile):
            stream.close()


@pytest.fixture
def at_exit(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What runs at the end of the process."""
    calls: list[object] = []
    monkeypatch.setattr(atexit, "register", calls.append)
    monkeypatch.setattr(atexit, "unregister", calls.remove)
    return calls


def test_from_start_to_stop(log: Log, at_exit: list[object]) -> None:
    """Lines of requests wait a moment, others never; the stop writes what waits."""
    clock = Clock()
    service = GatheredLines(clock)
    log.request.info("one")
    assert log.said == "one"
    service.startService()
    assert at_exit == [logs.flush]
    log.request.info("two")
    assert log.said == "one"
    clock.advance(GATHER_S)
    assert log.said == "one two"
    log.request.info("three")
    service.stopService()
    assert log.said == "one two three"
    log.request.info("four")
    assert log.said == "one two three four"
    assert at_exit == []
    assert clock.getDelayedCalls() == []


def test_a_program_that_ends_without_a_stop(log: Log, at_exit: list[object]) -> None:
    """What waits is written at its exit."""
    GatheredLines(Clock()).startService()
    log.request.info("one")
    (last,) = at_exit
    assert callable(last)
    last()
    assert log.said == "one"


def test_trouble_does_not_wait(log: Log, at_exit: list[object]) -> None:
    """Not even what the logger of requests says of it."""
    GatheredLines(Clock()).startService()
    assert at_exit
    log.request.error("error")
    assert log.said == "error"
    log.other.info("hello")
    assert sorted(log.said.split()) == ["error", "hello"]
