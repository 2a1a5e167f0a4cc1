"""The public MCP conformance suite passes, with its fixtures entirely, and as shipped."""

from pathlib import Path

import pytest

from tests.conformance.verdict import FOLDER, Verdict, judged
from tests.support.server import Server

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]

NOTHING_MAY_FAIL = ["--expected-failures", str(FOLDER / "baseline-none.yml")]
"""An empty baseline is stricter than none: with it, warnings count as failures."""

REVISIONS = {"2025-03-26": 3, "2025-06-18": 56, "2025-11-25": 83, "2026-07-28": 152}
"""Checks that each revision has for a server whose quiet answers are JSON."""
STREAMED = {"2025-11-25": 84, "2026-07-28": 153}
"""And where they are event streams, which are then checked, too."""
REQUIRED = {"2025-11-25": 83, "2026-07-28": 196}
"""The frozen sets; the later one comes with the scenarios of the tasks extension."""
SHIPPED = {"2025-11-25": 43, "2026-07-28": 95}
"""What passes without any fixture."""


def _all_pass(verdict: Verdict, checks: int) -> None:
    """Nothing failed, and at least so many checks were made."""
    assert verdict.status == 0, str(verdict)
    assert verdict.failed == (), str(verdict)
    assert len(verdict.passed) >= checks, str(verdict)


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_check_of_a_revision_passes(
    fitted: Server, node: str, tmp_path: Path, revision: str
) -> None:
    """With the fixtures nothing fails and nothing is warned of."""
    options = ["--suite", "all", "--spec-version", revision, *NOTHING_MAY_FAIL]
    _all_pass(judged(node, fitted.url, tmp_path, options), REVISIONS[revision])


@pytest.mark.parametrize("revision", STREAMED)
def test_every_check_of_a_revision_passes_over_streams(
    streaming: Server, node: str, tmp_path: Path, revision: str
) -> None:
    """The same where every answer is an event stream."""
    options = ["--suite", "all", "--spec-version", revision, *NOTHING_MAY_FAIL]
    _all_pass(judged(node, streaming.url, tmp_path, options), STREAMED[revision])


@pytest.mark.parametrize("revision", REQUIRED)
def test_every_requirement_of_a_revision_is_met(
    fitted: Server, node: str, tmp_path: Path, revision: str
) -> None:
    """The set that was frozen at a revision's release, and the extensions run with it."""
    options = ["--requirements", revision, *NOTHING_MAY_FAIL]
    _all_pass(judged(node, fitted.url, tmp_path, options), REQUIRED[revision])


def test_every_requirement_is_met_over_streams(
    streaming: Server, node: str, tmp_path: Path
) -> None:
    """The tasks extension, too, where every answer is an event stream."""
    options = ["--requirements", "2026-07-28", *NOTHING_MAY_FAIL]
    _all_pass(judged(node, streaming.url, tmp_path, options), REQUIRED["2026-07-28"] + 1)


@pytest.mark.parametrize("revision", SHIPPED)
def test_the_server_as_shipped_lacks_only_fixtures(
    shipped: Server, node: str, tmp_path: Path, revision: str
) -> None:
    """The baseline names what needs a fixture; it fails when an entry passes, or another does."""
    baseline = FOLDER / f"baseline-{revision}.yml"
    options = ["--suite", "all", "--spec-version", revision, "--expected-failures", str(baseline)]
    verdict = judged(node, shipped.url, tmp_path, options)
    assert verdict.status == 0, str(verdict)
    assert len(verdict.passed) >= SHIPPED[revision], str(verdict)


def test_a_failing_check_is_seen(shipped: Server, node: str, tmp_path: Path) -> None:
    """The other tests could fail: without the fixtures the strict baseline does not hold."""
    options = ["--scenario", "tools-call-image", "--spec-version", "2026-07-28", *NOTHING_MAY_FAIL]
    verdict = judged(node, shipped.url, tmp_path, options)
    assert verdict.status == 1, str(verdict)
    assert verdict.failed[0].startswith("tools-call-image:tools-call-image FAILURE"), str(verdict)
