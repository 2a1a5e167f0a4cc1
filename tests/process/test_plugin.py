"""The twistd plugin: found by every kind of install, cheap for every other twistd command."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support.server import clean_environ, kill_session, run_twistd, start

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "twisted" / "plugins" / "snowflake_mcp_plugin.py"
HEAVY = (
    "snowflake",
    "snowflake_mcp",
    "autobahn",
    "twisted.web",
    "twisted.internet.reactor",
    "mcp",
    "mcp_types",
    "msgspec",
    "pyarrow",
    "fakesnow",
    "duckdb",
)


def test_twistd_lists_it(tmp_path: Path) -> None:
    """``twistd --help`` shows the command with its description."""
    listed = run_twistd(tmp_path, "--help")
    assert listed.returncode == 0
    (line,) = [line for line in listed.stdout.splitlines() if "snowflake-mcp" in line]
    assert "MCP" in line


def test_its_options_are_explained(tmp_path: Path) -> None:
    """``twistd snowflake-mcp --help`` names every option."""
    text = run_twistd(tmp_path, "snowflake-mcp", "--help").stdout
    for option in ("--port", "--host", "--config", "--connection", "--demo", "--no-demo"):
        assert option in text


def test_importing_the_plugin_imports_nothing_heavy(tmp_path: Path) -> None:
    """Other twistd commands on the host do not pay for this one."""
    program = (
        "import importlib.util, json, sys\n"
        f"spec = importlib.util.spec_from_file_location('plugin', {str(PLUGIN)!r})\n"
        "plugin = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(plugin)\n"
        "assert plugin.serviceMaker.tapname == 'snowflake-mcp'\n"
        "print(' '.join(sys.modules))\n"
    )
    loaded = _python(tmp_path, sys.executable, "-c", program).split()
    wrong = [name for name in loaded for heavy in HEAVY if f"{name}.".startswith(f"{heavy}.")]
    assert wrong == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    # With what is installed here: pip fetches what an isolated build needs without any hash.
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*pip, "--wheel-dir", str(folder), str(ROOT)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.timeout(400)
def test_the_wheel_holds_the_package_and_the_plugin(wheel: Path) -> None:
    """Both parts, the typing marker, and no package file that would hide Twisted's own."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"snowflake_mcp/py.typed", "twisted/plugins/snowflake_mcp_plugin.py"} <= names
    assert not names & {"twisted/__init__.py", "twisted/plugins/__init__.py"}
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"snowflake_mcp", "twisted"}


@pytest.mark.timeout(400)
def test_a_wheel_in_a_fresh_environment_serves(wheel: Path, tmp_path: Path) -> None:
    """Without the source tree twistd lists the command, explains it, and answers a query."""
    python = _install(wheel, tmp_path / "venv")
    twistd = [python, "-c", "from twisted.scripts.twistd import run; run()"]
    assert "snowflake-mcp" in _python(tmp_path, *twistd, "--help")
    assert "--port" in _python(tmp_path, *twistd, "-n", "snowflake-mcp", "--help")
    where = _python(tmp_path, python, "-c", "import snowflake_mcp; print(snowflake_mcp.__file__)")
    assert where.startswith(str(tmp_path))
    server = start(tmp_path, "--demo", twistd=twistd)
    try:
        server.wait_ready()
        answer = server.call("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
        assert answer.status == 200, answer.body
        assert answer.json()["result"]["rows"] == [[42]]
        server.stop()
    finally:
        assert kill_session(server.process) == []


def _install(wheel: Path, venv: Path) -> str:
    """An environment with the wheel, and all else from the one that runs the tests."""
    _python(venv.parent, sys.executable, "-m", "venv", "--without-pip", str(venv))
    python = str(venv / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    _python(venv.parent, *pip, "--no-deps", "--no-index", str(wheel))
    # After the install: pip must not see the tree that the tests run from. Path files of a
    # folder that is itself named in a path file are not read, so an editable install of that
    # environment does not come along.
    site = sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)})
    (Path(site) / "rest.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def _python(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean_environ(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
