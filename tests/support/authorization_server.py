"""A small OAuth authorization server on loopback: it registers every client and asks nobody."""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from snowflake_mcp.ops.clocks import wall_clock
from tests.support.issuer import Issuer

__all__ = ["AuthorizationServer", "authorization_server"]


class AuthorizationServer:
    """Its keys, what it was asked for, and what is in flight between its endpoints."""

    def __init__(self, url: str) -> None:
        self.issuer = Issuer(url, k1="EC")
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.life_s = 300

    def document(self, path: str) -> bytes | None:
        """What is to be had without being anybody."""
        url = self.issuer.url
        if path == "/keys":
            return self.issuer.jwks()
        if path != "/.well-known/oauth-authorization-server":
            return None
        return self.issuer.metadata(
            authorization_endpoint=f"{url}/authorize",
            token_endpoint=f"{url}/token",
            registration_endpoint=f"{url}/register",
            response_types_supported=["code"],
            code_challenge_methods_supported=["S256"],
            token_endpoint_auth_methods_supported=["none"],
        )

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent: the user has said yes already."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer.url}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def token(self, asked: dict[str, str]) -> dict[str, Any]:
        """An access token for the code, for the resource and the scope that were asked for."""
        began = self.codes.pop(asked["code"])
        digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        assert challenge == began["code_challenge"]
        assert asked["resource"] == began["resource"]
        now = int(wall_clock())
        token = self.issuer.sign(
            aud=asked["resource"],
            scope=began.get("scope", ""),
            sub="ana@example.com",
            iat=now,
            exp=now + self.life_s,
        )
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.life_s}


class _Endpoint(BaseHTTPRequestHandler):
    server: "_Listening"

    def do_GET(self) -> None:
        state, parts = self.server.state, urlsplit(self.path)
        state.asked.append(parts.path)
        if parts.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._answer(302, b"", location=state.authorize(asked))
            return
        document = state.document(parts.path)
        self._answer(200 if document is not None else 404, document or b"{}")

    def do_POST(self) -> None:
        state = self.server.state
        state.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/register":
            self._answer(201, json.dumps({**json.loads(body), "client_id": "c1"}).encode())
        else:
            asked = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(200, json.dumps(state.token(asked)).encode())

    def _answer(self, status: int, body: bytes, location: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if location is not None:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


class _Listening(ThreadingHTTPServer):
    state: AuthorizationServer
    daemon_threads = True


@contextmanager
def authorization_server() -> Iterator[AuthorizationServer]:
    """One that listens on loopback while the test runs."""
    listening = _Listening(("127.0.0.1", 0), _Endpoint)
    listening.state = AuthorizationServer(f"http://127.0.0.1:{listening.server_port}")
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield listening.state
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
