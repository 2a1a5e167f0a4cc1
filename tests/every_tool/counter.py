"""A whole server in memory over the real warehouse, and every way to it."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

from twisted.internet import reactor
from twisted.internet.task import Clock

from snowflake_mcp.charts.painter import Painter
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import ConnectionSettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.exports.links import Links
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.admission import Admission
from snowflake_mcp.protocol.answers import ServerIdentity
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.signers import Signers
from snowflake_mcp.protocol.tooling import Offer
from snowflake_mcp.tools.backing import Lore
from snowflake_mcp.tools.registry import build_registry
from snowflake_mcp.tools.renaming import RenamedTools
from snowflake_mcp.transports.front import build_front
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.service import Warehouse
from tests.behaviour.house import House
from tests.behaviour.http_peer import HttpPeer
from tests.behaviour.line_peers import StdioPeer, WebSocketPeer
from tests.behaviour.peer import Peer
from tests.every_tool.checks import Answer
from tests.support.callers import asking_nobody
from tests.support.messages import HANDSHAKE, STATELESS
from tests.support.spools import spooling
from tests.support.wire import connect, http_request
from tests.unit.policy.support import DirectGate
from tests.unit.transports.stand import StatusDouble
from tests.unit.warehouse.waiting import until

__all__ = ["SETTINGS", "WAYS", "Counter", "counter"]

SETTINGS: Final = """
[policy]
tier = "dml"
confirm_writes = false
capabilities = ["get_ddl"]
[migration]
aliases = ["labs", "isaac", "dynamike"]
[cortex]
semantic_views = true
[cortex.search.tickets]
description = "tickets by their subject"
database = "DEMO"
schema = "SUPPORT"
service = "TICKET_SEARCH"
[cortex.analyst.sales]
description = "orders and revenue"
semantic_view = "DEMO.SALES.SALES_ANALYSIS"
[cortex.agents.helper]
description = "questions about sales"
database = "DEMO"
schema = "SALES"
agent = "SALES_AGENT"
"""
"""With these every tool is open. A tool that has to be configured adds its lines."""

_ANSWER_S: Final = 30.0
REST: Final = "rest"
WAYS: Final = (
    *(
        f"{way} {version}"
        for way in ("http", "websocket", "stdio")
        for version in (HANDSHAKE, STATELESS)
    ),
    REST,
)


class _Account:
    """The demo endpoint as an account."""

    def __init__(self, settings: ConnectionSettings, login: Mapping[str, object]) -> None:
        self.settings = settings
        self._login = login

    async def parameters(self) -> Mapping[str, object]:
        """How to log in to it."""
        return self._login


class Counter:
    """One server. Only its warehouse has threads and sockets; its clients are in memory."""

    def __init__(self, folder: Path, login: Mapping[str, object]) -> None:
        file = folder / "c.toml"
        file.write_text(SETTINGS)
        config = load(Flags(config=str(file), demo=True), {})
        profiles = Profiles(config)
        account = _Account(config.connection, login)
        self.warehouse = Warehouse(
            cast(Any, reactor), Accounts(account, profiles), config.pool, Metrics()
        )
        self.painter = Painter(cast(Any, reactor), config.charts)
        self.registry = build_registry(
            self.warehouse,
            DirectGate(),
            config,
            profiles=profiles,
            lore=Lore.over(self.warehouse, cast(Any, reactor)),
            spool=spooling(folder / "spool"),
            links=Links(b"k" * 32, lambda: 1_000.0),
            painter=self.painter,
            cortex=self.warehouse.cortex,
        )
        self.clock = Clock()
        signers = Signers.of(b"k" * 32, 3600.0, lambda: 1_000.0)
        self.kernel = Kernel(
            clock=self.clock,
            offer=Offer(RenamedTools(self.registry, profiles)),
            identity=ServerIdentity("s", "S", "1", self.registry.instructions),
            signers=signers,
            request_timeout_s=lambda _: 600.0,
        )
        self.front = build_front(
            config,
            self.kernel,
            Admission(signers.sessions),
            StatusDouble(),
            self.clock,
            Metrics(),
            asking_nobody(config, self.clock),
        )
        self._peers: dict[str, Peer] = {}

    async def call(self, way: str, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """Call a tool this way."""
        if way == REST:
            return await self._rest(tool, arguments)
        result = await self._ask(way, "tools/call", {"name": tool, "arguments": dict(arguments)})
        failure = result.get("_meta", {}).get("snowflake-mcp/failure", {})
        assert result.get("isError", False) == bool(failure)
        return Answer(
            result["content"][0]["text"], result.get("structuredContent"), failure.get("family")
        )

    async def tools(self, way: str) -> dict[str, dict[str, Any]]:
        """The list of tools this way, by name."""
        if way == REST:
            listed = await self._exchange("GET", "/mcp/tools")
        else:
            listed = await self._ask(way, "tools/list", {})
        return {tool["name"]: tool for tool in listed["tools"]}

    async def _ask(self, way: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
        peer = self._peer(way)
        asked = peer.ask(method, params)

        def answered() -> bool:
            peer.settle()
            return asked.answer is not None

        await until(answered, _ANSWER_S, f"{method} {params.get('name', '')} over {way}")
        return asked.result

    def _peer(self, way: str) -> Peer:
        if way not in self._peers:
            # Peers use of a house what this is as well: clock, kernel, front.
            house = cast(House, self)
            name, _, version = way.partition(" ")
            make: dict[str, Callable[[], Peer]] = {
                "http": lambda: HttpPeer(house, version, {}, streams=False),
                "websocket": lambda: WebSocketPeer(house, version, {}),
                "stdio": lambda: StdioPeer(house, version, {}),
            }
            peer = self._peers[way] = make[name]()
            peer.open()
        return self._peers[way]

    async def _rest(self, tool: str, arguments: Mapping[str, Any]) -> Answer:
        body = json.dumps({"name": tool, "arguments": dict(arguments)}).encode()
        said = await self._exchange("POST", "/mcp/tools/call", body)
        if (error := said.get("error")) is not None:
            text = "\n".join(part for part in (error["message"], error["hint"]) if part)
            return Answer(text, None, error["code"])
        return Answer(said["text"], said["result"])

    async def _exchange(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        wire = connect(self.front.site, self.clock)
        headers = {"Content-Type": "application/json"} if body else {}
        wire.send(http_request(method, path, body, headers=headers))

        def answered() -> bool:
            wire.flush()
            return bool(wire.unread)

        await until(answered, _ANSWER_S, f"{method} {path}")
        answer = wire.answer(method)
        wire.close()
        found: dict[str, Any] = answer.json()
        return found

    async def close(self) -> None:
        """Every client leaves, and nothing is left behind."""
        for peer in self._peers.values():
            peer.close()
        await self.warehouse.stop(5.0)
        if (stopped := self.painter.stopService()) is not None:
            await stopped
        assert self.kernel.running == 0
        assert not self.front.site.channels


@asynccontextmanager
async def counter(folder: Path, login: Mapping[str, object]) -> AsyncIterator[Counter]:
    """A server that is closed afterwards."""
    made = Counter(folder, login)
    made.warehouse.start()
    made.painter.startService()  # type: ignore[no-untyped-call]  # as twisted's
    try:
        yield made
    finally:
        await made.close()
