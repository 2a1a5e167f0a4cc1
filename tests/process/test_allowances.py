"""What callers have used of their allowances outlives the process, however it ends."""

import json
import signal
from pathlib import Path

import pytest

from tests.support.processes import until
from tests.support.server import Server, kill_session, serving, start

pytestmark = [pytest.mark.process, pytest.mark.statements]

QUERY = {"query": "SELECT 1"}


def used(server: Server) -> int:
    """Statements of today, of all principals."""
    return int(server.request("GET", "/status").json()["used_today"]["statements"])


def ask(server: Server) -> int:
    """The status of a query; a gate that is not warm yet is asked again."""
    status = 403

    def judged() -> bool:
        nonlocal status
        status = server.call("execute_query", QUERY).status
        return status != 403

    until(judged, 20, "the gate judges")
    return status


@pytest.mark.timeout(120)
def test_a_restart_gives_nothing_back(tmp_path: Path) -> None:
    """After a stop, and after a kill: what was used stays used; a broken file is told."""
    file = tmp_path / "usage.json"
    environ = {
        "SNOWFLAKE_MCP_RATES_STATE_FILE": str(file),
        "SNOWFLAKE_MCP_POLICY_DAILY_STATEMENTS": "3",
    }
    with serving(tmp_path, "--demo", environ=environ) as server:
        assert [ask(server), ask(server)] == [200, 200]
        assert used(server) == 2
    assert json.loads(file.read_bytes())["daily"]["pages"]["local"][0] == 2
    server = start(tmp_path, "--demo", environ=environ).wait_ready()
    try:
        assert used(server) == 2
        assert ask(server) == 200
        until(lambda: b"[3," in file.read_bytes(), 10, "it is written while it runs")
        server.signal(signal.SIGKILL)
        server.wait(10)
    finally:
        assert kill_session(server.process) == []
    with serving(tmp_path, "--demo", environ=environ) as server:
        refused = server.call("execute_query", QUERY)
        assert refused.status == 429
        error = refused.json()["error"]
        assert "Today's allowance is used up: 3 of 3 statements." in error["message"]
        assert refused.headers["retry-after"] == str(error["details"]["retry_after_s"])
        assert 0 < int(refused.headers["retry-after"]) <= 86_401
    file.write_bytes(b"{")
    with serving(tmp_path, "--demo", environ=environ) as server:
        assert ask(server) == 200
        assert "it is put aside as usage.json.bad" in server.log_text
