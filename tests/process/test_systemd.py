"""The real process under what stands for systemd: notifications, activation, units."""

import os
import select
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.processes import alive, until
from tests.support.server import (
    PYTHON,
    Server,
    clean_environ,
    free_port,
    http_request,
    kill_session,
    script,
    serving,
)

pytestmark = pytest.mark.process

UNITS = Path(__file__).resolve().parents[2] / "systemd"
OPTIONS = ["-n", "--pidfile=", "snowflake-mcp", "--demo", "--port"]
ENDPOINT = "systemd:domain=INET:name=http"
ANALYZE = shutil.which("systemd-analyze")
ACTIVATE = shutil.which("systemd-socket-activate")
MAX_EXPOSURE = 1.5


class Manager:
    """The service manager's end of the notifications."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        """Every message so far."""
        try:
            while True:
                self._heard.append(self._socket.recv(4096).decode())
        except BlockingIOError:
            return self._heard

    def has(self, start: str, times: int = 1) -> bool:
        """Whether so many messages begin so."""
        return sum(message.startswith(start) for message in self.heard()) >= times

    def is_silent_for(self, seconds: float) -> bool:
        """Whether nothing comes within the time."""
        return select.select([self._socket], [], [], seconds) == ([], [], [])

    def close(self) -> None:
        """No more is heard."""
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Listening before the server starts, as systemd is."""
    listening = Manager(tmp_path / "notify")
    yield listening
    listening.close()


@pytest.mark.fault("F-17", "SIGTERM under NOTIFY_SOCKET")
def test_the_story_of_a_service(tmp_path: Path, manager: Manager) -> None:
    """READY once it serves, signs of life, a reload, STOPPING with a request for time."""
    environ = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "400000"}
    with serving(tmp_path, "--demo", environ=environ) as server:
        until(lambda: manager.has("READY=1\nSTATUS=serving, 0 requests running"), 5, "READY")
        until(lambda: manager.has("WATCHDOG=1", 5), 5, "five signs of life")
        assert not manager.has("STOPPING")
        server.signal(signal.SIGHUP)
        until(lambda: manager.has("RELOADING=1\nMONOTONIC_USEC="), 5, "RELOADING")
        until(lambda: manager.has("READY=1", 2), 5, "the end of the reload")
        server.stop()
    assert manager.has("STOPPING=1")
    assert manager.has("EXTEND_TIMEOUT_USEC=")


def test_ready_means_that_the_port_is_open(tmp_path: Path, manager: Manager) -> None:
    """The first who connects after READY is answered."""
    port = free_port()
    with _started([script("twistd"), *OPTIONS, str(port)], tmp_path, manager) as server:
        until(lambda: manager.has("READY=1"), 20, "READY")
        assert server.request("GET", "/health").status == 200


@pytest.mark.full
def test_a_reactor_that_stands_still_gives_no_sign_of_life(
    tmp_path: Path, manager: Manager
) -> None:
    """What systemd then does is its own; the signs come back when the process goes on."""
    environ = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "400000"}
    with serving(tmp_path, "--demo", environ=environ) as server:
        until(lambda: manager.has("WATCHDOG=1"), 5, "a sign of life")
        server.signal(signal.SIGSTOP)
        until(lambda: _stopped(server.pid), 5, "the process stands still")
        before = len(manager.heard())
        assert manager.is_silent_for(1.0)
        server.signal(signal.SIGCONT)
        until(lambda: len(manager.heard()) > before, 5, "signs of life again")


@pytest.mark.parametrize("launcher", ["own", *(["systemd"] if ACTIVATE else [])])
def test_socket_activation(tmp_path: Path, launcher: str) -> None:
    """The socket that was passed is served, under the name in the units."""
    port = free_port()
    twistd = [script("twistd"), *OPTIONS, ENDPOINT]
    if launcher == "own":
        with _listening(port) as passed:
            command = _activated(passed.fileno(), twistd)
            with _started(command, tmp_path, port=port, keep=passed.fileno()) as server:
                assert server.wait_ready().call("list_databases").status == 200
    else:
        activate = [str(ACTIVATE), "-l", f"127.0.0.1:{port}", "--fdname=http"]
        passed_on = [
            f"--setenv={key}" for key in ("HOME", "PYTHONPATH", "PATH") if key in os.environ
        ]
        with _started([*activate, *passed_on, *twistd], tmp_path, port=port) as server:
            until(lambda: _accepts(port), 10, "the socket listens")
            assert server.wait_ready().call("list_databases").status == 200


