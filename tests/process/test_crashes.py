"""kill -9 of either process: the other one notices, and what can recover does."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.processes import alive, until
from tests.support.server import serving

pytestmark = [pytest.mark.process, pytest.mark.statements]

QUERY = {"query": "SELECT COUNT(*) AS N FROM DEMO.INFORMATION_SCHEMA.TABLES"}


def test_a_killed_demo_warehouse_comes_back(tmp_path: Path) -> None:
    """Queries work again within seconds, with the same data; meanwhile each gets an answer."""
    with serving(tmp_path, "--demo") as server:
        before = server.call("execute_query", QUERY)
        assert before.status == 200, before.body
        (killed,) = server.demo_pids()

        os.kill(killed, signal.SIGKILL)

        seen: list[int] = []

        def recovered() -> bool:
            seen.append(server.call("execute_query", QUERY, within_s=15).status)
            return seen[-1] == 200

        until(recovered, 15, "queries are answered again")
        assert set(seen[:-1]) <= {503}, seen
        (child,) = server.demo_pids()
        assert child != killed
        after = server.call("execute_query", QUERY)
        assert after.json()["result"]["rows"] == before.json()["result"]["rows"]
        assert server.request("GET", "/health").status == 200
    assert "Traceback" not in server.log_text


@pytest.mark.fault("F-20", "kill -9 of a server with a demo warehouse")
def test_a_killed_server_leaves_no_child(tmp_path: Path) -> None:
    """The demo warehouse ends by itself when the server is gone."""
    with serving(tmp_path, "--demo") as server:
        server.call("list_databases")
        (child,) = server.demo_pids()
        server.signal(signal.SIGKILL)
        assert server.wait(5) == -signal.SIGKILL
        until(lambda: not alive(child), 3, "the demo warehouse has ended")


@pytest.mark.fault("F-20", "kill -9 and a start on the same port")
def test_a_killed_server_starts_again_on_its_port(tmp_path: Path) -> None:
    """Nothing of the old process stands in the way of the next."""
    from tests.support.server import start

    with serving(tmp_path, "--demo") as server:
        server.signal(signal.SIGKILL)
        server.wait(5)
        again = start(tmp_path, "--demo", port=server.port)
        try:
            again.wait_ready()
        finally:
            again.stop()
