"""Public tools that look at the server from outside, each in an environment of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["installed"]

ROOT = Path(__file__).resolve().parents[2]
_INSTALL_S = 540


def installed(name: str) -> Path:
    """The program of a tool, installed now where it is not there yet; fails when it cannot be."""
    done = subprocess.run(
        ["sh", str(ROOT / "scripts" / "install-tools.sh"), name, sys.executable],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INSTALL_S,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"scripts/install-tools.sh {name} failed:\n{done.stdout}{done.stderr}")
    return ROOT / ".venv-tools" / name / "bin" / name
