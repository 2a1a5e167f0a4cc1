"""Many clients at once, all with the same ids: each gets its own answers."""

import asyncio
from pathlib import Path

import pytest

from bench.isolation import PARALLEL, swarm
from tests.support.fault_record import Measured
from tests.support.server import serving

pytestmark = [pytest.mark.process, pytest.mark.statements]


@pytest.mark.fault("F-35", "40 clients that count from 1")
def test_no_client_sees_what_another_asked(tmp_path: Path, measured: Measured) -> None:
    """20 WebSocket and 20 HTTP clients in three rounds: no wrong, missing or failed answer."""
    with serving(tmp_path, "--demo") as server:
        outcome = asyncio.run(swarm(server.port, websockets=20, https=20, rounds=3))
    assert outcome.faults == []
    assert outcome.calls == 3 * (20 * PARALLEL + 20)
    measured("calls", outcome.calls, "")
