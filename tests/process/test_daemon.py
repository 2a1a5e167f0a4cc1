"""twistd in the background: pid file, log file, a process of its own."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import alive, command, descendants, until
from tests.support.server import free_port, http_request, run_twistd

pytestmark = pytest.mark.process


@contextmanager
def daemon(folder: Path, port: int) -> Iterator[int]:
    """A daemon; gives its pid. Whatever it started is gone afterwards."""
    pid_file, log = folder / "d.pid", folder / "d.log"
    options = ["--pidfile", str(pid_file), "--logfile", str(log), "snowflake-mcp", "--demo"]
    started = run_twistd(folder, *options, "--port", str(port))
    assert started.returncode == 0, started.stdout + started.stderr
    pid = int(pid_file.read_text())
    children: list[int] = []
    try:
        until(lambda: _healthy(port), 20, "the daemon serves")
        children = descendants(pid)
        yield pid
    finally:
        for each in (pid, *children):
            if alive(each):
                os.kill(each, signal.SIGKILL)


def test_a_daemon_serves_and_stops(tmp_path: Path) -> None:
    """It detaches, writes its pid, answers queries, and SIGTERM takes all of it away again."""
    port = free_port()
    with daemon(tmp_path, port) as pid:
        assert os.getsid(pid) != os.getsid(0)
        call = {"name": "execute_query", "arguments": {"query": "SELECT 41 + 1 AS ANSWER"}}
        answer = http_request(port, "POST", "/mcp/tools/call", call)
        assert answer.status == 200, answer.body
        assert answer.json()["result"]["rows"] == [[42]]
        demo = [each for each in descendants(pid) if "snowflake_mcp.simulator" in command(each)]
        assert len(demo) == 1

        os.kill(pid, signal.SIGTERM)

        until(lambda: not alive(pid), 8, "the daemon has ended")
        until(lambda: not alive(demo[0]), 2, "its demo warehouse has ended")
        assert not (tmp_path / "d.pid").exists()
    log = (tmp_path / "d.log").read_text()
    assert "listening" in log
    assert "Traceback" not in log


def test_a_second_daemon_with_the_same_pid_file_is_refused(tmp_path: Path) -> None:
    """The running one is named and left alone."""
    port = free_port()
    with daemon(tmp_path, port) as pid:
        options = ["--pidfile", str(tmp_path / "d.pid"), "snowflake-mcp", "--demo"]
        second = run_twistd(tmp_path, *options, "--port", str(free_port()))
        assert second.returncode == 1
        assert str(pid) in second.stdout + second.stderr
        assert _healthy(port)


def test_a_pid_file_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    """After a crash the next start needs no cleaning."""
    # The kernel gives out pids up to pid_max, so this one belongs to nobody.
    beyond = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
    (tmp_path / "d.pid").write_text(str(beyond))
    with daemon(tmp_path, free_port()) as pid:
        assert pid != beyond


def _healthy(port: int) -> bool:
    try:
        return http_request(port, "GET", "/health", within_s=2).status == 200
    except OSError:
        return False
