"""The reference page of the gate is complete."""

import re
from pathlib import Path
from typing import Final

from snowflake_mcp.policy.rules import CAPABILITIES, Rule
from tests.unit.policy.support import judge

_PAGE: Final = (Path(__file__).resolve().parents[3] / "docs" / "security-gate.md").read_text(
    "utf-8"
)


def _table(title: str) -> list[str]:
    """The first cells of the table below a heading."""
    section = _PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_rules_stand_in_their_order() -> None:
    """Every rule has its line, most important first."""
    assert _table("Rules") == [rule.value for rule in Rule]


def test_capabilities_are_all_told() -> None:
    """Every capability has its line."""
    assert _table("Capabilities") == list(CAPABILITIES)


def test_the_examples_are_true() -> None:
    """What the page says about statements is so."""
    assert judge("SELECT comment, copy FROM use").allowed
    assert not judge("SELECT my_function(1)").allowed
    assert judge('SELECT t."update" FROM t').allowed
