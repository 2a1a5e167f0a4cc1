"""A whole server over the real kernel, with a toolbox whose tools do as they are told."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from snowflake_mcp.auth.authentication import Authentication
from snowflake_mcp.auth.caller import Caller
from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, RateSettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.pipeline.observe import observe
from snowflake_mcp.pipeline.rates import Rates
from snowflake_mcp.protocol.admission import Admission
from snowflake_mcp.protocol.answers import ServerIdentity
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, Family, McpError, ToolFailure
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.pieces import Pieces
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.signers import Signers
from snowflake_mcp.protocol.tooling import Offer, ToolResult
from snowflake_mcp.transports.callers import Callers
from snowflake_mcp.transports.exchange import Exchange
from snowflake_mcp.transports.front import Front, build_front
from snowflake_mcp.transports.probes import Check
from tests.support.callers import asking_nobody
from tests.support.messages import HANDSHAKE, INITIALIZE, JSON_HEADERS, STATELESS
from tests.support.wire import HttpAnswer, Wire, connect, http_request

PARSERS = ("llhttp", "twisted")
"""What may read requests; see ``http.parser``."""


class ToolboxDouble:
    """``echo``, ``wait`` (until told), ``chatty`` (so too), ``fail``, ``big``, ``broken``."""

    NAMES: tuple[str, ...] = ("big", "broken", "chatty", "echo", "fail", "wait")

    def __init__(self) -> None:
        self.waiting: list[Deferred[None]] = []
        self.cancelled: list[str] = []
        self.contexts: list[RequestContext] = []

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        schema = {"type": "object", "properties": {}}
        return [
            {
                "name": name,
                "title": name.title(),
                "description": "For tests.",
                "inputSchema": schema,
                "outputSchema": schema,
                "annotations": {"readOnlyHint": True},
            }
            for name in self.NAMES
        ]

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: RequestContext
    ) -> ToolResult:
        if name not in self.NAMES:
            raise McpError(INVALID_PARAMS, "Unknown tool")
        self.contexts.append(context)
        if name == "fail":
            failure = ToolFailure(
                Family(arguments["family"]), "It failed.", "Do otherwise.", retryable=True
            )
            return ToolResult(text="It failed.", failure=failure)
        if name == "broken":
            raise RuntimeError("a secret of the server")
        if name in ("wait", "chatty"):
            if name == "chatty":
                context.report_progress(1, "under way")
            waiting: Deferred[None] = Deferred()
            self.waiting.append(waiting)
            try:
                await waiting
            except CancelledError:
                self.cancelled.append(str(context.cancel_reason))
                raise
        size = int(arguments.get("size", 0)) if name == "big" else 0
        structured: dict[str, Any] = {"arguments": dict(arguments)}
        if parts := arguments.get("parts"):
            part = b'"' + b"x" * 60_000 + b'",'
            structured["rows"] = Pieces([b"[", *(part for _ in range(parts)), b"1]"])
        return ToolResult(
            text="x" * size or "done",
            structured=structured,
            meta={"snowflake-mcp/query_id": "01"},
        )

    def release(self) -> None:
        """Let every waiting tool finish."""
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            one.callback(None)


def limited_to(rates: RateSettings) -> Callable[[Clock, Metrics], Rates]:
    """Rates with these settings for everybody."""
    config = Config(ConnectionSettings("demo", Backend.DEMO), rates=rates)
    return lambda clock, metrics: Rates(clock, Profiles(config), metrics)


class StatusDouble:
    """A status source that says what the test wants."""

    def __init__(self) -> None:
        self.is_ready = True
        self.fault: Exception | None = None
        self.checks: list[Check] = []
        self.waiting: Deferred[None] | None = None

    def health(self) -> dict[str, Any]:
        if self.fault is not None:
            raise self.fault
        return {
            "status": "ok",
            "timestamp": "2026-01-31T12:00:00Z",
            "version": "0.1.0",
            "uptime_seconds": 1.5,
            "backend": "demo",
        }

    async def ready(self) -> tuple[bool, Sequence[Check]]:
        if self.fault is not None:
            raise self.fault
        if self.waiting is not None:
            await self.waiting
        return self.is_ready, self.checks or [Check("warehouse", self.is_ready, "it is so")]

    def status(self) -> dict[str, Any]:
        return {"requests": {"running": 0}}


class NamedCallers(Callers):
    """Callers by a function of the test."""

    def __init__(
        self, authentication: Authentication, identify: Callable[[Exchange], Principal]
    ) -> None:
        super().__init__(authentication)
        self._identify = identify

    def identify(self, exchange: Exchange) -> Caller:
        return Caller(self._identify(exchange))


class Stand:
    """One server, and what a test needs to drive it."""

    parser = "llhttp"

    def __init__(self, **http: Any) -> None:
        http.setdefault("parser", self.parser)
        websocket = http.pop("websocket", {})
        identify = http.pop("identify", None)
        # All of a test's clients come from one address.
        http.setdefault("max_connections_per_address", 1_000)
        authentication = http.pop("authentication", None)
        rates = http.pop("rates", None)
        admin = http.pop("admin", None)
        downloads = http.pop("downloads", None)
        every_line = http.pop("every_line", None)
        self.clock = http.pop("clock", None) or Clock()
        self.toolbox = ToolboxDouble()
        self.status = StatusDouble()
        self.metrics = Metrics()
        signers = Signers.of(b"k" * 32, 3600.0, lambda: 1_000.0)
        self.kernel = Kernel(
            clock=self.clock,
            offer=Offer(self.toolbox),
            identity=ServerIdentity("snowflake-mcp", "Snowflake", "0.1.0", lambda _: "Ask."),
            signers=signers,
            request_timeout_s=lambda _: 300.0,
            layers=[
                *([] if every_line is None else [observe(self.metrics, every=every_line)]),
                *([] if rates is None else [rates(self.clock, self.metrics).layer]),
            ],
        )
        config = Config(ConnectionSettings("demo", Backend.DEMO))
        config = replace(
            config,
            http=replace(config.http, **http),
            websocket=replace(config.websocket, **websocket),
        )
        authentication = authentication or asking_nobody(config, self.clock)
        self.front: Front = build_front(
            config,
            self.kernel,
            Admission(signers.sessions),
            self.status,
            self.clock,
            self.metrics,
            authentication,
            admin,
            None if downloads is None else downloads(self.clock, self.metrics),
        )
        if every_line is not None:
            self.front.site.every_line = every_line
        if identify is not None:
            self.front.site.callers = NamedCallers(authentication, identify)
        self.wires: list[Wire] = []

    def connect(self, host: str = "127.0.0.1", port: int = 8000) -> Wire:
        wire = connect(self.front.site, self.clock, host, port)
        self.wires.append(wire)
        return wire

    def close(self) -> None:
        """Every client leaves, the server stops; no timer may be left behind."""
        for wire in self.wires:
            wire.start_reading()
            wire.close()
        self.toolbox.release()
        # As at a stop: the deadlines of calls have one timer, which outlives them.
        assert self.kernel.drain().called
        self.front.abort()
        assert self.clock.getDelayedCalls() == []
        assert not self.front.site.channels


def modern(
    method: str, params: dict[str, Any] | None = None, request_id: int | str | None = 1
) -> dict[str, Any]:
    """A stateless-era message."""
    message: dict[str, Any] = {
        "jsonrpc": "2.0",
        "method": method,
        "params": {
            **(params or {}),
            "_meta": {
                PROTOCOL_VERSION_META_KEY: STATELESS,
                CLIENT_INFO_META_KEY: {"name": "t", "version": "1"},
                CLIENT_CAPABILITIES_META_KEY: {},
                **(params or {}).get("_meta", {}),
            },
        },
    }
    if request_id is not None:
        message["id"] = request_id
    return message


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """The params of a tool call."""
    return {"name": name, "arguments": arguments}


def modern_headers(message: dict[str, Any]) -> dict[str, str]:
    """The headers that go with a stateless-era message."""
    headers = {**JSON_HEADERS, "MCP-Protocol-Version": STATELESS, "Mcp-Method": message["method"]}
    if message["method"] == "tools/call":
        headers["Mcp-Name"] = message["params"]["name"]
    return headers


def post_modern(
    wire: Wire, method: str, params: dict[str, Any] | None = None, request_id: int | str | None = 1
) -> HttpAnswer:
    """Post a stateless-era message and return the answer."""
    send_modern(wire, method, params, request_id)
    return wire.answer()


def send_modern(
    wire: Wire, method: str, params: dict[str, Any] | None = None, request_id: int | str | None = 1
) -> None:
    """Post a stateless-era message."""
    message = modern(method, params, request_id)
    send_post(wire, message, modern_headers(message))


def send_post(wire: Wire, message: Any, headers: dict[str, str], path: str = "/mcp") -> None:
    """Post a JSON value."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    wire.send(http_request("POST", path, body, headers=headers))


def initialize(wire: Wire) -> str:
    """Open a handshake-era session over HTTP and return its id."""
    send_post(wire, INITIALIZE, JSON_HEADERS)
    answer = wire.answer()
    assert answer.status == 200, answer.body
    session = answer.header("Mcp-Session-Id")
    assert session is not None
    return session


def post_handshake(
    wire: Wire,
    session: str,
    method: str,
    params: dict[str, Any] | None = None,
    request_id: int | str | None = 1,
) -> None:
    """Post a handshake-era message within a session."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = params
    if request_id is not None:
        message["id"] = request_id
    headers = {**JSON_HEADERS, "MCP-Protocol-Version": HANDSHAKE, "Mcp-Session-Id": session}
    send_post(wire, message, headers)
