"""twistd in the foreground: it starts, serves, and stops when it is told to."""

import signal
import socket
from pathlib import Path

import pytest

from tests.support.processes import alive, until
from tests.support.server import Server, serving

pytestmark = pytest.mark.process

STOP_S = 5.0
"""Idle, with two processes to end; the promise is a second, the rest is for slow machines."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and SIGINT end an idle server at once, with its port, its child and its sockets."""
    with serving(tmp_path, "--demo") as server:
        answer = server.call("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
        assert answer.status == 200
        assert answer.json()["result"]["rows"] == [[42]]
        (child,) = server.demo_pids()

        server.signal(number)

        assert server.wait(STOP_S) == -number
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
            "lane",
            "serving",
        }


def test_nothing_is_written_into_the_working_directory(tmp_path: Path) -> None:
    """With an empty --pidfile a foreground server leaves no file behind."""
    with serving(tmp_path, "--demo") as server:
        server.call("list_databases")
    assert [path.name for path in tmp_path.iterdir()] == [server.log.name]


def _refused(server: Server) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", server.port)) != 0
