"""The table itself: nothing is missing from it, and nothing in it is made up."""

import ast
from pathlib import Path

import pytest

from tests.behaviour.table import APPLIES, CELLS, REVISIONS, TABLE, WAYS

HERE = Path(__file__).parent


def _behaviours() -> set[str]:
    """Every test of this folder that is played on a scene."""
    return {
        node.name
        for path in HERE.glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and "scene" in [argument.arg for argument in node.args.args]
    }


def test_the_table_and_the_tests_are_the_same() -> None:
    """No behaviour without a row, no row without a behaviour."""
    assert set(TABLE) == _behaviours()


def test_the_cells_are_all_transports_in_both_eras() -> None:
    """T-26: five ways, two revisions."""
    assert (len(WAYS), len(REVISIONS), len(CELLS)) == (5, 2, 10)


@pytest.mark.parametrize("behaviour", sorted(TABLE))
def test_every_cell_has_a_verdict(behaviour: str) -> None:
    """It applies, or a sentence says why not; it applies somewhere."""
    row = TABLE[behaviour]
    assert set(row) == set(CELLS)
    verdicts = [row[cell] for cell in CELLS]
    assert APPLIES in verdicts
    assert [verdict for verdict in verdicts if verdict and len(verdict) < 20] == []
