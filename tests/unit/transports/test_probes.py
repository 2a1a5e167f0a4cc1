"""Health, readiness and status."""

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent

from snowflake_mcp.transports.probes import Check
from tests.unit.transports.stand import Stand


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/status"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_probes_answer_get_and_head(stand: Stand, path: str, method: str) -> None:
    """Every probe is there, never cached, and takes HEAD."""
    answer = stand.connect().request(method, path)
    assert answer.status == 200
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Content-Type") == "application/json"


def test_health_is_what_the_source_says(stand: Stand) -> None:
    """Status, time, version, uptime, backend."""
    assert stand.connect().request("GET", "/health").json() == stand.status.health()


def test_not_ready_is_503_and_names_the_check(stand: Stand) -> None:
    """A load balancer reads the status, a person the checks."""
    stand.status.is_ready = False
    answer = stand.connect().request("GET", "/health/ready")
    assert answer.status == 503
    assert answer.json() == {
        "status": "not ready",
        "checks": [
            {"name": "warehouse", "ok": False, "detail": "it is so", "age_s": 0.0, "vital": True}
        ],
    }


def test_degraded_is_200_and_says_so(stand: Stand) -> None:
    """Load balancers go on sending; a person reads what is not as it should be."""
    stand.status.checks = [Check("lane", True), Check("disk", False, "little", 3.0, vital=False)]
    answer = stand.connect().request("GET", "/health/ready")
    assert (answer.status, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"][1] == {
        "name": "disk",
        "ok": False,
        "detail": "little",
        "age_s": 3.0,
        "vital": False,
    }


def test_checks_that_break_are_not_ready(stand: Stand, events: list[LogEvent]) -> None:
    """The reason goes to the log."""
    stand.status.fault = RuntimeError("a secret")
    answer = stand.connect().request("GET", "/health/ready")
    assert answer.status == 503
    assert b"secret" not in answer.body
    assert [event for event in events if "log_failure" in event]


def test_readiness_may_wait_and_its_client_may_leave(stand: Stand, events: list[LogEvent]) -> None:
    """A check that takes time blocks nobody else, and is dropped with its client."""
    stand.status.waiting = Deferred()
    patient, hasty, other = stand.connect(), stand.connect(), stand.connect()
    for wire in (patient, hasty):
        wire.send(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert other.request("GET", "/health/live").status == 200
    hasty.close()
    assert not [event for event in events if "log_failure" in event]


def test_liveness_asks_nobody(stand: Stand) -> None:
    """Whatever is broken behind it, the process that answers is alive."""
    stand.status.fault = RuntimeError("a secret")
    assert stand.connect().request("GET", "/health/live").status == 200


def test_status_is_a_snapshot(stand: Stand) -> None:
    """As the source gives it."""
    assert stand.connect().request("GET", "/status").json() == {"requests": {"running": 0}}
