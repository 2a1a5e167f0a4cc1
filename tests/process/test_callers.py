"""Who may call, with the real programs: tokens from making to end, and which ports may open."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from snowflake_mcp.auth.token_file import write_tokens
from snowflake_mcp.auth.tokens import Token, bearer_of, digest_of, new_secret
from snowflake_mcp.ops.clocks import wall_clock
from tests.support.agents import Closed, WebSocketAgent
from tests.support.fault_record import Measured
from tests.support.processes import until
from tests.support.server import Server, run_command, run_twistd, serving

pytestmark = pytest.mark.process

CONFIG = """
[auth]
token_file = "{folder}/tokens.toml"

[principals.analysts]
preset = "analyst"

[principals.readers]
preset = "reader"
"""


def new_token(folder: Path, principal: str, *more: str) -> str:
    """A token as an operator makes one."""
    done = run_command(
        folder, "token", "new", "--config", "config.toml", "--principal", principal, *more
    )
    assert done.returncode == 0, done.stderr
    (token,) = done.stdout.split()
    return token


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a configuration that asks who calls."""
    (tmp_path / "config.toml").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "tokens.toml").touch(0o600)
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """Started with one token, which is in the file ``first``."""
    (folder / "first").write_text(new_token(folder, "analysts", "--expires", "90d"))
    with serving(folder, "--demo", "--config", "config.toml") as started:
        yield started


async def tools_of(server: Server, token: str) -> list[str]:
    """What the SDK's client finds with a token."""
    async with (
        httpx2.AsyncClient(headers=bearer(token), timeout=60) as http,
        Client(streamable_http_client(server.url, http_client=http)) as client,
    ):
        return [tool.name for tool in (await client.list_tools()).tools]


def test_a_token_lets_its_client_in(server: Server, folder: Path) -> None:
    """With the SDK's client, and with the tools of its table; nothing else does."""
    token = (folder / "first").read_text()
    found = asyncio.run(tools_of(server, token))
    assert "execute_query" in found
    assert "execute_statement" not in found
    assert server.request("GET", "/mcp/tools").status == 401
    wrong = server.request("GET", "/mcp/tools", headers=bearer(token[:-1] + "_"))
    assert wrong.status == 401
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    assert server.request("GET", "/mcp/tools", headers=bearer(token)).status == 200
    assert server.request("GET", "/health/ready").status == 200
    assert server.request("GET", "/status").status == 401
    callers = server.request("GET", "/status", headers=bearer(token)).json()["callers"]
    assert (callers["ways"], callers["anonymous"], callers["tokens"]) == (["tokens"], False, 1)
    assert token.split("_", 2)[2] not in server.log_text


async def revoked(server: Server, folder: Path, first: str) -> tuple[str, int | None]:
    """A WebSocket over a reload that brings one token and takes another back."""
    second = new_token(folder, "readers")
    assert server.request("GET", "/mcp/tools", headers=bearer(second)).status == 401
    async with await WebSocketAgent.open(server.port, bearer(first)) as agent:
        await agent.initialize()
        first_id = first.split("_")[1]
        done = run_command(folder, "token", "revoke", first_id, "--config", "config.toml")
        assert done.returncode == 0, done.stderr
        server.signal(signal.SIGHUP)
        end: Closed = await asyncio.wait_for(agent.closed(), 10)
        return second, end.code


def test_a_reload_takes_new_tokens_and_ends_old_ones(server: Server, folder: Path) -> None:
    """On open connections too; a file that cannot be read changes nothing."""
    first = (folder / "first").read_text()
    second, code = asyncio.run(revoked(server, folder, first))
    assert code == 1008
    assert server.request("GET", "/mcp/tools", headers=bearer(first)).status == 401
    reply = server.request("GET", "/mcp/tools", headers=bearer(second))
    assert "execute_query" not in [tool["name"] for tool in reply.json()["tools"]]
    (folder / "tokens.toml").write_text("[[")
    server.signal(signal.SIGHUP)
    until(lambda: "is not valid TOML" in server.log_text, 10, "the reload is refused")
    assert server.request("GET", "/mcp/tools", headers=bearer(second)).status == 200


def test_an_expired_token_is_refused(folder: Path) -> None:
    """And told apart from one that was never known."""
    token = new_token(folder, "analysts", "--expires", "1m")
    file = folder / "tokens.toml"
    text = file.read_text()
    expires = text.partition("expires = ")[2].partition("\n")[0]
    file.write_text(text.replace(expires, "2026-01-01T00:00:00Z"))
    with serving(folder, "--demo", "--config", "config.toml") as server:
        reply = server.request("GET", "/mcp/tools", headers=bearer(token))
        assert reply.status == 401
        assert reply.json()["error"]["code"] == "expired_token"
    listed = run_command(folder, "token", "list", "--config", "config.toml")
    assert "(expired)" in listed.stdout


async def outlived(server: Server, token: str, ends: float) -> tuple[int | None, float]:
    """How a WebSocket ended whose token did, and how long after."""
    async with await WebSocketAgent.open(server.port, bearer(token)) as agent:
        await agent.initialize()
        asking = asyncio.create_task(
            agent.call(1, "execute_query", {"query": "SELECT SYSTEM$WAIT(60)"})
        )
        end = await asyncio.wait_for(agent.closed(), 10)
        late = wall_clock() - ends
        with pytest.raises(Closed):
            await asking
        return end.code, late


@pytest.mark.fault("F-36", "a token that expires under an open WebSocket with a statement running")
def test_a_token_expires_under_an_open_websocket(folder: Path, measured: Measured) -> None:
    """1008 at that moment, what it had asked for is aborted, and the next request is 401."""
    secret, ends = new_secret(), float(int(wall_clock()) + 8)
    token = Token("expiring", "analysts", digest_of(secret), 1.0, ends)
    write_tokens(folder / "tokens.toml", [token])
    shown = bearer_of(token.id, secret)
    environ = {"SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait"}
    with serving(folder, "--demo", "--config", "config.toml", environ=environ) as server:
        assert server.request("GET", "/mcp/tools", headers=bearer(shown)).status == 200
        code, late = asyncio.run(outlived(server, shown, ends))
        assert code == 1008
        measured("closed after the token's end", late, bound=1.0, slack=3)
        assert server.request("GET", "/mcp/tools", headers=bearer(shown)).status == 401
        until(lambda: "cancelled_disconnect" in server.log_text, 10, "the statement is aborted")


def test_others_are_not_served_unknown(folder: Path) -> None:
    """A port that others can reach is not opened without authentication, whoever opens it."""
    refused = run_twistd(
        folder, "-n", "snowflake-mcp", "--demo", "--port", "0", "--host", "0.0.0.0"
    )
    assert refused.returncode == 1
    assert "auth.token_file" in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    environ = {"SNOWFLAKE_MCP_AUTH_ALLOW_ANONYMOUS": "true"}
    with serving(folder, "--demo", "--host", "0.0.0.0", environ=environ) as server:
        assert "is served without a credential" in server.log_text
    with serving(folder, "--demo", "--host", "0.0.0.0", "--config", "config.toml") as server:
        assert server.request("GET", "/mcp/tools").status == 401
        assert "clear text" in server.log_text


def test_tables_that_nobody_can_belong_to_are_no_start(folder: Path) -> None:
    """They would look like a fence and be none."""
    (folder / "config.toml").write_text("[principals.readers]\npreset = 'reader'\n")
    refused = run_twistd(folder, "-n", "snowflake-mcp", "--demo", "--config", "config.toml")
    assert refused.returncode == 1
    assert "no caller can ever belong to one" in refused.stderr
