"""A whole server in memory, whose tools do everything that a tool can do to its client."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from snowflake_mcp.config.model import Backend, Config, ConnectionSettings
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.admission import Admission
from snowflake_mcp.protocol.answers import ServerIdentity
from snowflake_mcp.protocol.changes import Change
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, Family, McpError, ToolFailure
from snowflake_mcp.protocol.inputs import AskFailedError, Question
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.signers import Signers
from snowflake_mcp.protocol.tasks import Handle
from snowflake_mcp.protocol.tooling import Offer, ToolResult
from snowflake_mcp.transports.front import build_front
from snowflake_mcp.warehouse.standing import Standing, StillRunningError
from tests.support.callers import asking_nobody
from tests.support.content import SmallLibrary, SmallPrompts, Values
from tests.unit.tools.fakes import registry
from tests.unit.transports.stand import StatusDouble

__all__ = ["REQUEST_S", "RESUME_S", "STILL", "House", "Tools"]

REQUEST_S: Final = 10.0
"""The server's limit for one request in these tests."""
RESUME_S: Final = 3.0
"""How long a call waits for a session's client that lost its stream."""

SURE: Final = Question(
    "elicitation/create",
    {
        "message": "Sure?",
        "requestedSchema": {"type": "object", "properties": {"why": {"type": "string"}}},
    },
)


STILL: Final = Standing("01b00000-0000-0000-0000-000000000001", "running", 45.0)
"""How the statement of ``patient`` stands."""


class Tools:
    """Tools that do all that a tool can do to its client.

    ``patient`` is the real execute_query, whose statement has not ended when it is released.
    """

    NAMES: tuple[str, ...] = (
        "broken",
        "chatty",
        "echo",
        "fail",
        "long",
        "patient",
        "sure",
        "talk",
        "wait",
    )

    def __init__(self) -> None:
        self.spare = 0
        self.real, _ = registry({"": StillRunningError(STILL)})
        self.waiting: list[Deferred[None]] = []
        self.cancelled: list[str] = []
        self.contexts: list[RequestContext] = []

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        names = [*self.NAMES, *(f"spare-{number}" for number in range(self.spare))]
        return [
            {
                "name": name,
                "title": name.title(),
                "description": "For tests.",
                "icons": [{"src": "data:image/png;base64,AA=="}],
                "inputSchema": {"type": "object", "properties": {}},
                "outputSchema": {"type": "object", "properties": {"heard": {"type": "object"}}},
                "annotations": {"readOnlyHint": True},
            }
            for name in names
        ]

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: RequestContext
    ) -> ToolResult:
        if name not in self.NAMES:
            raise McpError(INVALID_PARAMS, "Unknown tool")
        self.contexts.append(context)
        try:
            return await self._act(name, arguments, context)
        except ToolFailure as failure:
            return ToolResult(text=failure.message, failure=failure)

    def release(self) -> None:
        """Let every waiting tool finish."""
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            if not one.called:
                one.callback(None)

    async def _act(
        self, name: str, arguments: Mapping[str, Any], context: RequestContext
    ) -> ToolResult:
        if name == "fail":
            raise ToolFailure(Family.SYNTAX, "It failed.", "Write it otherwise.")
        if name == "broken":
            raise RuntimeError("password=hunter2")
        if name == "sure":
            return await self._sure(context)
        if name == "talk":
            for level in ("debug", "info", "warning", "error"):
                context.log(level, f"a word of {level}")
        if name == "chatty":
            for step in (1.0, 2.0, 3.0):
                context.report_progress(step, f"step {step:.0f}", 4.0)
        if name == "long":
            if context.resumes is not None:
                return ToolResult(text="done", structured={"heard": {"query": context.resumes}})
            context.detach(Handle("long", "01-query", dict(arguments)))
        if name == "patient":
            await self._wait(context)
            return await self.real.call("execute_query", {"query": "SELECT 1"}, context)
        if name in ("wait", "chatty", "long"):
            await self._wait(context)
            context.report_progress(4.0, "late", 4.0)
        return ToolResult(text="done", structured={"heard": dict(arguments)})

    async def _sure(self, context: RequestContext) -> ToolResult:
        try:
            answers = await context.ask({"sure": SURE})
        except AskFailedError as failure:
            return ToolResult(text=failure.message, failure=failure)
        return ToolResult(text=answers["sure"]["action"], structured={"heard": answers["sure"]})

    async def _wait(self, context: RequestContext) -> None:
        gate: Deferred[None] = Deferred()
        self.waiting.append(gate)
        try:
            await gate
        except CancelledError:
            self.cancelled.append(str(context.cancel_reason))
            raise


class House:
    """One server; ``close`` proves that nothing was left behind."""

    def __init__(self, stream_after_s: float = 15.0) -> None:
        self.clock = Clock()
        self.tools = Tools()
        self.library = SmallLibrary()
        self.faults: list[LogEvent] = []
        self.metrics = Metrics()
        signers = Signers.of(b"k" * 32, 3600.0, lambda: 1_000.0 + self.clock.seconds())
        self.kernel = Kernel(
            clock=self.clock,
            offer=Offer(self.tools, self.library, SmallPrompts(), Values()),
            identity=ServerIdentity("snowflake-mcp", "Snowflake", "0.1.0", lambda _: "Ask."),
            signers=signers,
            request_timeout_s=lambda _: REQUEST_S,
        )
        self.admission = Admission(signers.sessions)
        config = Config(ConnectionSettings("demo", Backend.DEMO))
        http = replace(config.http, stream_after_s=stream_after_s, resume_s=RESUME_S)
        config = replace(config, http=http)
        self.front = build_front(
            config,
            self.kernel,
            self.admission,
            StatusDouble(),
            self.clock,
            self.metrics,
            asking_nobody(config, self.clock),
        )
        globalLogPublisher.addObserver(cast(ILogObserver, self._look))

    def change(self, *changes: Change) -> None:
        """Something on the server changes."""
        self.kernel.changes.publish(changes)

    def close(self, expected_faults: int = 0) -> None:
        """Every client has left: no request, no timer, no unexplained fault may be left."""
        self.tools.release()
        globalLogPublisher.removeObserver(cast(ILogObserver, self._look))
        assert self.kernel.running == 0
        # As at a stop: what waits has timers in common, which outlive each of them.
        assert self.kernel.drain().called
        self.front.abort()
        assert self.clock.getDelayedCalls() == []
        assert not self.front.site.channels
        assert len(self.faults) == expected_faults, self.faults

    def _look(self, event: LogEvent) -> None:
        if "log_failure" in event:
            self.faults.append(event)
