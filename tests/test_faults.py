"""docs/faults.md is whole and true to the code; what it says was measured by a run of the tests."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.fault_record import Showing, page
from tests.support.faults import FAULTS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "faults.md"
IDS = [f"F-{number:02}" for number in range(1, 41)]
FACTS = dict.fromkeys(("when", "product", "python", "connector", "twisted", "cores"), "x")

_TEST = re.compile(r"`([\w.]+)::(\w+)`")


@cache
def rows() -> dict[str, list[str]]:
    """The cells of the published table by id."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| F-")]
    table = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert len({cells[0] for cells in table}) == len(table)
    return {cells[0]: cells for cells in table}


@cache
def marked() -> dict[str, set[tuple[str, str]]]:
    """The tests that show a row, as the source says."""
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in IDS}
    for path in sorted((ROOT / "tests" / "process").glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for decorator in node.decorator_list:
                    if isinstance(decorator, ast.Call) and "mark.fault" in ast.unparse(decorator):
                        shown = ast.literal_eval(decorator.args[0])
                        found[shown].add((path.name, node.name))
    return found


def test_every_fault_has_a_row() -> None:
    """None is missing, none is made up, in the code and on the page."""
    assert list(FAULTS) == IDS
    assert list(rows()) == IDS


@pytest.mark.parametrize("name", IDS)
def test_a_row_is_shown_or_argued(name: str) -> None:
    """Passed by exactly the tests that say so, or it says why nothing shows it."""
    _, what, made, promise, _, shown, result = rows()[name]
    fault = FAULTS[name]
    assert (what, promise) == (fault.what, fault.promise), "make faults"
    assert set(_TEST.findall(shown)) == marked()[name], "make faults"
    verdict, _, reason = result.partition(". ")
    assert reason == fault.not_shown
    if marked()[name]:
        assert verdict == "pass"
        assert made != "-"
    else:
        assert verdict == "not shown"
        assert len(reason) > 10


def test_a_failure_is_published_as_one() -> None:
    """A row with one test that failed is no pass, and one that did not run is neither."""
    showings = [Showing("a.py::a", "x", "pass", [("t", 1.0, "s")]), Showing("a.py::b", "y", "FAIL")]
    text = page({"F-06": showings, "F-07": [Showing("a.py::c", "z")]}, FACTS)
    one, two = (line for line in text.splitlines() if line.startswith(("| F-06", "| F-07")))
    assert one.endswith("| t 1 s | `a.py::a`<br>`a.py::b` | FAIL |")
    assert "| x; y |" in one
    assert two.endswith("| not run |")


def test_figures_are_told_in_short() -> None:
    """One sample as it is, many by their middle and their worst."""
    figures = [("t", value, "ms") for value in (0.01234, 5.0, 12_345.6)]
    text = page({"F-01": [Showing("a.py::a", "x", "pass", [*figures, ("n", 3, "")])]}, FACTS)
    assert "| t p50 5, max 12,346 ms (n=3); n 3 |" in text
