"""Secrets that are changed on disk while the real server runs."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.processes import until
from tests.support.server import Server, serving
from tests.support.simulator import Endpoint, simulating

pytestmark = pytest.mark.process

LOGINS = '[users.tester]\naccess_tokens = ["first-secret", "second-secret"]\n'


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An account that takes two tokens and no other."""
    folder = tmp_path_factory.mktemp("account")
    (folder / "logins.toml").write_text(LOGINS)
    with simulating(folder, "--logins", str(folder / "logins.toml")) as endpoint:
        yield endpoint


def reload(server: Server, times: int) -> None:
    """Send SIGHUP, and wait until it has been worked through."""
    server.signal(signal.SIGHUP)
    line = "the next login reads its secrets again"
    until(lambda: server.log_text.count(line) == times, 5, "the reload is reported")


def query(server: Server, sql: str = "SELECT 1") -> str:
    """The answer of a query, as text."""
    return server.call("execute_query", {"query": sql}).body.decode()


def test_a_secret_is_changed_under_a_running_server(account: Endpoint, tmp_path: Path) -> None:
    """New logins use the new one, a running query ends well, nothing shows a secret."""
    token = tmp_path / "token"
    token.write_text("first-secret\n")
    environ = {
        **{k: v for k, v in account.environ.items() if k != "SNOWFLAKE_PASSWORD"},
        "SNOWFLAKE_AUTHENTICATOR": "programmatic_access_token",
        "SNOWFLAKE_TOKEN_FILE_PATH": str(token),
        "SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait",
    }
    with serving(tmp_path, "--no-demo", environ=environ) as server, ThreadPoolExecutor(1) as pool:
        assert '"isError":true' not in query(server)
        slow = pool.submit(query, server, "SELECT SYSTEM$WAIT(3)")
        until(lambda: '"leased": 1' in json.dumps(status(server)), 5, "it runs")

        token.write_text("revoked-secret\n")
        reload(server, 1)
        assert "waited 3 seconds" in slow.result(10)
        until(lambda: status(server)["warehouse"]["pool"]["idle"] == 0, 5, "no old session")
        assert "refused the login" in query(server)

        token.write_text("second-secret\n")
        reload(server, 2)
        assert '"isError":true' not in query(server)
        shown = json.dumps(status(server)) + server.log_text
        command = Path(f"/proc/{server.pid}/cmdline").read_bytes().decode()
    assert "Traceback" not in server.log_text
    assert not any(word in shown + command for word in ("first-s", "second-s", "revoked-s"))


def status(server: Server) -> dict[str, dict[str, dict[str, int]]]:
    """What GET /status says."""
    answer: dict[str, dict[str, dict[str, int]]] = server.request("GET", "/status").json()
    return answer
