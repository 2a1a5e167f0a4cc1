"""The factories for --logger, what they share, and the bridge from the standard library."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import ILogObserver, LogEvent, Logger, capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from snowflake_mcp.ops import logs
from snowflake_mcp.ops.lines import json_line
from snowflake_mcp.ops.logfile import LogFile, Stream
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.ops.shapes import shape_of


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has a process of its own, as far as logs go."""
    monkeypatch.setattr(logs, "_shared", shared := logs._Shared())
    yield
    for stream in shared.streams:
        if isinstance(stream, LogFile):
            stream.close()


@pytest.mark.parametrize("name", ["stdout_json", "stdout_text", "stderr_text"])
def test_what_twistd_wants(name: str) -> None:
    """A factory without arguments that gives an observer."""
    observer = getattr(logs, name)()
    assert verifyObject(ILogObserver, observer)


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_configured_file(tmp_path: Path, form: str) -> None:
    """It is opened by the factory, not before, and takes a line for each event."""
    logs.configure(str(tmp_path / "log"), 0, 0)
    assert list(tmp_path.iterdir()) == []
    observer = getattr(logs, f"file_{form}")()
    Logger(namespace="here", observer=observer).info("hello {who}", who="you")
    (line,) = (tmp_path / "log").read_text().splitlines()
    message = json.loads(line)["message"] if form == "json" else line[-9:]
    assert message == "hello you"


@pytest.mark.parametrize("name", ["file_json", "stderr_text"])
def test_requests_may_have_a_file_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Lines of what somebody asked go there, whatever else the log is; faults stay in the log."""
    access, log = tmp_path / "access", tmp_path / "log"
    monkeypatch.setattr(logs, "STDERR", os.open(log, os.O_WRONLY | os.O_CREAT))
    logs.configure(str(log), 0, 0, str(access))
    observer = getattr(logs, name)()
    site = Logger(namespace="snowflake_mcp.transports.site", observer=observer)
    request = Logger(namespace="snowflake_mcp.pipeline.observe", observer=observer)
    other = Logger(namespace="snowflake_mcp.services", observer=observer)
    site.info("GET /mcp 200")
    request.info("tools/call ok")
    site.error("it broke")
    other.info("started")
    assert [line in access.read_text() for line in ("GET /mcp", "tools/call")] == [True, True]
    assert [line in log.read_text() for line in ("it broke", "started")] == [True, True]
    assert len(access.read_text().splitlines()) == len(log.read_text().splitlines()) == 2
    for say in (site.info, site.error, other.info, request.info):
        say("the same words")
    assert [file.read_text().count("the same words") for file in (access, log)] == [2, 2]
    access.rename(tmp_path / "old")
    logs.reopen()
    site.info("GET /later 200")
    assert "GET /later" in access.read_text()


def test_a_relative_file_is_meant_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon changes its folder, and its log stays where it was."""
    monkeypatch.chdir(tmp_path)
    logs.configure("log", 0, 0)
    monkeypatch.chdir("/")
    logs.file_text()
    assert (tmp_path / "log").exists()


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """The start fails with one line."""
    logs.configure(str(tmp_path / "missing" / "log"), 0, 0)
    with pytest.raises(SystemExit, match=r"missing/log cannot be opened: No such file"):
        logs.file_json()


def test_reopening(tmp_path: Path) -> None:
    """It is told what was reopened, what could not be, and when there was nothing."""

    def told() -> list[str]:
        with capturedLogs() as events:
            logs.reopen()
        return [formatEvent(event) for event in events]

    assert told() == ["there is no log file of this server to reopen"]
    folder = tmp_path / "logs"
    folder.mkdir()
    logs.configure(str(folder / "log"), 0, 0)
    logs.file_json()
    assert told() == [f"log file {folder}/log reopened"]
    folder.rename(tmp_path / "moved")
    (line,) = told()
    assert "cannot be reopened" in line
    assert "No such file" in line


def test_lost_lines_are_in_the_totals() -> None:
    """Of all streams together, beside what is counted there."""
    metrics = Metrics()
    metrics.watch_one("log_lines_lost", logs.lost_lines)
    logs.stdout_json()
    logs.stdout_text()
    for stream, count in zip(logs._shared.streams, (2, 3), strict=True):
        stream.lost = count
    assert metrics.totals() == {"log_lines_lost": 5}


def test_an_event_that_says_nothing_writes_nothing() -> None:
    """Not even an empty line."""
    reader, writer = os.pipe()
    observer = logs.LineObserver(Stream(writer, "pipe"), json_line)
    observer({})
    os.close(writer)
    assert os.read(reader, 10) == b""
    os.close(reader)


def bridged_events(say: Any) -> list[LogEvent]:
    library = logging.getLogger("snowflake.connector.test")
    before = list(logging.getLogger("snowflake.connector").handlers)
    undo = logs.bridged("snowflake.connector")
    try:
        with capturedLogs() as events:
            say(library)
    finally:
        undo()
    assert logging.getLogger("snowflake.connector").handlers == before
    return list(events)


def test_the_bridge() -> None:
    """Warnings and worse, under the library's name, with their failures."""

    def say(library: logging.Logger) -> None:
        library.info("nothing")
        library.warning("slow %s", "login")
        try:
            raise OSError("gone")
        except OSError:
            library.exception("no answer")
        library.critical("the end")

    events = bridged_events(say)
    assert [(event["log_level"].name, formatEvent(event)) for event in events] == [
        ("warn", "slow login"),
        ("error", "no answer"),
        ("critical", "the end"),
    ]
    assert events[0]["log_namespace"] == "snowflake.connector.test"
    assert events[1]["log_failure"].check(OSError)


def test_the_bridge_with_wrong_arguments_and_braces() -> None:
    """A record that cannot be formatted is shown as it is; braces are no format."""
    where = ("name", logging.WARNING, "file", 1)
    record = logging.LogRecord(*where, "%d of {x}", ("text",), None)
    with capturedLogs() as events:
        logs._Bridge().emit(record)
    assert formatEvent(events[0]) == "%d of {x}"


def test_the_bridge_and_secrets() -> None:
    """What the driver quotes is redacted as everything else."""
    events = bridged_events(lambda library: library.warning("retry with token=hunter2"))
    line = json_line(events[0], shape_of(events[0]))
    assert line is not None
    assert b"hunter2" not in line
