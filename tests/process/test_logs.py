"""Logs of the real process: lines for machines, rotation by others, a disk that is full."""

import json
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import until
from tests.support.server import Server, run_twistd, script, serving

pytestmark = pytest.mark.process


@contextmanager
def logging_to(folder: Path, name: str, **settings: object) -> Iterator[Server]:
    """A server with one of our observers; settings of the section ``[log]``."""
    twistd = [script("twistd"), f"--logger=snowflake_mcp.ops.logs.{name}"]
    environ = {f"SNOWFLAKE_MCP_LOG_{key.upper()}": str(value) for key, value in settings.items()}
    with serving(folder, "--demo", environ=environ, twistd=twistd) as server:
        yield server


def events(text: str) -> list[dict[str, Any]]:
    """Each line as JSON; a line that is none fails."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.fault("F-34", "a tool name with LF and ANSI")
def test_json_on_standard_output(tmp_path: Path) -> None:
    """Every line is an object, and a request's has what joins it with the answer."""
    with logging_to(tmp_path, "stdout_json") as server:
        answer = server.call("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
        assert answer.status == 200
        server.call("no_such\ntool\x1b[2J", {})
        # Lines of requests wait for each other, and not for anything else.
        until(lambda: "no_such" in server.log_text, 5, "the last line comes by itself")
    logged = events(server.log_text)
    assert all({"time", "level", "logger", "message"} <= event.keys() for event in logged)
    (call,) = [event for event in logged if event.get("query_id")]
    assert call["tool"] == "execute_query"
    assert call["outcome"] == "ok"
    assert call["transport"] == "rest"
    assert call["query_id"] == answer.json()["result"]["query_id"]
    assert call["elapsed_ms"] >= 0
    assert call["request_id"].startswith("r-")


@pytest.mark.fault("F-34", "every line of the text log looked through")
@pytest.mark.parametrize("name", ["stdout_text", "file_text"])
def test_text_for_people(tmp_path: Path, name: str) -> None:
    """A line begins with its time and level, and none has a control character."""
    with logging_to(tmp_path, name, file=tmp_path / "own.log") as server:
        server.call("execute_query", {"query": "SELECT 1"})
    text = server.log_text if name == "stdout_text" else (tmp_path / "own.log").read_text()
    lines = text.splitlines()
    assert all(line[4] == "-" and line.isprintable() for line in lines)
    assert any("tools/call execute_query ok" in line for line in lines)


@pytest.mark.fault("F-22", "mv and SIGUSR1")
def test_logrotate(tmp_path: Path) -> None:
    """Moved away and reopened: nothing is lost, nothing goes into the old file afterwards."""
    log, old = tmp_path / "own.log", tmp_path / "own.log.old"
    with logging_to(tmp_path, "file_json", file=log, max_bytes=0) as server:
        paths = [f"/before/{n}" for n in range(5)]
        for path in paths:
            server.request("GET", path)
        log.rename(old)
        server.signal(signal.SIGUSR1)
        until(lambda: log.exists() and "reopened" in log.read_text(), 5, "the log is reopened")
        size = old.stat().st_size
        server.request("GET", "/after")
    assert old.stat().st_size == size
    assert [event["path"] for event in events(old.read_text()) if "path" in event][:5] == paths
    assert any(event.get("path") == "/after" for event in events(log.read_text()))
    assert "Traceback" not in old.read_text() + log.read_text()


@pytest.mark.full
def test_rotation_by_size(tmp_path: Path) -> None:
    """Many requests leave a bounded number of bounded files of whole lines."""
    folder = tmp_path / "logs"
    folder.mkdir()
    settings = {"file": folder / "own.log", "max_bytes": 4_000, "keep_files": 2}
    with logging_to(tmp_path, "file_json", **settings) as server:
        for n in range(60):
            server.request("GET", f"/nothing/{n}")
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["own.log", "own.log.1", "own.log.2"]
    assert all(path.stat().st_size <= 4_000 for path in files)
    assert all(events(path.read_text()) for path in files)


@pytest.mark.fault("F-23", "RLIMIT_FSIZE, as a disk that is full")
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """Every request is answered, lost lines are counted and said once, later ones are whole."""
    log = tmp_path / "own.log"
    with logging_to(tmp_path, "file_json", file=log) as server:
        assert server.call("execute_query", {"query": "SELECT 1"}).status == 200
        before = log.stat().st_size
        unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (before + 10, unlimited[1]))
        for _ in range(20):
            assert server.call("execute_query", {"query": "SELECT 1"}).status == 200

        def lost() -> int:
            totals = server.request("GET", "/status").json()["totals"]
            return int(totals["log_lines_lost"])

        until(lambda: lost() >= 20, 5, "the line of each request is counted")
        assert log.stat().st_size == before + 10
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
        assert server.request("GET", "/room/again").status == 404
    whole = [line for line in log.read_text().splitlines() if line.endswith("}")]
    assert any(event.get("path") == "/room/again" for event in events("\n".join(whole)))
    assert len(whole) == len(log.read_text().splitlines()) - 1
    told = [line for line in server.log_text.splitlines() if line.startswith("snowflake-mcp: ")]
    assert told == [f"snowflake-mcp: log lines are being lost: {log}: File too large"]


def test_a_log_that_cannot_be_opened(tmp_path: Path) -> None:
    """The start fails at once with one line that names the file."""
    logger = "--logger=snowflake_mcp.ops.logs.file_json"
    options = ["-n", "--pidfile=", logger, "snowflake-mcp", "--demo"]
    environ = {"SNOWFLAKE_MCP_LOG_FILE": str(tmp_path / "missing" / "log")}
    ended = run_twistd(tmp_path, *options, environ=environ)
    assert ended.returncode == 1
    assert "missing/log cannot be opened" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
