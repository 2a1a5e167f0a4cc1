"""The configurations in deploy/ for HAProxy and nginx, by the programs themselves."""

import asyncio
import contextlib
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.agents import HttpAgent, WebSocketAgent
from tests.support.certificates import Authority
from tests.support.messages import HANDSHAKE, INITIALIZE, JSON_HEADERS
from tests.support.processes import until
from tests.support.server import Server, free_port, kill_session, start
from tests.support.simulator import simulating

pytestmark = [pytest.mark.process, pytest.mark.full, pytest.mark.timeout(180)]

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
HAPROXY, NGINX = shutil.which("haproxy"), shutil.which("nginx")
CLIENT: Final = "127.0.0.2"
"""Where clients come from, so that they can be told from the proxy on 127.0.0.1."""
AROUND: Final = """
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass
class Site:
    """A proxy before two replicas."""

    port: int
    replicas: list[Server]
    context: ssl.SSLContext

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            "127.0.0.1",
            self.port,
            ssl=self.context,
            server_hostname="localhost",
            local_addr=(CLIENT, 0),
            limit=1 << 20,
        )

    async def http(self) -> HttpAgent:
        return HttpAgent(*await self.connect())


def _haproxy(folder: Path, text: str, port: int, authority: Authority) -> list[str]:
    files = authority.issue("proxy")
    both = folder / "both.pem"
    both.write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
    text = _put(text, "/etc/haproxy/snowflake-mcp.pem", str(both))
    (folder / "haproxy.cfg").write_text(_put(text, "bind :443", f"bind 127.0.0.1:{port}"))
    return [str(HAPROXY), "-db", "-f", str(folder / "haproxy.cfg")]


def _nginx(folder: Path, text: str, port: int, authority: Authority) -> list[str]:
    files = authority.issue("proxy")
    text = _put(text, "/etc/nginx/snowflake-mcp.pem", str(files.certificate))
    text = _put(text, "/etc/nginx/snowflake-mcp.key", str(files.key))
    (folder / "site.conf").write_text(_put(text, "listen 443", f"listen 127.0.0.1:{port}"))
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
    return [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]


def _put(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


PROXIES: Final = {
    name: (make, DEPLOY / file)
    for name, program, make, file in (
        ("haproxy", HAPROXY, _haproxy, "haproxy.cfg"),
        ("nginx", NGINX, _nginx, "nginx.conf"),
    )
    # Only where it is installed.
    if program is not None
}


@pytest.fixture(params=sorted(PROXIES))
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    make, source = PROXIES[request.param]
    authority = Authority(tmp_path)
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    with simulating(tmp_path) as account, contextlib.ExitStack() as stack:
        environ = {
            **account.environ,
            "SNOWFLAKE_MCP_HTTP_KEY_FILE": str(key),
            "SNOWFLAKE_MCP_HTTP_TRUSTED_PROXIES": "127.0.0.1",
            "SNOWFLAKE_MCP_HTTP_STREAM_AFTER_S": "0.01",
            "SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait",
        }
        replicas = [start(tmp_path, "--no-demo", environ=environ) for _ in range(2)]
        for each in replicas:
            stack.callback(kill_session, each.process)
        text = source.read_text()
        for address, each in zip(("127.0.0.1:8001", "127.0.0.1:8002"), replicas, strict=True):
            each.wait_ready()
            text = _put(text, address, f"127.0.0.1:{each.port}")
        port = free_port()
        command = make(tmp_path, text, port, authority)
        with (tmp_path / "proxy.out").open("wb") as out:
            proxy = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        stack.callback(kill_session, proxy)
        context = ssl.create_default_context(cafile=str(authority.certificate))
        made = Site(port, replicas, context)

        async def asked() -> int:
            async with await made.http() as agent:
                return (await agent.exchange("GET", "/health/ready")).status

        def ready() -> bool:
            assert proxy.poll() is None, (tmp_path / "proxy.out").read_text()
            with contextlib.suppress(OSError, Exception):
                return asyncio.run(asked()) == 200
            return False

        until(ready, 30, "the proxy finds a replica that is ready")
        yield made
        for each in replicas:
            assert "Traceback" not in each.log_text


if PROXIES:

    def test_everything_passes(site: Site) -> None:
        """Both eras, event streams and WebSockets; the client's address is its own."""

        async def ask() -> None:
            async with await site.http() as agent:
                answer = await agent.call(1, "execute_query", {"query": "SELECT 41 + 1 AS A"})
                assert answer["result"]["structuredContent"]["rows"] == [[42]]
                wait = {"name": "execute_query", "arguments": {"query": "SELECT SYSTEM$WAIT(2)"}}
                streamed = await agent.post(2, "tools/call", wait)
                assert streamed.headers["content-type"].startswith("text/event-stream")
                assert not streamed.message()["result"].get("isError")
            await _session(site)
            reader, writer = await site.connect()
            spoken = await _upgraded(reader, writer)
            answer = await spoken.call(3, "execute_query", {"query": "SELECT 7"}, stateless=True)
            assert answer["result"]["structuredContent"]["rows"] == [[7]]
            spoken.writer.transport.abort()

        asyncio.run(ask())
        logs = "".join(each.log_text for each in site.replicas)
        assert f"opened from {CLIENT}" in logs
        assert "9.9.9.9" not in logs

    def test_a_replica_leaves_without_a_failed_request(site: Site) -> None:
        """While one is stopped, clients that come and go notice nothing."""
        leaving = site.replicas[0]

        async def come_and_go() -> list[int]:
            statuses = []
            for number in range(120):
                async with await site.http() as agent:
                    wait = {"name": "execute_query", "arguments": {"query": "SELECT 1"}}
                    answer = await agent.post(number, "tools/call", wait)
                statuses.append(answer.status)
                assert answer.status == 200, f"{number}: {answer}"
                assert not answer.message()["result"].get("isError"), answer
                if number == 30:
                    leaving.process.terminate()
            return statuses

        assert asyncio.run(come_and_go()) == [200] * 120
        assert leaving.wait(30) is not None


async def _session(site: Site) -> None:
    """A handshake-era session over many connections, which one replica alone knows in full."""
    async with await site.http() as agent:
        body = json.dumps(INITIALIZE).encode()
        answer = await agent.exchange("POST", "/mcp", body, JSON_HEADERS)
    session = answer.headers["mcp-session-id"]
    headers = {**JSON_HEADERS, "Mcp-Session-Id": session, "MCP-Protocol-Version": HANDSHAKE}
    for number in range(10):
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": number, "method": "tools/list"}
        async with await site.http() as agent:
            answer = await agent.exchange("POST", "/mcp", json.dumps(message).encode(), headers)
        assert answer.status == 200, answer
    async with await site.http() as agent:
        assert (await agent.exchange("DELETE", "/mcp", b"", headers)).status == 204


async def _upgraded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> WebSocketAgent:
    writer.write(
        b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
        b"X-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\n\r\n"
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), head
    agent = WebSocketAgent(reader, writer)
    agent._pump = asyncio.create_task(agent._read())
    return agent
