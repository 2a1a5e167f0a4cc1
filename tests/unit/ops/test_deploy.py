"""What deploy/ says of the metrics is true of the program."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from snowflake_mcp.ops.metrics import FAMILIES, PREFIX

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "snowflake-mcp.json"
ENDS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
NAMES = {
    PREFIX + family.name + end: family for family in FAMILIES.values() for end in ENDS[family.kind]
}
PROMTOOL = shutil.which("promtool")
NAME = re.compile(rf"\b({PREFIX}\w+)(?:\{{([^}}]*)\}})?")


def expressions() -> list[str]:
    """Every query that stands in the folder."""
    dashboard = json.loads(DASHBOARD.read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = re.findall(r"^ +expr: (.+)$", RULES.read_text(), re.MULTILINE)
    assert len(shown) > 15
    assert len(rules) == RULES.read_text().count("- alert:")
    return [*shown, *rules]


@pytest.mark.parametrize("expression", expressions())
def test_every_query_names_what_exists(expression: str) -> None:
    """A metric by its full name, and no label that it does not have."""
    found = NAME.findall(expression)
    assert found or "up{" in expression or "process_" in expression
    for name, selector in found:
        family = NAMES[name]
        labels = set(re.findall(r"(\w+)\s*=", selector))
        assert labels <= {*family.labels, "instance", "job"}, name
        split = re.findall(r"by \(([^)]*)\)", expression)
        named = {label.strip() for each in split for label in each.split(",")}
        assert named <= {*family.labels, "instance", "le"}, expression


if PROMTOOL is not None:
    # Only where Prometheus is installed; .ci/run installs it.
    @pytest.mark.parametrize("words", [("check", RULES), ("test", RULES.with_stem("alerts_test"))])
    def test_prometheus_takes_the_rules(words: tuple[str, Path]) -> None:
        """And they fire when they should, in Prometheus' own test runner."""
        ended = subprocess.run(
            [str(PROMTOOL), words[0], "rules", str(words[1])],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
