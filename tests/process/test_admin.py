"""The admin surface of a real server, from the command that operators type."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import until
from tests.support.server import Server, run_command, serving

pytestmark = pytest.mark.process

CONFIG = """
[principals.local]
admin = true
"""


def ordered(server: Server, folder: Path, *words: str) -> Any:
    done = run_command(
        folder, "admin", *words, "--json", "--url", f"http://127.0.0.1:{server.port}"
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_operator_drains_a_server(tmp_path: Path) -> None:
    """Not ready and no new calls, until it is taken back; who did it is in the log."""
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    with serving(tmp_path, "--demo", "--config", str(file)) as server:
        until(lambda: server.request("GET", "/health/ready").status == 200, 20, "ready")
        assert ordered(server, tmp_path, "drain", "on")["draining"] is True
        assert server.request("GET", "/health/ready").status == 503
        refused = server.call("list_databases")
        assert refused.status == 503
        assert "being drained" in refused.json()["error"]["message"]
        ordered(server, tmp_path, "drain", "off")
        assert server.request("GET", "/health/ready").status == 200
        assert server.call("list_databases").status == 200
        assert ordered(server, tmp_path, "overview")["ready"] is True
        file.write_text(CONFIG + "[limits]\nmax_rows = 77\n[http]\nhost = '::1'\n")
        assert ordered(server, tmp_path, "reload") == {
            "applied": ["limits.max_rows", "principals.local"],
            "restart": ["http.host"],
        }
        # Whoever takes the right away loses it with the same call.
        file.write_text("[limits]\nmax_rows = 77\n")
        assert ordered(server, tmp_path, "reload")["applied"] == ["principals.local"]
        assert server.request("GET", "/admin/doors").status == 404
        assert "admin drain (True) by local from 127.0.0.1: ok" in server.log_text
        assert "may use the admin surface" in server.log_text


def test_without_the_right_there_is_nothing(tmp_path: Path) -> None:
    """The default: no surface, and a status that says so."""
    with serving(tmp_path, "--demo") as server:
        assert server.request("GET", "/admin/doors").status == 404
        done = run_command(tmp_path, "admin", "doors", "--url", f"http://127.0.0.1:{server.port}")
        assert done.returncode == 4
        assert "admin = true" in done.stderr
