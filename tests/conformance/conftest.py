"""The suite, installed once and kept, and the servers that it judges."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.verdict import FOLDER
from tests.support.server import Server, serving

ROOT = FOLDER.parents[1]
_INSTALL_S = 540
_FIXTURES = {"SNOWFLAKE_MCP_TESTING_FIXTURES": "tests.fixtures.suite"}


@pytest.fixture(scope="session")
def node() -> str:
    """A Node that is new enough for the suite, which is installed beside it."""
    done = subprocess.run(
        ["sh", str(ROOT / "scripts" / "install-conformance.sh")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INSTALL_S,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"scripts/install-conformance.sh failed:\n{done.stdout}{done.stderr}")
    bundled = sorted(FOLDER.glob("node/node_modules/node-*/bin/node"))
    found = str(bundled[0]) if bundled else shutil.which("node")
    if found is None:
        pytest.fail("the conformance suite needs Node.js: install version 22 or newer")
    return found


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server as it ships, with demo data."""
    with _served(tmp_path_factory, {}) as server:
        yield server


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with the suite's fixtures."""
    with _served(tmp_path_factory, _FIXTURES) as server:
        yield server


@pytest.fixture(scope="session")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same, answering everything that can be one with an event stream."""
    environ = {**_FIXTURES, "SNOWFLAKE_MCP_HTTP_STREAM_AFTER_S": "0"}
    with _served(tmp_path_factory, environ) as server:
        yield server


@contextmanager
def _served(folders: pytest.TempPathFactory, environ: Mapping[str, str]) -> Iterator[Server]:
    # The fixtures are no part of the package: the server finds them through its path.
    found: Mapping[str, str] = {"PYTHONPATH": str(ROOT), **environ}
    folder: Path = folders.mktemp("server")
    with serving(folder, "--demo", environ=found) as server:
        yield server
    # Whatever the suite sends is answered by design, never by accident.
    assert "Traceback" not in server.log_text, server.log_text
