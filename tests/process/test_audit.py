"""The audit of the real process: crashes, a full disk, files that others move, two servers."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from snowflake_mcp.ops.chain import Sealer
from snowflake_mcp.ops.verification import Findings, records_of, verify
from tests.support.processes import until
from tests.support.server import Server, serving

pytestmark = pytest.mark.process

SELECT = {"query": "SELECT 1"}


@contextmanager
def audited(folder: Path, path: Path, **settings: object) -> Iterator[Server]:
    """A server whose audit is at ``path``; settings of the section ``[audit]``."""
    given = {"file": path, **settings}
    environ = {f"SNOWFLAKE_MCP_AUDIT_{key.upper()}": str(value) for key, value in given.items()}
    folder.mkdir(exist_ok=True)
    with serving(folder, "--demo", environ=environ) as server:
        yield server


def events(path: Path) -> list[dict[str, Any]]:
    return list(records_of([path]))


def checked(folder: Path) -> Findings:
    found = verify(list(folder.glob("audit.jsonl*")), Sealer())
    assert found.problem == ""
    return found


@pytest.mark.fault("F-20", "kill -9 with the audit on")
def test_a_crash_and_a_moved_file(tmp_path: Path) -> None:
    """One chain over two processes, a rotation by others, and a crash without a last word."""
    path = tmp_path / "audit.jsonl"
    with audited(tmp_path / "one", path) as server:
        assert server.call("execute_query", SELECT).status == 200
        path.rename(tmp_path / "audit.jsonl-1")
        server.signal(signal.SIGUSR1)
        until(path.exists, 5, "the audit is reopened")
        assert server.call("execute_query", SELECT).status == 200
        server.signal(signal.SIGKILL)
        server.wait(5)
    with audited(tmp_path / "two", path) as server:
        assert server.call("execute_query", {"query": "DROP TABLE t"}).status == 403
    found = checked(tmp_path)
    said = [(each["event"], each.get("outcome")) for each in events(path)]
    assert said == [
        ("tools/call", "ok"),
        ("server.start", None),
        ("tools/call", "refused"),
        ("server.stop", None),
    ]
    assert found.records == 6


@pytest.mark.fault("F-23", "RLIMIT_FSIZE under the audit")
@pytest.mark.parametrize("on_failure", ["warn", "refuse"])
def test_a_disk_that_is_full(tmp_path: Path, on_failure: str) -> None:
    """Calls go on or are refused, as is set; with room again the chain goes on and says so."""
    path = tmp_path / "audit.jsonl"
    status = 200 if on_failure == "warn" else 503
    with audited(tmp_path / "one", path, on_failure=on_failure) as server:
        assert server.call("execute_query", SELECT).status == 200
        unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        full = (path.stat().st_size + 10, unlimited[1])
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, full)
        answers = [server.call("execute_query", SELECT) for _ in range(5)]
        assert [answer.status for answer in answers] == [status] * 5
        numbers = server.request("GET", "/status").json()["totals"]
        assert numbers["audit_lost"] == (5 if on_failure == "warn" else 1)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
        assert server.call("execute_query", SELECT).status == 200
    found = checked(tmp_path)
    assert found.lost == (5 if on_failure == "warn" else 1)
    # Of those that were refused the first had been carried out; nothing was sent for the others.
    assert "Traceback" not in server.log_text


def test_two_servers_do_not_share_a_file(tmp_path: Path) -> None:
    """The second says so and, as is set here, answers nothing; the first is undisturbed."""
    path = tmp_path / "audit.jsonl"
    with audited(tmp_path / "one", path) as first:
        with audited(tmp_path / "two", path, on_failure="refuse") as second:
            assert second.call("execute_query", SELECT).status == 503
            assert "another process writes it" in second.log_text
        assert first.call("execute_query", SELECT).status == 200
    assert checked(tmp_path).lost == 0
