"""A Debian with systemd as its first process, in a container that shares this machine's network."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.processes import alive, descendants, until

__all__ = ["SOURCES", "Container", "booted", "made"]

SOURCES: Final = "/src"
"""Where the container sees this checkout; it cannot write there."""
_PACKAGES: Final = "systemd,systemd-sysv,dbus,python3,python3-venv,iproute2,logrotate"
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_BOOT_S: Final = 60.0
_OFF_S: Final = 60.0
_POWER_OFF: Final = signal.SIGRTMIN + 4
"""What systemd as a first process takes for "power off"."""
# On a machine whose control groups are those of version 1 the container's systemd gets a tree of
# version 2, in a mount namespace of its own: nothing outside sees the change.
_BOOT: Final = """
set -e
mount --make-rprivate /
if [ "$(stat --file-system --format=%T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount --recursive /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
fi
mkdir -p /sys/fs/cgroup/booted
echo $$ > /sys/fs/cgroup/booted/cgroup.procs
exec systemd-nspawn --quiet --register=no --keep-unit --console=pipe --resolv-conf=replace-host \
    --machine=booted --boot "$@" systemd.unit=multi-user.target
"""


def made(folder: Path, mirror: str) -> Path:
    """A new root with Debian 12 and what the installer needs; ``mirror``: "" for the usual one.

    Raises:
        subprocess.CalledProcessError: it could not be made.
    """
    root = folder / "root"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}"]
    subprocess.run([*command, "bookworm", str(root), *([mirror] if mirror else [])], check=True)
    return root


class Container:
    """A booted root."""

    def __init__(self, root: Path, init: int) -> None:
        self.root = root
        self._init = init

    def run(
        self, *command: str, within_s: float = 60.0, **environ: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command inside to its end."""
        entering = ["nsenter", "--target", str(self._init), "--all", "--root", "--wd"]
        clean = ["env", "-i", f"PATH={_PATH}", "HOME=/root"]
        clean += [f"{name}={value}" for name, value in environ.items()]
        return subprocess.run(
            [*entering, *clean, *command],
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def done(self, *command: str, within_s: float = 60.0, **environ: str) -> str:
        """The same for a command that must not fail: what it prints.

        Raises:
            AssertionError: it failed.
        """
        ended = self.run(*command, within_s=within_s, **environ)
        assert ended.returncode == 0, f"{command}: {ended.stdout[-2000:]} {ended.stderr[-2000:]}"
        return ended.stdout.strip()

    def property(self, name: str, unit: str) -> str:
        """A property of a unit."""
        return self.done("systemctl", "show", "--property", name, "--value", unit)

    def path(self, inside: str) -> Path:
        """A file of the container, as seen from outside."""
        return self.root / inside.lstrip("/")


@contextmanager
def booted(root: Path, checkout: Path, seen: Sequence[Path]) -> Iterator[Container]:
    """The root with its systemd running, and powered off at the end.

    ``seen``: more folders and files of this machine that the container may read.
    """
    binds = [f"--bind-ro={checkout}:{SOURCES}", *(f"--bind-ro={each}" for each in seen)]
    with (root.parent / "console.log").open("wb") as console:
        spawn = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", _BOOT, "sh", f"--directory={root}", *binds],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until(lambda: spawn.poll() is not None or _first_of(spawn.pid), _BOOT_S, "systemd begins")
        init = _first_of(spawn.pid)
        assert init is not None, (root.parent / "console.log").read_text()[-2000:]
        container = Container(root, init)
        until(lambda: _runs(container), _BOOT_S, "the system has booted")
        try:
            yield container
        finally:
            os.kill(init, _POWER_OFF)
            until(lambda: not alive(init), _OFF_S, "the container is off")
    finally:
        if spawn.poll() is None:
            spawn.terminate()
        spawn.wait(_OFF_S)
        shutil.rmtree(root, ignore_errors=True)


def _first_of(spawn: int) -> int | None:
    """The process that is number 1 inside."""
    for pid in descendants(spawn):
        numbers: list[Any] = []
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
        if len(numbers) > 1 and numbers[-1] == "1":
            return pid
    return None


def _runs(container: Container) -> bool:
    state = container.run("systemctl", "is-system-running").stdout.strip()
    return state in ("running", "degraded")
