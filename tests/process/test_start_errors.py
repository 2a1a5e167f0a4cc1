"""A start that cannot work ends with status 1 and one message that says why."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.server import free_port, run_twistd

pytestmark = pytest.mark.process


def failed(folder: Path, *options: str, environ: Mapping[str, str] | None = None) -> str:
    """What twistd printed when it did not start, without its own option summary."""
    ended = run_twistd(folder, "-n", "--pidfile=", "snowflake-mcp", *options, environ=environ)
    text = ended.stdout + ended.stderr
    assert ended.returncode == 1, text
    assert "Traceback" not in text
    return text


@pytest.mark.fault("F-25", "a listener on the port, in the foreground")
def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """The message has the port and the reason."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = failed(tmp_path, "--demo", "--port", str(port))
    assert text.count(f"cannot listen on tcp:{port}") == 1, text
    assert "in use" in text.lower()


@pytest.mark.fault("F-25", "the same as a daemon")
def test_a_port_in_use_stops_a_daemon_too(tmp_path: Path) -> None:
    """The command that should have started the daemon tells the failure and its status."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options = ["--pidfile", "d.pid", "--logfile", "d.log", "snowflake-mcp", "--demo"]
        ended = run_twistd(tmp_path, *options, "--port", str(port))
    assert ended.returncode == 1
    assert str(port) in ended.stdout + ended.stderr
    assert not (tmp_path / "d.pid").exists()


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Wrong values, unknown settings and contradicting flags are all in one message."""
    environ = {
        "SNOWFLAKE_MCP_POOL_MAX_STATEMENTS": "0",
        "SNOWFLAKE_MCP_LIMITS_MAX_ROWS": "many",
        "SNOWFLAKE_MCP_LIMITS_NONSENSE": "1",
    }
    text = failed(tmp_path, "--demo", "--no-demo", environ=environ)
    assert "4 problems" in text
    for part in ("pool.max_statements", "1..256", "limits.max_rows", "NONSENSE", "--no-demo"):
        assert part in text


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--nonsense"], "nonsense"),
        (["--port", "99999"], "99999"),
        (["--port", "nonsense:1"], "nonsense"),
        (["--port", "tcp:http-but-not-a-number"], "http-but-not-a-number"),
        (["--config", "/does/not/exist.toml"], "/does/not/exist.toml"),
        (["--connection", "nowhere"], "nowhere"),
    ],
)
def test_a_bad_option_is_named(tmp_path: Path, options: list[str], part: str) -> None:
    """Unknown options, impossible ports, missing files and unknown connections."""
    demo = [] if "--connection" in options else ["--demo"]
    assert part in failed(tmp_path, *demo, *options)


def test_an_unknown_capability_is_named(tmp_path: Path) -> None:
    """A grant that does not exist is no silent nothing."""
    environ = {"SNOWFLAKE_MCP_POLICY_CAPABILITIES": "everything"}
    assert "everything" in failed(tmp_path, "--demo", environ=environ)


def test_without_a_connection_no_demo_refuses(tmp_path: Path) -> None:
    """--no-demo with nothing configured says what to set."""
    text = failed(tmp_path, "--no-demo", "--port", str(free_port()))
    assert "SNOWFLAKE_ACCOUNT" in text


@pytest.mark.parametrize("flags", [[], ["--no-demo"]])
def test_half_a_configuration_is_an_error(tmp_path: Path, flags: list[str]) -> None:
    """An account without a user and a credential names both, and no demo takes its place."""
    environ = {"SNOWFLAKE_ACCOUNT": "acme-prod"}
    text = failed(tmp_path, *flags, "--port", str(free_port()), environ=environ)
    assert "SNOWFLAKE_USER" in text
    assert "SNOWFLAKE_PASSWORD" in text
    assert "2 problems" in text


def test_a_message_shows_no_secret(tmp_path: Path) -> None:
    """A password that was given stays out of what is printed."""
    environ = {"SNOWFLAKE_PASSWORD": "hunter2-hunter2", "SNOWFLAKE_PORT": "no number"}
    assert "hunter2" not in failed(tmp_path, environ=environ)
