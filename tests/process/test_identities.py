"""Certificates and trusted proxies with the real program: names that others have checked."""

import http.client
import json
import ssl
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.certificates import Authority, Files
from tests.support.processes import until
from tests.support.server import kill_session, serving, start

pytestmark = pytest.mark.process

CALL = json.dumps({"name": "list_databases", "arguments": {}})


def asked(
    connection: http.client.HTTPConnection, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status of a tool call, and the code of its error."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    with closing(connection):
        connection.request("POST", "/mcp/tools/call", CALL, sent)
        answer = connection.getresponse()
        body = json.loads(answer.read())
    return answer.status, body.get("error", {}).get("code", "")


def test_a_client_certificate_names_its_caller(tmp_path: Path) -> None:
    """By the table that its name fits; without one a token, and nothing else, will do."""
    authority = Authority(tmp_path)
    served = authority.issue("server")
    (tmp_path / "config.toml").write_text(
        f"""
[tls]
certificate_file = "{served.certificate}"
key_file = "{served.key}"
client_ca_file = "{authority.certificate}"
client_certificate = "optional"

[auth]
token_file = "{tmp_path}/tokens.toml"

[principals.pods]
certificates = ["*.pods.example.com"]
"""
    )
    (tmp_path / "tokens.toml").touch(0o600)

    def connection(shown: Files | None = None) -> http.client.HTTPConnection:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        if shown is not None:
            context.load_cert_chain(shown.certificate, shown.key)
        return http.client.HTTPSConnection("localhost", server.port, timeout=20, context=context)

    def serves() -> bool:
        with closing(connection()) as asking, suppress(OSError):
            asking.request("GET", "/health/ready")
            return asking.getresponse().status == 200
        return False

    server = start(tmp_path, "--demo", "--host", "0.0.0.0", "--config", "config.toml")
    try:
        until(serves, 30, "it is ready")
        pod = authority.issue("pod", common_name="a.pods.example.com")
        stranger = authority.issue("stranger", common_name="b.example.com")
        assert asked(connection(pod)) == (200, "")
        assert asked(connection(stranger)) == (403, "no_profile")
        assert asked(connection()) == (401, "no_credential")
        assert asked(connection(pod), {"Authorization": "Bearer x"}) == (401, "invalid_token")
        assert " pods/cert:a.pods.example.com tools/call list_databases ok" in server.log_text
        assert "clear text" not in server.log_text
        server.stop()
        assert "Traceback" not in server.log_text
    finally:
        assert kill_session(server.process) == []


def test_a_trusted_proxy_names_its_user(tmp_path: Path) -> None:
    """From its address the header counts, from another it is as if it had not been sent."""
    config = tmp_path / "config.toml"
    for trusted, told in (("127.0.0.1", (200, "")), ("127.0.0.2", (403, "no_credential"))):
        config.write_text(
            f"""
[http]
trusted_proxies = ["{trusted}"]

[auth]
proxy_user_header = "X-Forwarded-User"
proxy_groups_header = "X-Forwarded-Groups"

[principals.analysts]
groups = ["data-*"]
"""
        )
        with serving(tmp_path, "--demo", "--config", "config.toml") as server:

            def connection(port: int = server.port) -> http.client.HTTPConnection:
                return http.client.HTTPConnection("127.0.0.1", port, timeout=20)

            user = {"X-Forwarded-User": "ana", "X-Forwarded-Groups": "staff, data-eu"}
            assert asked(connection(), user) == told
            if told[0] == 200:
                other = {**user, "X-Forwarded-Groups": "staff"}
                assert asked(connection(), other) == (403, "no_profile")
                assert " analysts/proxy:ana tools/call list_databases ok" in server.log_text
            assert asked(connection()) == (403, "no_credential")
