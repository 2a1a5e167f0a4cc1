"""An account that lets the server in and then fails: refused at once, seen, tried, well again."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import until
from tests.support.server import Server, serving
from tests.support.simulator import simulating

pytestmark = [pytest.mark.process, pytest.mark.statements]

QUERY = {"query": "SELECT 1"}
RECOVERY_S = 5.0
SLACK = 3.0
"""Machines that run tests beside other work are slower than the promise."""


def checks(server: Server) -> tuple[str, dict[str, Any]]:
    """The word of the readiness, and its checks by name."""
    body = server.request("GET", "/health/ready").json()
    return body["status"], {check["name"]: check for check in body["checks"]}


def metric(server: Server, name: str) -> float:
    """One number without labels."""
    text = server.request("GET", "/metrics").body.decode()
    (line,) = [line for line in text.splitlines() if line.startswith(f"snowflake_mcp_{name} ")]
    return float(line.split()[1])


@pytest.mark.timeout(120)
def test_an_endpoint_that_fails_is_left_alone_and_tried(tmp_path: Path) -> None:
    """Five in a row open the breaker; it is told everywhere, and closes by itself in time."""
    with (
        simulating(tmp_path, "--faults") as account,
        serving(tmp_path, "--no-demo", environ=account.environ) as server,
    ):

        def ask() -> Any:
            return server.call("execute_query", QUERY).json().get("error")

        until(lambda: ask() is None, 20, "a query is answered")
        account.fault("query", {"http": 404})
        for _ in range(5):
            error = ask()
            assert (error["code"], "breaker" in error["details"]) == ("unavailable", False)
        sent = account.seen()["requests"]["query"]
        for _ in range(5):
            error = ask()
            assert error["details"]["breaker"] == "open"
            assert 0 < error["details"]["retry_after_s"] <= 4
        assert account.seen()["requests"]["query"] == sent
        word, found = checks(server)
        assert (word, found["breaker"]["ok"], found["breaker"]["vital"]) == (
            "not ready",
            False,
            True,
        )
        assert metric(server, "breaker_open") == 1
        until(lambda: checks(server)[1]["breaker"]["detail"] == "half open", 10, "the pause")
        assert checks(server)[0] == "degraded"
        # The one that tries fails, and all wait once more.
        assert "breaker" not in ask()["details"]
        assert ask()["details"]["breaker"] == "open"
        account.mend()
        mended = time.monotonic()
        until(lambda: ask() is None, RECOVERY_S * SLACK, "a query is answered again")
        assert time.monotonic() - mended < RECOVERY_S * SLACK
        assert checks(server)[0] == "ready"
        assert (metric(server, "breaker_open"), metric(server, "breaker_opened_total")) == (
            0,
            1,
        )
        assert "did not reach Snowflake: for now calls are refused" in server.log_text
        assert "is tried again by all" in server.log_text
