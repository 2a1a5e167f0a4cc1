"""What is installed in CI: locked, hashed, above the floors; and what the audit says of it."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.audit_packages import verdict

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CLIENTS = {path.stem: path for path in sorted((ROOT / "tests/clients/programs").glob("*.in"))}
LOCKS = {path.stem: path for path in sorted((ROOT / "locks").glob("*.txt"))} | {
    name: path.with_suffix(".txt") for name, path in CLIENTS.items()
}
FLOORS = {
    "autobahn": "26.7.1",  # GHSA-hxp9-w8x3-p566: messages that inflate past the limit
    "pyopenssl": "26.0.0",  # CVE-2026-27448, CVE-2026-27459
    "snowflake-connector-python": "4.7.1",  # CVE-2026-15925: TLS host names
    "twisted": "26.10.0",  # bare CR and LF in header values; CVE-2026-42304 and older
}
"""Below them is a known vulnerability that matters here."""
REFUSED = {"sqlparse"}  # CVE-2023-30608, CVE-2024-4340: recursion

_PIN = re.compile(
    r"^([\w.-]+)==([\w.!+]+)(?: ; [^\\]+)? \\((?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+)"
)


@cache
def _pins(name: str) -> dict[str, set[Version]]:
    found: dict[str, set[Version]] = {}
    for entry in re.split(r"^(?=[^\s#])", LOCKS[name].read_text(), flags=re.MULTILINE)[1:]:
        pin = _PIN.match(entry)
        assert pin is not None, f"{name}: no version or no hash: {entry[:80]}"
        found.setdefault(canonicalize_name(pin[1]), set()).add(Version(pin[2]))
    return found


def _declared(*groups: str) -> list[Requirement]:
    project = PROJECT["project"]
    texts = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    for group in groups:
        texts += PROJECT["dependency-groups"][group]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("demo", _declared("build")),
        ("development", _declared("build", "test", "lint", "conformance")),
        ("audit", [Requirement(text) for text in PROJECT["dependency-groups"]["audit"]]),
        *((name, [Requirement(path.read_text().strip())]) for name, path in CLIENTS.items()),
    ],
)
def test_what_is_asked_for_is_locked(lock: str, wanted: list[Requirement]) -> None:
    """Each requirement has a pinned version that it allows; `make lock` makes it so."""
    pins = _pins(lock)
    for requirement in wanted:
        versions = pins.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not in {LOCKS[lock]}: run make lock"
        assert all(version in requirement.specifier for version in versions), requirement


def test_one_environment_has_one_version_of_each() -> None:
    """What serves the demo is what is tested."""
    demo, development = _pins("demo"), _pins("development")
    assert demo == {name: development.get(name) for name in demo}


def test_nothing_is_installed_past_the_locks() -> None:
    """Each pip in the Makefile checks hashes, or takes nothing from an index."""
    makefile = (ROOT / "Makefile").read_text()
    (locked,) = re.findall(r"^LOCKED := (.*)$", makefile, re.MULTILINE)
    assert "--require-hashes" in locked
    installing = re.findall(r"^\t.*pip install.*$", makefile, re.MULTILINE)
    assert installing
    assert all("--no-index --no-deps --no-build-isolation" in line for line in installing)
    building = re.findall(r"^\t.*pip wheel.*$", makefile, re.MULTILINE)
    assert all("--no-deps --no-build-isolation" in line for line in building)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_locked_version_is_below_its_floor(lock: str) -> None:
    """And nothing is locked that is not to be used at all."""
    pins = _pins(lock)
    for name, floor in FLOORS.items():
        assert all(version >= Version(floor) for version in pins.get(name, ())), name
    assert not REFUSED & set(pins)


def test_no_declared_range_reaches_below_a_floor() -> None:
    """Whoever installs without the locks is as safe; wherever it is declared."""
    declared = _declared(*PROJECT["dependency-groups"])
    for requirement in declared:
        assert canonicalize_name(requirement.name) not in REFUSED
        floor = FLOORS.get(canonicalize_name(requirement.name))
        if floor is None:
            continue
        lowest = [
            Version(each.version) for each in requirement.specifier if each.operator in {">=", "=="}
        ]
        assert lowest, requirement
        assert max(lowest) >= Version(floor), requirement
    assert set(FLOORS) <= {canonicalize_name(requirement.name) for requirement in declared}


def test_every_exemption_from_bandit_names_its_check_and_its_reason() -> None:
    """A bare mark would hide the next finding on the line too."""
    marks = [
        (path.name, line.partition("# nosec")[2])
        for folder in ("snowflake_mcp", "twisted", "scripts")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text().splitlines()
        if "# nosec" in line
    ]
    assert marks
    for path, mark in marks:
        assert re.fullmatch(r" B\d{3}(?:,B\d{3})* # (?:noqa: S\d{3} - )?\w.+", mark), (path, mark)


_SAFE = {"name": "a", "version": "1", "vulns": []}
_UNKNOWN = {"name": "b", "skip_reason": "Dependency not found on PyPI"}
_FLAWED = {"name": "c", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(
    ("packages", "said", "failed", "failed_if_must"),
    [
        ([_SAFE], "1 packages audited", False, False),
        ([_SAFE, _UNKNOWN], "1 of 2 NOT AUDITED: b", False, True),
        ([_UNKNOWN], "NOT AUDITED: none of 1 packages is known to the service", False, True),
        ([], "NOT AUDITED: no package was found in it", True, True),
        ([_SAFE, _FLAWED], "c 2: CVE-1, mended in 3", True, True),
        (None, "NOT AUDITED: no service for advisories can be reached", False, True),
    ],
)
def test_an_audit_that_saw_nothing_says_so(
    packages: list[Any] | None, said: str, failed: bool, failed_if_must: bool
) -> None:
    """pip-audit itself reports no vulnerability of packages that a mirror does not know."""
    found = None if packages is None else {"dependencies": packages}
    lines, result = verdict(found, must=False)
    assert said in lines
    assert result is failed
    assert verdict(found, must=True)[1] is failed_if_must
