"""A minute of mixed statements, cancels, disconnects and faults; bench/soak runs it longer."""

import pytest

from bench.soak.run import soak

pytestmark = [pytest.mark.process, pytest.mark.full]


@pytest.mark.timeout(420)
def test_nothing_is_lost_doubled_or_left_over() -> None:
    """Every request has its one answer, and at rest the server holds what it held before."""
    outcome = soak(minutes=1, clients=60, seed=1, pause_s=1)
    assert outcome.faults == []
    assert outcome.ledger.requests > 500
    assert outcome.trouble.fired.total() > 10
