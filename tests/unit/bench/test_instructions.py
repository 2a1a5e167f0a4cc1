"""The hot path costs what it did: counted in instructions and calls, never timed."""

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from bench.instructions import BOUNDS, Cost, bound


@pytest.fixture(scope="module")
def counted() -> Mapping[str, Cost]:
    """What each kind of request costs in a process of its own, where nobody else traces."""
    ended = subprocess.run(
        [sys.executable, "-m", "bench.instructions"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return {label: Cost(**cost) for label, cost in json.loads(ended.stdout).items()}


@pytest.mark.parametrize("label", BOUNDS)
def test_a_request_costs_no_more_than_it_did(counted: Mapping[str, Cost], label: str) -> None:
    """A tenth more fails: find what was added, or say in bench/instructions.py why it is worth it.

    Half of it fails, too: then the bound there no longer holds anything, and is to be lowered.
    """
    cost, most = counted[label], bound(label)
    assert cost.instructions <= most.instructions
    assert cost.calls <= most.calls
    assert cost.instructions >= most.instructions / 2
    assert cost.calls >= most.calls / 2


def test_every_kind_is_bounded(counted: Mapping[str, Cost]) -> None:
    """What is counted is held, and nothing else is."""
    assert counted.keys() == BOUNDS.keys()
