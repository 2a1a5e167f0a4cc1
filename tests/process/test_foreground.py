"""twistd in the foreground: it starts, serves, and stops when it is told to."""

import signal
import socket
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from snowflake_mcp.ops.exposition import CONTENT_TYPE
from snowflake_mcp.ops.metrics import PREFIX
from tests.support.fault_record import Measured
from tests.support.processes import alive, until
from tests.support.server import Server, serving

pytestmark = pytest.mark.process

STOP_S = 5.0
"""Idle, with two processes to end; the promise is a second, the rest is for slow machines."""


@pytest.mark.fault("F-17", "SIGTERM, SIGINT")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal(
    tmp_path: Path, number: signal.Signals, measured: Measured
) -> None:
    """SIGTERM and SIGINT end an idle server at once, with its port, its child and its sockets."""
    with serving(tmp_path, "--demo") as server:
        answer = server.call("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
        assert answer.status == 200
        assert answer.json()["result"]["rows"] == [[42]]
        (child,) = server.demo_pids()

        began = time.monotonic()
        server.signal(number)

        assert server.wait(STOP_S) == -number
        measured("ended", time.monotonic() - began)
        assert not alive(child)
        assert _refused(server)
    assert "Traceback" not in server.log_text


def test_the_demo_announces_itself(tmp_path: Path) -> None:
    """With nothing configured the demo warehouse answers and says so in every place."""
    with serving(tmp_path) as server:
        assert server.request("GET", "/health").json()["backend"] == "demo"
        assert server.call("list_databases").json()["result"]["backend"] == "demo"
        assert "demo warehouse" in server.log_text


def test_it_becomes_ready(tmp_path: Path) -> None:
    """/health/ready answers 200 once the warehouse can be reached, and names its checks."""
    with serving(tmp_path, "--demo") as server:
        until(lambda: server.request("GET", "/health/ready").status == 200, 15, "it is ready")
        checks = server.request("GET", "/health/ready").json()["checks"]
        assert {check["name"] for check in checks} == {
            "snowflake",
            "gate",
            "breaker",
            "pool",
            "disk",
            "lane",
            "serving",
        }


def test_the_metrics_tell_what_happened(tmp_path: Path) -> None:
    """Calls, statements and refusals of a running server, as a scraper would read them."""
    with serving(tmp_path, "--demo") as server:
        server.call("execute_query", {"query": "SELECT 1 AS A UNION ALL SELECT 2"})
        server.call("execute_query", {"query": "DROP TABLE SECRETS"})
        answer = server.request("GET", "/metrics")
        assert answer.headers["content-type"] == CONTENT_TYPE
        text = answer.body.decode()
    assert "SECRETS" not in text
    shown = {
        (sample.name.removeprefix(PREFIX), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert shown["tool_calls_total", "execute_query", "ok"] == 1
    assert shown["tool_calls_total", "execute_query", "refused"] == 1
    assert shown["statements_total", "ok"] == 1
    assert shown["rows_read_total",] == 2
    assert shown["gate_verdicts_total", "allowed", "select"] == 1
    assert shown["gate_refusals_total", "not-a-read"] == 1
    assert shown["lane_running",] == 0
    assert shown["reactor_lag_seconds_count",] >= 1


def test_nothing_is_written_into_the_working_directory(tmp_path: Path) -> None:
    """With an empty --pidfile a foreground server leaves no file behind."""
    with serving(tmp_path, "--demo") as server:
        server.call("list_databases")
    assert [path.name for path in tmp_path.iterdir()] == [server.log.name]


def _refused(server: Server) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", server.port)) != 0
