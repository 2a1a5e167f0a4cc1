"""What pyproject.toml says of Pythons and connectors is what scripts/test-lines.sh tests."""

import re
import tomllib
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCRIPT = (ROOT / "scripts" / "test-lines.sh").read_text()
CONNECTOR = "snowflake-connector-python"


def _default(name: str) -> list[str]:
    (found,) = re.findall(rf"^{name}=\$\{{\d:-([\d. ]+)\}}$", SCRIPT, re.MULTILINE)
    return str(found).split()


def test_every_python_that_is_claimed_is_tested() -> None:
    """The classifiers name them, and the oldest is the one that is required."""
    claimed = re.findall(r"Python :: (\d\.\d+)'", str(PROJECT["project"]["classifiers"]))
    assert claimed == _default("pythons")
    assert PROJECT["project"]["requires-python"] == f">={claimed[0]}"


def test_both_connector_lines_are_tested_from_their_first_version_on() -> None:
    """Each line has a group, and what the groups allow is what an installation may have."""
    (wanted,) = [one for one in PROJECT["project"]["dependencies"] if one.startswith(CONNECTOR)]
    allowed = SpecifierSet(wanted.removeprefix(CONNECTOR))
    groups = {
        line: SpecifierSet(PROJECT["dependency-groups"][f"connector-{line}"][0][len(CONNECTOR) :])
        for line in _default("lines")
    }
    for version in (
        "4.7.1",
        "4.8.0",
        "4.8.1",
        "4.9.0",
        "5.0.0",
        "5.1.0",
        "5.2.0",
        "5.9.9",
        "6.0.0",
    ):
        assert (version in allowed) == any(version in group for group in groups.values()), version