def test_a_restart_refuses_nobody(tmp_path: Path) -> None:
    """Who connects while no server runs waits in the socket and is answered by the next one."""
    port = free_port()
    twistd = [script("twistd"), *OPTIONS, ENDPOINT]
    with _listening(port) as passed:
        command = _activated(passed.fileno(), twistd)
        with _started(command, tmp_path, port=port, keep=passed.fileno()) as first:
            assert first.wait_ready().stop() == -signal.SIGTERM
        statuses: list[int] = []

        def ask() -> None:
            statuses.append(http_request(port, "GET", "/health").status)

        waiting = [threading.Thread(target=ask) for _ in range(10)]
        for each in waiting:
            each.start()
        with _started(command, tmp_path, port=port, keep=passed.fileno()):
            for each in waiting:
                each.join(30)
        assert statuses == [200] * 10


@pytest.mark.full
def test_instances_share_a_port(tmp_path: Path) -> None:
    """Two servers whose sockets were opened with ReusePort= both get connections."""
    port = free_port()
    twistd = [script("twistd"), *OPTIONS, ENDPOINT]
    with ExitStack() as stack:
        servers = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            passed = stack.enter_context(_listening(port, share=True))
            command = _activated(passed.fileno(), twistd)
            started = _started(command, tmp_path / name, port=port, keep=passed.fileno())
            servers.append(stack.enter_context(started))
        until(lambda: all("listening on" in each.log_text for each in servers), 20, "both listen")
        for n in range(40):
            assert http_request(port, "GET", f"/nothing/{n}").status == 404

        def shares() -> list[int]:
            return [server.log_text.count("GET /nothing/") for server in servers]

        # The line of a request follows its answer.
        until(lambda: sum(shares()) == 40, 5, "all are logged")
        assert all(shares())


if ANALYZE is not None:
    # A machine without systemd has no tool to ask; the units are checked in tests/unit as well.

    def _analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(ANALYZE), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_systemd_accepts_the_units(tmp_path: Path) -> None:
        """No unknown key, no missing unit; only the program lies elsewhere here."""
        for unit in UNITS.glob("snowflake-mcp*"):
            text = unit.read_text().replace("/opt/snowflake-mcp/venv/bin/twistd", script("twistd"))
            (tmp_path / unit.name).write_text(text)
        names = sorted(str(path) for path in tmp_path.iterdir())
        assert len(names) == 4
        checked = _analyze("verify", "--recursive-errors=yes", "--man=no", *names)
        assert checked.returncode == 0, checked.stderr
        assert checked.stderr == ""

    @pytest.mark.parametrize("name", ["snowflake-mcp.service", "snowflake-mcp@.service"])
    def test_the_exposure(name: str) -> None:
        """As systemd counts it, of ten, with the network open."""
        threshold = f"--threshold={MAX_EXPOSURE * 10:.0f}"
        checked = _analyze("security", "--offline=true", "--no-pager", threshold, str(UNITS / name))
        assert checked.returncode == 0, checked.stdout.splitlines()[-1]


@contextmanager
def _listening(port: int, *, share: bool = False) -> Iterator[socket.socket]:
    with socket.socket() as listening:
        if share:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(64)
        yield listening


def _activated(descriptor: int, command: list[str]) -> list[str]:
    """The command behind what systemd does for a service with a socket."""
    program = (
        "import os, sys\n"
        f"os.dup2({descriptor}, 3)\n"
        "os.environ |= {'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getpid()),"
        " 'LISTEN_FDNAMES': 'http'}\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    return [PYTHON, "-c", program, *command]


@contextmanager
def _started(
    command: list[str],
    folder: Path,
    manager: Manager | None = None,
    port: int | None = None,
    keep: int | None = None,
) -> Iterator[Server]:
    """A process that the test's end takes away with all it started."""
    log = folder / "server.log"
    notify = {} if manager is None else {"NOTIFY_SOCKET": str(manager.path)}
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environ(folder, notify),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=() if keep is None else (keep,),
        )
    server = Server(process, port or int(command[-1]), log)
    try:
        yield server
        if alive(process.pid):
            server.stop()
    finally:
        assert kill_session(process) == [], server.log_text
    assert "Traceback" not in server.log_text


def _stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _accepts(port: int) -> bool:
    """Whether the port is listened on, without connecting: that would start the service."""
    wanted = f"{port:04X}"
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(row.split()[1].endswith(f":{wanted}") and row.split()[3] == "0A" for row in rows)
