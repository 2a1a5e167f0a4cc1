"""scripts/install.sh puts the files where the units expect them, and takes them away again."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "scripts" / "install.sh"

pytestmark = pytest.mark.process


def install(*options: str, within_s: float = 30.0) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", str(SCRIPT), *options],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


def tree(root: Path) -> dict[str, int]:
    """Every file below, with its mode, but for the virtual environment's."""
    return {
        str(path.relative_to(root)): path.stat().st_mode & 0o777
        for path in root.rglob("*")
        if path.is_file() and "venv" not in path.parts
    }


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    """And names every file that it would put somewhere."""
    done = install("--dry-run", "--root", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    named = set(re.findall(rf"^\+ install .* {tmp_path}(/\S+)$", done.stdout, re.MULTILINE))
    units = {f"/etc/systemd/system/{path.name}" for path in PROJECT.glob("systemd/*.s[eo]*")}
    assert named >= {*units, "/etc/snowflake-mcp/config.toml", "/opt/snowflake-mcp"}


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["--help"], 0, "--uninstall"),
        (["--bogus"], 2, "unknown option --bogus"),
        (["--purge"], 2, "--purge needs --uninstall"),
    ],
)
def test_what_it_does_not_take(options: list[str], status: int, says: str) -> None:
    """A slip in the options changes nothing."""
    done = install(*options)
    assert done.returncode == status
    assert says in done.stdout + done.stderr


def test_every_option_is_documented() -> None:
    """In its own help and in the document."""
    options = set(re.findall(r"^        (--[a-z-]+)\)", SCRIPT.read_text(), re.MULTILINE))
    assert len(options) > 5
    document = (PROJECT / "docs" / "deployment.md").read_text()
    text = install("--help").stdout
    for option in options - {"--help"}:
        assert f"  {option}" in text
        assert f"| `{option}" in document


@pytest.mark.full
@pytest.mark.timeout(400)
def test_it_can_be_repeated_and_undone(tmp_path: Path) -> None:
    """What an operator wrote survives a second run and an uninstall, not a purge."""
    root = tmp_path / "image"
    first = install("--root", str(root), within_s=180)
    assert first.returncode == 0, first.stderr
    files = tree(root)
    assert files["etc/snowflake-mcp/config.toml"] == 0o640
    assert files["etc/systemd/system/snowflake-mcp.service"] == 0o644
    command = root / "opt" / "snowflake-mcp" / "venv" / "bin" / "snowflake-mcp"
    version = subprocess.run(
        [str(command), "check-config", "--version"], capture_output=True, text=True, check=True
    )
    assert version.stdout.startswith("snowflake-mcp ")

    config = root / "etc" / "snowflake-mcp" / "config.toml"
    config.write_text("# mine\n")
    second = install("--root", str(root), within_s=180)
    assert second.returncode == 0, second.stderr
    assert "+ install" not in second.stdout
    assert (config.read_text(), tree(root)) == ("# mine\n", files)

    assert install("--root", str(root), "--uninstall").returncode == 0
    assert config.read_text() == "# mine\n"
    assert not (root / "opt" / "snowflake-mcp").exists()
    assert not list(root.glob("etc/systemd/system/*"))
    assert install("--root", str(root), "--uninstall", "--purge").returncode == 0
    assert tree(root) == {}
