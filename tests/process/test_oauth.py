"""OAuth with the real programs: a client that knows nothing but the URL finds its way in."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl

from snowflake_mcp.ops.clocks import wall_clock
from tests.support.authorization_server import AuthorizationServer, authorization_server
from tests.support.bad_inputs import credentials_of, judged_http, request_bytes, rows
from tests.support.issuer import AUDIENCE
from tests.support.messages import INITIALIZE, JSON_HEADERS
from tests.support.server import Server, free_port, serving
from tests.support.wire import HttpAnswer, http_request, parse_answer

pytestmark = pytest.mark.process

CONFIG = """
[oauth]
issuer = "{issuer}"
resource = "http://127.0.0.1:{port}/mcp"
audiences = ["http://127.0.0.1:{port}/mcp", "{audience}"]
required_scopes = ["mcp"]

[principals.staff]
preset = "analyst"
subjects = ["*@example.com", "ana", "bo", "owner"]
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[AuthorizationServer]:
    """The authorization server."""
    with authorization_server() as started:
        yield started


@pytest.fixture(scope="module")
def server(
    provider: AuthorizationServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that trusts it."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    config = CONFIG.format(issuer=provider.issuer.url, port=port, audience=AUDIENCE)
    (folder / "config.toml").write_text(config)
    with serving(folder, "--demo", "--config", "config.toml", port=port) as started:
        yield started
    assert "Traceback" not in started.log_text


class Storage:
    """What the client keeps."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Browser:
    """Follows the way to the user's yes and back."""

    def __init__(self) -> None:
        self.back: dict[str, str] = {}

    async def open(self, url: str) -> None:
        async with httpx2.AsyncClient(timeout=60) as http:
            sent_to = (await http.get(url)).headers["location"]
        query = parse_qs(urlsplit(sent_to).query)
        self.back = {name: values[0] for name, values in query.items()}

    async def returned(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**self.back)


async def signed_in(server: Server, storage: Storage) -> tuple[list[str], Any]:
    """Tools and an answer, for a client that was given the URL alone."""
    browser = Browser()
    auth = OAuthClientProvider(
        server.url,
        OAuthClientMetadata(redirect_uris=[AnyUrl("http://127.0.0.1:1/back")], client_name="t"),
        storage,
        browser.open,
        browser.returned,
    )
    async with (
        httpx2.AsyncClient(auth=auth, timeout=60) as http,
        Client(streamable_http_client(server.url, http_client=http)) as client,
    ):
        tools = [tool.name for tool in (await client.list_tools()).tools]
        answer = await client.call_tool("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
        return tools, answer.structured_content


def test_a_client_finds_its_way_from_the_challenge(
    provider: AuthorizationServer, server: Server
) -> None:
    """401, metadata, authorization server, a token for this resource and scope, and in."""
    storage = Storage()
    tools, answer = asyncio.run(signed_in(server, storage))
    assert "execute_query" in tools
    assert answer["rows"] == [[42]]
    assert {"/register", "/authorize", "/token"} <= set(provider.asked)
    assert storage.tokens is not None
    assert " staff/ana@example.com tools/call execute_query ok" in server.log_text
    assert storage.tokens.access_token not in server.log_text
    status = server.request(
        "GET", "/status", headers={"Authorization": f"Bearer {storage.tokens.access_token}"}
    ).json()
    assert status["callers"]["provider"]["keys"] == 1


def exchanged(server: Server, data: bytes) -> HttpAnswer:
    """The answer to raw bytes on a connection of their own."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(data)
        received = b""
        while True:
            received += line.recv(1 << 16)
            if b"\r\n\r\n" in received:
                answer, _ = parse_answer(received, "POST")
                if answer.complete:
                    return answer


def test_every_row_about_credentials_against_the_process(
    provider: AuthorizationServer, server: Server
) -> None:
    """Status and code as the table says, row after row, on one server."""
    now = wall_clock()
    host = f"127.0.0.1:{server.port}"
    bearer = provider.issuer.sign(sub="owner", iat=int(now), exp=int(now) + 600)
    headers = {**JSON_HEADERS, "Authorization": f"Bearer {bearer}"}
    body = json.dumps(INITIALIZE).encode()
    begun = exchanged(server, http_request("POST", "/mcp", body, headers=headers, host=host))
    words = credentials_of(provider.issuer, now, str(begun.header("Mcp-Session-Id")))
    wrong = {}
    for row in rows("http", credentials=True):
        answer = exchanged(server, request_bytes(row, None, server.port, words))
        if (came := judged_http(row, answer)) is not None:
            wrong[row["id"]] = came
    assert wrong == {}
    assert server.answers()


def test_a_server_whose_provider_is_away_serves_all_the_same(tmp_path: Path) -> None:
    """Tokens cannot be checked, which is no fault of theirs: 503, and a clear line in the log."""
    config = CONFIG.format(issuer=f"http://127.0.0.1:{free_port()}", port=1, audience=AUDIENCE)
    (tmp_path / "config.toml").write_text(config)
    with authorization_server() as other:
        now = int(wall_clock())
        bearer = other.issuer.sign(iat=now, exp=now + 60)
    with serving(tmp_path, "--demo", "--config", "config.toml") as server:
        reply = server.request("GET", "/mcp/tools", headers={"Authorization": f"Bearer {bearer}"})
        assert (reply.status, reply.json()["error"]["code"]) == (503, "keys_unavailable")
        assert int(reply.headers["retry-after"]) > 0
        assert server.request("GET", "/mcp/tools").status == 401
        assert "ConnectionRefusedError" in server.log_text
        assert "Traceback" not in server.log_text
