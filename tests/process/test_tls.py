"""TLS of the real server: under its commands, at a reload, and before a scanner's eyes."""

import http.client
import signal
import socket
import ssl
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.certificates import Authority, Files
from tests.support.processes import until
from tests.support.server import clean_environ, free_port, kill_session, script, start
from tests.support.tools import installed

pytestmark = pytest.mark.process


def environ_of(files: Files, **more: object) -> dict[str, str]:
    settings = {"certificate_file": files.certificate, "key_file": files.key, **more}
    return {f"SNOWFLAKE_MCP_TLS_{name.upper()}": str(value) for name, value in settings.items()}


def context_of(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.certificate))


def ask(connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_a_certificate_is_renewed_while_clients_stay(tmp_path: Path) -> None:
    """SIGHUP: the open connection goes on, the next one sees the new certificate."""
    authority = Authority(tmp_path)
    files = authority.issue("server")
    server = start(tmp_path, "--demo", environ=environ_of(files))
    try:

        def connection() -> http.client.HTTPSConnection:
            return http.client.HTTPSConnection(
                "localhost", server.port, timeout=10, context=context_of(authority)
            )

        def serves() -> bool:
            with closing(connection()) as asking, suppress(OSError):
                return ask(asking, "/health/live") == 200
            return False

        until(serves, 30, "it serves through TLS")
        staying = connection()
        assert ask(staying, "/health/live") == 200
        before = ssl.get_server_certificate(("localhost", server.port))
        renewed = authority.issue("renewed")
        renewed.certificate.replace(files.certificate)
        renewed.key.replace(files.key)
        server.signal(signal.SIGHUP)
        until(
            lambda: ssl.get_server_certificate(("localhost", server.port)) != before,
            10,
            "the new certificate is shown",
        )
        assert ask(staying, "/health/live") == 200
        staying.close()
        assert "new connections are made with the certificate" in server.log_text
        server.stop()
        assert "Traceback" not in server.log_text
    finally:
        assert kill_session(server.process) == []


@pytest.mark.parametrize("asks", [False, True])
def test_the_commands_find_it(tmp_path: Path, asks: bool) -> None:
    """Start and status speak TLS, and tell where only clients with a certificate are heard."""
    authority = Authority(tmp_path)
    more = {"client_ca_file": authority.certificate} if asks else {}
    # A certificate that has ended must not look like a server that is down.
    environ = environ_of(authority.issue("server", days=-1.0), **more)
    port = free_port()

    def command(action: str) -> subprocess.CompletedProcess[str]:
        options = ["--state-dir", str(tmp_path / "state"), "--demo", "--port", str(port)]
        return subprocess.run(
            [script("snowflake-mcp"), "daemon", action, *options],
            cwd=tmp_path,
            env=clean_environ(tmp_path, environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    try:
        started = command("start")
        assert started.returncode == 0, started.stdout + started.stderr
        assert f"https://127.0.0.1:{port}/mcp" in started.stdout
        told = command("status")
        assert told.returncode == 0
        words = "answers only clients that show a certificate" if asks else "ok   gate"
        assert words in told.stdout
    finally:
        stopped = command("stop")
    assert stopped.returncode == 0, stopped.stdout
    log = (tmp_path / "state" / "snowflake-mcp.log").read_text()
    assert "the TLS certificate expired" in log
    assert "Traceback" not in log


def test_half_a_configuration_is_one_line(tmp_path: Path) -> None:
    """A certificate without its key: status 1, and what is missing."""
    files = Authority(tmp_path).issue("server")
    environ = {"SNOWFLAKE_MCP_TLS_CERTIFICATE_FILE": str(files.certificate)}
    server = start(tmp_path, "--demo", environ=environ)
    assert server.wait(30) == 1
    assert "tls.key_file: is needed as well" in server.log_text
    assert "Traceback" not in server.log_text


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_scanner_finds_nothing(tmp_path: Path) -> None:
    """sslyze, by Mozilla's intermediate profile."""
    sslyze = installed("sslyze")
    authority = Authority(tmp_path)
    server = start(tmp_path, "--demo", environ=environ_of(authority.issue("server")))
    try:

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", server.port)) == 0

        until(listens, 30, "it listens")
        options = ["--mozilla_config", "intermediate", "--certinfo_ca_file"]
        done = subprocess.run(
            [sslyze, f"127.0.0.1:{server.port}", *options, authority.certificate],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "OK - Compliant" in done.stdout
        server.stop()
        assert "Traceback" not in server.log_text
    finally:
        assert kill_session(server.process) == []
