"""``snowflake-mcp daemon``: start, stop, restart, reload and look after one background server.

A thin hand over twistd, its pid file and signals; everything that it does an operator could do
with them. Exit statuses are those of LSB init scripts.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from snowflake_mcp.commands.process import Daemon, address_of, ask
from snowflake_mcp.config.model import Config, LogSettings

__all__ = ["ACTIONS", "EXIT", "Control", "Places", "default_folder", "twistd_command"]

ACTIONS: Final = ("start", "stop", "restart", "reload", "status")

EXIT: Final = {"ok": 0, "failed": 1, "dead": 1, "not running": 3, "unknown": 4}
"""Statuses by what they mean; for ``status`` 1 is a pid file without its process."""

_START_S: Final = 30.0
_NOW_S: Final = 5.0
"""After the second signal a server is gone within 2 s; the rest is for slow machines."""
_STEP_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Places:
    """Where a daemon writes."""

    folder: Path

    @property
    def pid_file(self) -> Path:
        """The file with its process id."""
        return self.folder / "snowflake-mcp.pid"

    def log_file(self, configured: str) -> Path:
        """Its log: where ``log.file`` says, and in the folder where nothing was said."""
        default = LogSettings().file
        return self.folder / default if configured == default else Path(configured).absolute()


def default_folder() -> Path:
    """The state folder of this user: ``$XDG_STATE_HOME/snowflake-mcp`` or its usual place."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "snowflake-mcp"


def twistd_command() -> list[str]:
    """Twistd of the environment that this program runs in."""
    beside = Path(sys.executable).with_name("twistd")
    if beside.exists():
        return [str(beside)]
    return [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]


class Control:
    """The five actions; each prints what it found and gives an exit status. Blocks."""

    def __init__(
        self,
        places: Places,
        config: Config,
        options: Sequence[str],
        out: TextIO,
        wait: Callable[[float], None] = time.sleep,  # noqa: TID251 - a program of its own
    ) -> None:
        """``options`` are the server's own, as they were given; ``config`` is what they mean."""
        self._places = places
        self._config = config
        self._options = list(options)
        self._out = out
        self._wait = wait
        self._daemon = Daemon(places.pid_file)

    def run(self, action: str) -> int:
        """Carry out one of ``ACTIONS``."""
        actions: dict[str, Callable[[], int]] = {
            "start": self.start,
            "stop": self.stop,
            "restart": self.restart,
            "reload": self.reload,
            "status": self.status,
        }
        return actions[action]()

    def start(self) -> int:
        """Start it, and wait until it answers; success when it runs already."""
        pid = self._daemon.pid()
        if pid is not None:
            self._say(f"already running, pid {pid}")
            return EXIT["ok"]
        self._places.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stale = self._daemon.written_pid()
        if stale is not None:
            self._say(f"the pid file names {stale}, which is no server of ours; removing it")
            self._places.pid_file.unlink()
        command = [
            *twistd_command(),
            f"--pidfile={self._places.pid_file}",
            "--umask=077",
            "--logger=snowflake_mcp.ops.logs.file_text",
            "snowflake-mcp",
            *self._options,
        ]
        # It stays in this folder, so that relative paths mean what they mean in the foreground.
        started = subprocess.run(  # nosec B603 # noqa: S603 - our own program with the operator's own options
            command,
            env={**os.environ, "SNOWFLAKE_MCP_LOG_FILE": str(self._log_file())},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if started.returncode != 0:
            self._say(f"did not start:\n{(started.stdout + started.stderr).strip()}")
            return EXIT["failed"]
        return self._await_answer()

    def stop(self) -> int:
        """Let it drain; what takes longer than its own limits is told to stop at once."""
        if self._daemon.pid() is None:
            self._say("not running")
            return EXIT["ok"]
        limits = self._config.limits
        drain_s = limits.drain_s + 2 * limits.abort_s + 10.0
        self._daemon.signal(signal.SIGTERM)
        if self._daemon.gone_within(drain_s, self._wait):
            self._say("stopped")
            return EXIT["ok"]
        self._daemon.signal(signal.SIGTERM)
        if self._daemon.gone_within(_NOW_S, self._wait):
            self._say(f"stopped at once, after {drain_s:.0f} s of draining")
            return EXIT["ok"]
        self._say(f"pid {self._daemon.pid()} does not stop; see {self._log_file()}")
        return EXIT["failed"]

    def restart(self) -> int:
        """Stop, then start; the configuration has been checked before anything is stopped."""
        return self.stop() or self.start()

    def reload(self) -> int:
        """Have it read its configuration again; this program has just found it valid."""
        if not self._daemon.signal(signal.SIGHUP):
            self._say("not running")
            return EXIT["not running"]
        self._say(f"told to reload; {self._log_file()} says what came of it")
        return EXIT["ok"]

    def status(self) -> int:
        """Whether it runs, and what its readiness checks say."""
        pid = self._daemon.pid()
        if pid is None:
            written = self._daemon.written_pid()
            if written is None:
                self._say("not running")
                return EXIT["not running"]
            self._say(f"not running, but {self._places.pid_file} is there (pid {written})")
            return EXIT["dead"]
        address = self._address()
        answer = ask(address, "/health/ready", tls=self._tls) if address is not None else None
        if answer is None:
            self._say(f"running, pid {pid}; it could not be asked how it is")
            return EXIT["unknown"] if address is not None else EXIT["ok"]
        _, body = answer
        self._say(f"running, pid {pid}, {body['status']}")
        for check in body["checks"]:
            word = "ok  " if check["ok"] else "FAIL" if check.get("vital", True) else "warn"
            self._say(f"  {word} {check['name']}: {check['detail']}")
        return EXIT["ok"]

    def _await_answer(self) -> int:
        address = self._address()
        left_s = _START_S
        while left_s > 0:
            pid = self._daemon.pid()
            if pid is None:
                self._say(f"ended while it started; see {self._log_file()}")
                return EXIT["failed"]
            if address is None or ask(address, "/health/live", tls=self._tls) is not None:
                scheme = "https" if self._tls else "http"
                where = "" if address is None else f", {scheme}://{_shown(address)}/mcp"
                self._say(f"running, pid {pid}{where}")
                self._say(f"log: {self._log_file()}")
                return EXIT["ok"]
            self._wait(_STEP_S)
            left_s -= _STEP_S
        self._say(f"runs but does not answer within {_START_S:.0f} s; see {self._log_file()}")
        return EXIT["failed"]

    @property
    def _tls(self) -> bool:
        return bool(self._config.tls.certificate_file)

    def _address(self) -> tuple[str, int] | None:
        http: Any = self._config.http
        # What speaks TLS takes its time, and starting or stopping a process needs none of it.
        from snowflake_mcp.transports.listen import endpoint_string  # noqa: PLC0415 - see above

        return address_of([endpoint_string(each, http.host) for each in http.endpoints])

    def _log_file(self) -> Path:
        return self._places.log_file(self._config.log.file)

    def _say(self, text: str) -> None:
        self._out.write(f"snowflake-mcp: {text}\n")


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
