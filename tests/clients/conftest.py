"""The server that all client tests share, and the clients, installed once and kept."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server, serving

ROOT = Path(__file__).resolve().parents[2]
NODE_FOLDER = Path(__file__).resolve().parent / "node"
_INSTALL_S = 540


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with demo data on a port of its own."""
    with serving(tmp_path_factory.mktemp("server"), "--demo") as started:
        yield started


@pytest.fixture(scope="session")
def python_clients() -> Path:
    """The folder with one environment for each third-party Python client."""
    _install("install-python-clients.sh", sys.executable)
    return ROOT / ".venv-clients"


@pytest.fixture(scope="session")
def node() -> str:
    """A Node that is new enough for every client; the clients are installed beside it."""
    if shutil.which("npm") is None:
        pytest.fail("npm is needed for the Node clients: install Node.js 20 or newer")
    _install("install-node-clients.sh")
    bundled = sorted(NODE_FOLDER.glob("node_modules/node-*/bin/node"))
    found = str(bundled[0]) if bundled else shutil.which("node")
    if found is None:
        pytest.fail("node is needed for the Node clients: install Node.js 22.19 or newer")
    return found


def _install(name: str, *arguments: str) -> None:
    done = subprocess.run(
        ["sh", str(ROOT / "scripts" / name), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INSTALL_S,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"scripts/{name} failed:\n{done.stdout}{done.stderr}")
