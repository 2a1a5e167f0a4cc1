"""The table of requirements in docs/protocol.md is whole, and what it promises is there."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from snowflake_mcp.protocol import errors

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "protocol.md"
COUNTS = {"T": 26, "C": 8, "A": 11, "D": 10}
IDS = [f"{kind}-{number:02}" for kind, most in COUNTS.items() for number in range(1, most + 1)]

_ROW = re.compile(r"^\| ([TCAD]-\d\d) \|(.*)\|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@dataclass(frozen=True)
class Requirement:
    """One row."""

    rule: str
    revisions: tuple[str, ...]
    tests: tuple[tuple[str, str], ...]
    note: str


@cache
def rows() -> dict[str, list[Requirement]]:
    """Every row of the page by its id."""
    found: dict[str, list[Requirement]] = {}
    for row in _ROW.finditer(PAGE.read_text()):
        name, rule, revisions, shown, note = (part.strip() for part in row.groups())
        tests = tuple((path, test) for path, test in _TEST.findall(shown))
        requirement = Requirement(rule, tuple(revisions.split(", ")), tests, note)
        found.setdefault(name, []).append(requirement)
        assert shown == " ".join(f"`{path}::{test}`" for path, test in tests), f"{name}: {shown}"
    return found


@cache
def sources(path: str) -> dict[str, str]:
    """The test functions of a file by name, as text."""
    text = (ROOT / path).read_text()
    return {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_requirement_has_one_row() -> None:
    """None is missing, none is there twice, none is made up."""
    assert {name: len(found) for name, found in rows().items()} == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize("name", IDS)
def test_a_requirement_is_shown_or_argued(name: str) -> None:
    """By tests that exist and name it; without one a sentence says why."""
    (requirement,) = rows()[name]
    assert requirement.rule
    assert set(requirement.revisions) <= {"25", "26"}
    assert requirement.tests or len(requirement.note) > 20
    for path, test in requirement.tests:
        assert test in sources(path), f"{path}::{test} is not there"
        assert name in sources(path)[test], f"{path}::{test} does not name {name}"


def test_every_test_that_names_a_requirement_is_in_the_table() -> None:
    """Whoever looks a requirement up finds all there is."""
    listed = {
        (name, *test) for name, found in rows().items() for row in found for test in row.tests
    }
    named = {
        (name, str(path.relative_to(ROOT)), test)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for test, text in sources(str(path.relative_to(ROOT))).items()
        if test.startswith("test_")
        for name in re.findall(r"\b[TCAD]-\d\d\b", text.partition('"""')[2].partition('"""')[0])
    }
    assert named - listed == set()


def test_no_tool_marks_an_argument_for_a_header() -> None:
    """T-15: no SQL and no secret is ever mirrored into a header; only the check knows the mark."""
    knowing = [
        path.name
        for path in (ROOT / "snowflake_mcp").rglob("*.py")
        if "x-mcp-header" in path.read_text()
    ]
    assert knowing == ["parameters.py"]


def test_error_codes_are_those_that_may_be_used() -> None:
    """T-19: JSON-RPC's own, and of the reserved range the three that the revision defines."""
    codes = {value for value in vars(errors).values() if isinstance(value, int) and value < 0}
    assert codes == {-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022}
    written = {
        int(code)
        for path in (ROOT / "snowflake_mcp" / "protocol").rglob("*.py")
        for code in re.findall(r"(?<![\w.])-32\d{3}\b", path.read_text())
    }
    assert written <= codes
