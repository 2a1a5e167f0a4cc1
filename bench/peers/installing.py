"""The peers' environments: made once under ``.venv-bench``, of exactly what the lock files name.

    python -m bench.peers.installing

An environment is made anew when its lock file has changed. A peer that cannot be installed here
is left out of the measurement, and the tables say so.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["HERE", "NODE", "PYTHONS", "ROOT", "folder_of", "install", "main", "versions"]

ROOT: Final = Path(__file__).resolve().parent.parent.parent
HERE: Final = Path(__file__).resolve().parent
ENVIRONMENTS: Final = ROOT / ".venv-bench"
PYTHONS: Final = ("sdk", "fastmcp", "labs")
NODE: Final = "toolbox"
_LIMIT_S: Final = 600.0


def folder_of(name: str) -> Path:
    """Where a peer is installed."""
    return ENVIRONMENTS / name


def versions() -> str:
    """What the lock files were made for, in one line."""
    named = [(HERE / "locks" / f"{name}.in").read_text().split() for name in PYTHONS]
    node = json.loads((HERE / "node" / "package.json").read_text())["dependencies"]
    exact = [f"{name} {version}" for name, version in node.items()]
    found = [*(each.replace("==", " ") for names in named for each in names), *exact]
    return ", ".join(dict.fromkeys(found))


def install(names: Iterable[str]) -> dict[str, str]:
    """Install these peers; why not, for each that could not be."""
    problems = {}
    for name in names:
        try:
            _install(name)
        except (OSError, subprocess.SubprocessError) as error:
            output = getattr(error, "stderr", None) or str(error)
            lines = str(output).strip().splitlines() or [type(error).__name__]
            problems[name] = " ".join(lines)[:300]
    return problems


def _install(name: str) -> None:
    folder = folder_of(name)
    lock = HERE / ("node/package-lock.json" if name == NODE else f"locks/{name}.txt")
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return
    print(f"installing {name} into {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    if name == NODE:
        folder.mkdir(parents=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / file, folder)
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        _run(["npm", "ci", *quiet], folder)
    else:
        _run([sys.executable, "-m", "venv", str(folder)], ROOT)
        # The lock names every package, so nothing is left for pip to resolve.
        exact = ("--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:")
        python = str(folder / "bin" / "python")
        _run([python, "-m", "pip", "install", *exact, "--requirement", str(lock)], ROOT)
    shutil.copy(lock, stamp)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=_LIMIT_S
    )


def main() -> None:
    """Install all of them; status 1 when one could not be."""
    problems = install((*PYTHONS, NODE))
    for name, problem in problems.items():
        print(f"{name}: {problem}", file=sys.stderr)
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    main()
