"""A pid file names a server of ours, or nobody; an endpoint is reached, or it is not."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from snowflake_mcp.commands.process import Daemon, address_of, ask
from tests.support.server import free_port

SLEEP = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def stand_in() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that looks like a server: the word is among its arguments.

    It has spoken before it is handed over: until its program is loaded, the kernel shows no words.
    """
    line = [sys.executable, "-c", SLEEP, "snowflake-mcp"]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process
        process.kill()


def written(folder: Path, text: str) -> Daemon:
    file = folder / "x.pid"
    file.write_text(text)
    return Daemon(file)


def test_a_running_server_is_found(tmp_path: Path, stand_in: "subprocess.Popen[bytes]") -> None:
    """And its end is seen."""
    daemon = written(tmp_path, f"{stand_in.pid}\n")
    assert daemon.pid() == stand_in.pid
    pauses: list[float] = []
    assert not daemon.gone_within(0.2, pauses.append)
    assert len(pauses) == 4
    assert daemon.signal(signal.SIGKILL)
    stand_in.wait()
    assert daemon.gone_within(1.0, pauses.append)


@pytest.mark.parametrize("text", ["", "no number", "-1", "0", "99999999999999999999"])
def test_rubbish_in_the_file_is_nobody(tmp_path: Path, text: str) -> None:
    """Above all it is never a process group or everybody."""
    daemon = written(tmp_path, text)
    assert daemon.pid() is None
    assert not daemon.signal(signal.SIGTERM)
    assert daemon.gone_within(0.0, lambda _: None)


def test_a_pid_that_another_program_has_by_now_is_not_ours(tmp_path: Path) -> None:
    """This test's own process survives to tell."""
    daemon = written(tmp_path, str(os.getpid()))
    assert daemon.pid() is None
    assert not daemon.signal(signal.SIGKILL)
    assert daemon.written_pid() == os.getpid()


def test_no_file_is_nobody(tmp_path: Path) -> None:
    """As after a clean stop."""
    daemon = Daemon(tmp_path / "none.pid")
    assert (daemon.pid(), daemon.written_pid()) == (None, None)


@pytest.mark.parametrize(
    ("endpoints", "address"),
    [
        (["tcp:8000:interface=127.0.0.1"], ("127.0.0.1", 8000)),
        (["tcp:8000:interface=0.0.0.0"], ("127.0.0.1", 8000)),
        (["tcp:8000"], ("127.0.0.1", 8000)),
        (["tcp6:8000:interface=\\:\\:1"], ("::1", 8000)),
        (["tcp6:8000:interface=\\:\\:"], ("::1", 8000)),
        (["unix:/run/x.sock", "tcp:81:interface=10.0.0.1"], ("10.0.0.1", 81)),
        (["unix:/run/x.sock"], None),
        (["tcp:0"], None),
        (["ssl:443:privateKey=x"], None),
    ],
)
def test_where_a_probe_goes(endpoints: list[str], address: tuple[str, int] | None) -> None:
    """To the first plain TCP endpoint, by loopback where it listens everywhere."""
    assert address_of(endpoints) == address


def test_nobody_answers_at_a_closed_port() -> None:
    """That is an answer, too: none."""
    assert ask(("127.0.0.1", free_port()), "/health") is None
