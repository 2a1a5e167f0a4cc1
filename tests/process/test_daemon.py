"""twistd in the background: pid file, log file, a process of its own."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import alive, command, descendants, until
from tests.support.server import free_port, http_request, run_command, run_twistd

pytestmark = pytest.mark.process


@contextmanager
def daemon(folder: Path, port: int, *more: str) -> Iterator[int]:
    """A daemon; gives its pid. Whatever it started is gone afterwards."""
    pid_file, log = folder / "d.pid", folder / "d.log"
    options = [*more, "--pidfile", str(pid_file), "--logfile", str(log)]
    started = run_twistd(folder, *options, "snowflake-mcp", "--demo", "--port", str(port))
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


@pytest.mark.fault("F-29", "twistd without -n")
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


def test_a_daemon_writes_for_whom_it_is_told(tmp_path: Path) -> None:
    """The option --umask holds for what is written from then on, and for the children."""
    with daemon(tmp_path, free_port(), "--umask", "027") as pid:
        assert (tmp_path / "d.pid").stat().st_mode & 0o777 == 0o640
        for each in (pid, *descendants(pid)):
            assert "Umask:\t0027" in Path(f"/proc/{each}/status").read_text()


@pytest.mark.fault("F-24", "a pid file of a running server")
def test_a_second_daemon_with_the_same_pid_file_is_refused(tmp_path: Path) -> None:
    """The running one is named and left alone."""
    port = free_port()
    with daemon(tmp_path, port) as pid:
        options = ["--pidfile", str(tmp_path / "d.pid"), "snowflake-mcp", "--demo"]
        second = run_twistd(tmp_path, *options, "--port", str(free_port()))
        assert second.returncode == 1
        assert str(pid) in second.stdout + second.stderr
        assert _healthy(port)


@pytest.mark.fault("F-24", "a pid file of nobody")
def test_a_pid_file_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    """After a crash the next start needs no cleaning."""
    # The kernel gives out pids up to pid_max, so this one belongs to nobody.
    beyond = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
    (tmp_path / "d.pid").write_text(str(beyond))
    with daemon(tmp_path, free_port()) as pid:
        assert pid != beyond


@pytest.mark.fault("F-24", "a pid file with rubbish in it")
def test_a_pid_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """What stands there may be anybody's: the start says so and leaves it."""
    (tmp_path / "d.pid").write_text("not a number")
    options = ["--pidfile", str(tmp_path / "d.pid"), "snowflake-mcp", "--demo"]
    started = run_twistd(tmp_path, *options, "--port", str(free_port()))
    assert started.returncode == 1
    assert "non-numeric" in started.stdout + started.stderr
    assert (tmp_path / "d.pid").read_text() == "not a number"


def _healthy(port: int) -> bool:
    try:
        return http_request(port, "GET", "/health", within_s=2).status == 200
    except OSError:
        return False


def test_the_command_controls_a_daemon(tmp_path: Path) -> None:
    """Start, ask, reload, restart, and after a kill -9 start again; each says what it found."""
    port = free_port()

    def control(action: str) -> tuple[int, str]:
        ended = run_command(
            tmp_path, "daemon", action, "--state-dir", "state", "--demo", "--port", str(port)
        )
        return ended.returncode, ended.stdout + ended.stderr

    pid_file = tmp_path / "state" / "snowflake-mcp.pid"
    log_file = tmp_path / "state" / "snowflake-mcp.log"
    try:
        status, text = control("start")
        assert (status, f"http://127.0.0.1:{port}/mcp" in text) == (0, True), text
        first = int(pid_file.read_text())
        assert control("start") == (0, f"snowflake-mcp: already running, pid {first}\n")
        until(lambda: f"pid {first}, ready\n" in control("status")[1], 15, "it is ready")
        assert "  ok   snowflake: " in control("status")[1]
        assert control("reload")[0] == 0
        until(lambda: "nothing in it has changed" in log_file.read_text(), 5, "it has reloaded")

        assert control("restart")[0] == 0
        second = int(pid_file.read_text())
        assert second != first
        assert not alive(first)

        os.kill(second, signal.SIGKILL)
        until(lambda: not alive(second), 5, "it is dead")
        status, text = control("status")
        assert (status, f"pid {second}" in text) == (1, True), text
        assert control("start")[0] == 0
        assert control("stop") == (0, "snowflake-mcp: stopped\n")
        assert control("status") == (3, "snowflake-mcp: not running\n")
    finally:
        if pid_file.exists():
            os.kill(int(pid_file.read_text()), signal.SIGKILL)
