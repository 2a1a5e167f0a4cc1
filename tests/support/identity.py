"""An identity provider on loopback, with a Snowflake in front of which it stands.

It answers what an OAuth provider and the login page of an account answer; every other request
goes on to the endpoint behind it.
"""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

__all__ = ["Identity", "browsing", "identity"]

_BROWSER = """#!{python}
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
opener.open(sys.argv[1].replace("https://127", "http://127"), timeout=10).read()
"""


class Identity:
    """What the provider was asked, and where it is."""

    def __init__(self, snowflake_port: int) -> None:
        self.snowflake_port = snowflake_port
        self.port = 0
        self.seen: list[str] = []
        self.forms: list[dict[str, list[str]]] = []

    @property
    def address(self) -> str:
        """Where drivers find it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def page(self) -> str:
        """Where browsers find it: drivers open no page without TLS. The test's needs none."""
        return f"https://127.0.0.1:{self.port}"


class _Requests(BaseHTTPRequestHandler):
    identity: Identity

    def do_GET(self) -> None:
        """Pages that a browser is sent to."""
        self._answer(b"")

    def do_POST(self) -> None:
        """What a driver asks."""
        self._answer(self.rfile.read(int(self.headers.get("content-length") or 0)))

    do_DELETE = do_POST

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Nothing."""

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        known = {
            "/oauth/token": self._token,
            "/oauth/authorize": self._authorize,
            "/session/authenticator-request": self._authenticator,
            "/sso": self._single_sign_on,
        }
        if parts.path in known:
            self.identity.seen.append(parts.path)
            known[parts.path](query, body)
        else:
            self._forward(body)

    def _token(self, query: dict[str, str], body: bytes) -> None:
        self.identity.forms.append(parse_qs(body.decode()))
        self._json({"access_token": "oauth-1", "token_type": "Bearer", "expires_in": 600})

    def _authorize(self, query: dict[str, str], body: bytes) -> None:
        back = {"code": "c-1", "state": query.get("state", "")}
        self._redirect(f"{query['redirect_uri']}?{urlencode(back)}")

    def _authenticator(self, query: dict[str, str], body: bytes) -> None:
        data = json.loads(self._plain(body))["data"]
        port = data.get("BROWSER_MODE_REDIRECT_PORT")
        self._json(
            {
                "success": True,
                "code": None,
                "message": None,
                "data": {
                    "tokenUrl": f"{self.identity.page}/token",
                    "ssoUrl": f"{self.identity.page}/sso?port={port}",
                    "proofKey": "proof",
                },
            }
        )

    def _single_sign_on(self, query: dict[str, str], body: bytes) -> None:
        self._redirect(f"http://localhost:{query['port']}/?token=assertion-1")

    def _forward(self, body: bytes) -> None:
        behind = http.client.HTTPConnection("127.0.0.1", self.identity.snowflake_port, timeout=10)
        try:
            headers = {name: value for name, value in self.headers.items() if name != "Host"}
            behind.request(self.command, self.path, body, headers)
            answer = behind.getresponse()
            self._send(answer.status, answer.read(), {"content-type": "application/json"})
        finally:
            behind.close()

    def _plain(self, body: bytes) -> bytes:
        import gzip

        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    def _redirect(self, where: str) -> None:
        self._send(302, b"", {"location": where})

    def _json(self, answer: object) -> None:
        self._send(200, json.dumps(answer).encode(), {"content-type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def identity(snowflake_port: int) -> Iterator[Identity]:
    """A provider in front of the Snowflake at that port of loopback."""
    one = Identity(snowflake_port)
    requests = type("Requests", (_Requests,), {"identity": one})
    server = ThreadingHTTPServer(("127.0.0.1", 0), requests)
    server.daemon_threads = True
    one.port = int(server.server_address[1])
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def browsing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """From now on a "browser" that drivers open follows redirects and shows nothing."""
    script = folder / "browser"
    script.write_text(_BROWSER.format(python=sys.executable))
    script.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(script))

    def open_new(url: str) -> bool:
        # The driver listens already, and asks for nothing before the browser came back to it.
        Thread(target=subprocess.run, args=([str(script), url],), daemon=True).start()
        return True

    for name in ("open", "open_new"):
        monkeypatch.setattr(f"webbrowser.{name}", open_new)
