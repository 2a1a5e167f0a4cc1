"""The table of tests/every_tool over real sockets and pipes, in both eras."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.every_tool.checks import Answer, alike, conforms, refusal
from tests.every_tool.counter import SETTINGS
from tests.every_tool.table import ROWS, SUBMITTED, Row, filled
from tests.process.test_stdio import META
from tests.process.test_stdio import Peer as StdioPeer
from tests.support.agents import WebSocketAgent
from tests.support.messages import HANDSHAKE, INITIALIZE, JSON_HEADERS, STATELESS
from tests.support.server import Server, serving

pytestmark = [pytest.mark.process, pytest.mark.full, pytest.mark.timeout(300)]

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Sends a request of a method with these params; gives the result."""


def _http(server: Server, version: str) -> Ask:
    headers = {**JSON_HEADERS, "MCP-Protocol-Version": version}
    if version == HANDSHAKE:
        opened = server.request("POST", "/mcp", INITIALIZE, headers=JSON_HEADERS)
        headers["Mcp-Session-Id"] = opened.headers["mcp-session-id"]

    def ask(method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": dict(params)}
        more = {}
        if version == STATELESS:
            message["params"] = {**params, "_meta": META}
            more = {"Mcp-Method": method}
            if "name" in params:
                more["Mcp-Name"] = params["name"]
        reply = server.request("POST", "/mcp", message, headers={**headers, **more})
        found: dict[str, Any] = reply.json()["result"]
        return found

    return ask


def _websocket(server: Server, version: str) -> Ask:
    async def whole(method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        async with await WebSocketAgent.open(server.port) as agent:
            if version == HANDSHAKE:
                await agent.initialize()
            answer = await agent.request(1, method, params, stateless=version == STATELESS)
            found: dict[str, Any] = answer["result"]
            return found

    return lambda method, params: asyncio.run(whole(method, params))


def _stdio(peer: StdioPeer, version: str) -> Ask:
    sent = 0
    if version == HANDSHAKE:
        peer.send(json.dumps(INITIALIZE).encode())
        peer.receive()
        peer.send(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}')

    def ask(method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        nonlocal sent
        sent += 1
        message = {"jsonrpc": "2.0", "id": sent, "method": method, "params": dict(params)}
        if version == STATELESS:
            message["params"] = {**params, "_meta": META}
        peer.send(json.dumps(message).encode())
        answer = peer.receive()
        assert answer["id"] == sent
        found: dict[str, Any] = answer["result"]
        return found

    return ask


class Way:
    """One way to a server, and a statement that has ended there."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.schemas = {
            tool["name"]: tool["outputSchema"] for tool in ask("tools/list", {})["tools"]
        }
        submitted = self.call("submit_query", SUBMITTED).structured
        assert submitted is not None
        self._finished = submitted["query_id"]
        self.call("fetch_results", {"query_id": self._finished})

    def call(self, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """Call a tool."""
        given = arguments if tool == "submit_query" else filled(arguments, self._finished)
        result = self._ask("tools/call", {"name": tool, "arguments": given})
        failure = result.get("_meta", {}).get("snowflake-mcp/failure", {})
        text = result["content"][0]["text"]
        return Answer(text, result.get("structuredContent"), failure.get("family"))


class _Rest(Way):
    """REST has one shape for both eras."""

    def __init__(self, server: Server) -> None:
        self._server = server
        listed = server.request("GET", "/mcp/tools").json()
        super().__init__(lambda method, params: listed)

    def call(self, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """Call a tool."""
        given = arguments if tool == "submit_query" else filled(arguments, self._finished)
        said = self._server.call(tool, given).json()
        if (error := said.get("error")) is not None:
            text = "\n".join(part for part in (error["message"], error["hint"]) if part)
            return Answer(text, None, error["code"])
        return Answer(said["text"], said["result"])


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Way]]:
    """A daemon and two servers on standard streams, each with the demo data."""
    folder = tmp_path_factory.mktemp("ways")
    (folder / "c.toml").write_text(SETTINGS)
    options = ("--demo", "--config", str(folder / "c.toml"))
    with ExitStack() as stack:
        server = stack.enter_context(serving(folder, *options))
        made: dict[str, Way] = {"rest": _Rest(server)}
        for version in (HANDSHAKE, STATELESS):
            made[f"http {version}"] = Way(_http(server, version))
            made[f"websocket {version}"] = Way(_websocket(server, version))
            own = folder / version
            own.mkdir()
            peer = stack.enter_context(StdioPeer(Path(own), *options))
            made[f"stdio {version}"] = Way(_stdio(peer, version))
        yield made


@pytest.mark.parametrize("row", [row for row in ROWS if not row.argued], ids=lambda row: row.tool)
def test_a_row_over_real_sockets(ways: dict[str, Way], row: Row) -> None:
    """The good call and the wrong one are answered alike by every way."""
    good, wrong = {}, {}
    for name, way in ways.items():
        answer = way.call(row.tool, row.good)
        assert answer.structured is not None, answer.text
        conforms(answer.structured, way.schemas[row.tool])
        good[name] = alike(answer, row.varies)
        answer = way.call(row.tool, row.wrong)
        assert answer.text.startswith(row.says)
        wrong[name] = refusal(answer.text), answer.family
    assert good == dict.fromkeys(ways, good["rest"])
    assert wrong == dict.fromkeys(ways, (wrong["rest"][0], row.family))
