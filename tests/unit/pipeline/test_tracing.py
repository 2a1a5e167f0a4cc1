"""Spans: one for a request, one in it for each statement, and nothing secret on any of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.threadpool import ThreadPool

from snowflake_mcp.ops.tracing import RequestSpan, Tracing
from snowflake_mcp.pipeline.tracing import trace
from snowflake_mcp.protocol.context import Facts, RequestContext
from snowflake_mcp.protocol.errors import Family, McpError, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tooling import ToolResult

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = f"{CLIENT[:-1]}0"


class Reactor(Clock):
    """A clock with threads."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = ThreadPool(1, 1)
        self.pool.start()

    def getThreadPool(self) -> ThreadPool:
        return self.pool

    def callFromThread(self, call: Any, *args: Any) -> None:
        call(*args)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    made = Reactor()
    yield made
    made.pool.stop()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter, reactor: Reactor) -> Iterator[Tracing]:
    made = Tracing(reactor, "http://unused", 1.0, "1.2.3", lambda: exporter)
    made.startService()
    yield made
    made.stopService()


def spans(tracing: Tracing, exporter: InMemorySpanExporter) -> dict[str, Any]:
    """What has left, by name."""
    tracing._provider.force_flush()
    return {span.name: span for span in exporter.get_finished_spans()}


def calling(reactor: Reactor, parent: str | None = None) -> RequestContext:
    facts = Facts("http", Principal("ana"), "2026-07-28", traceparent=parent)
    context = RequestContext(facts, "r-1", "tools/call", reactor, 60.0, lambda _: None)
    context.tool = "execute_query"
    return context


def run(
    tracing: Tracing, context: RequestContext, outcome: Any, *, reached: bool = True
) -> Deferred[Any]:
    """A request whose work sends one statement and ends as told."""

    async def work(_method: str, params: dict[str, Any], inner: RequestContext) -> Any:
        inner.tool_reached = reached
        inner.trail.sent("q-1")
        inner.trail.sent("q-1")
        inner.trail.ended("q-1", "success")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    perform = trace(tracing)(work)
    params = {"name": "execute_query", "arguments": {"query": "SELECT 'secret-word'"}}
    return Deferred.fromCoroutine(perform("tools/call", params, context))


def result(failure: ToolFailure | None = None) -> ToolResult:
    return ToolResult("x", failure=failure)


def test_a_statement_is_a_child_of_its_request(
    tracing: Tracing, exporter: InMemorySpanExporter, reactor: Reactor
) -> None:
    """Which is a child of the client's span; the statement's tag names the request's."""
    context = calling(reactor, CLIENT)
    run(tracing, context, result())
    found = spans(tracing, exporter)
    request, statement = found["mcp request"], found["snowflake statement"]
    assert f"{request.context.trace_id:032x}" == CLIENT.split("-")[1]
    assert f"{request.parent.span_id:016x}" == CLIENT.split("-")[2]
    assert statement.parent.span_id == request.context.span_id
    assert (request.kind, statement.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert context.traceparent is not None
    assert context.traceparent.split("-")[2] == f"{request.context.span_id:016x}"
    assert statement.attributes["snowflake.query_id"] == "q-1"
    assert len(exporter.get_finished_spans()) == 2
    assert request.resource.attributes["service.name"] == "snowflake-mcp"


def test_attributes_hold_no_text_of_the_caller(
    tracing: Tracing, exporter: InMemorySpanExporter, reactor: Reactor
) -> None:
    """Fixed words, ids and the principal."""
    run(tracing, calling(reactor), result())
    request = spans(tracing, exporter)["mcp request"]
    assert dict(request.attributes) == {
        "mcp.request.id": "r-1",
        "mcp.protocol.version": "2026-07-28",
        "mcp.method.name": "tools/call",
        "network.transport": "http",
        "snowflake_mcp.principal": "ana",
        "snowflake_mcp.outcome": "ok",
        "gen_ai.tool.name": "execute_query",
    }


@pytest.mark.parametrize(
    ("outcome", "word", "named"),
    [
        (result(ToolFailure(Family.REFUSED, "no", "do")), "refused", True),
        (McpError(-32602, "Unknown tool"), "error_-32602", False),
        (CancelledError(), "cancelled_client", True),
        (RuntimeError("x"), "internal", True),
    ],
)
def test_every_end_is_told(
    tracing: Tracing,
    exporter: InMemorySpanExporter,
    reactor: Reactor,
    outcome: Any,
    word: str,
    named: bool,
) -> None:
    """As an error with the word of the log; a tool that nobody knows is not named."""
    context = calling(reactor)
    context.cancel_reason = "client"
    failures: list[Any] = []
    run(tracing, context, outcome).addErrback(failures.append)
    request = spans(tracing, exporter)["mcp request"]
    assert request.attributes["snowflake_mcp.outcome"] == word
    assert request.status.status_code is StatusCode.ERROR
    assert ("gen_ai.tool.name" in request.attributes) is named
    assert bool(failures) is isinstance(outcome, Exception)


def test_a_call_that_reached_no_tool_names_none(
    tracing: Tracing, exporter: InMemorySpanExporter, reactor: Reactor
) -> None:
    """What is refused before the tools may bear any name that a client makes up."""
    limit = result(ToolFailure(Family.LIMIT, "no", "do"))
    run(tracing, calling(reactor), limit, reached=False)
    assert "gen_ai.tool.name" not in spans(tracing, exporter)["mcp request"].attributes


def test_a_statement_may_end_after_its_request(
    tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """As one whose handle was given away; its span lasts as long as it runs."""
    span = tracing.begin("mcp request", None, {})
    assert isinstance(span, RequestSpan)
    span.sent("q-1")
    span.end({}, failed=False)
    assert list(spans(tracing, exporter)) == ["mcp request"]
    span.ended("q-1", "aborted")
    statement = spans(tracing, exporter)["snowflake statement"]
    assert statement.attributes["snowflake.state"] == "aborted"
    assert statement.status.status_code is StatusCode.ERROR


def test_a_client_decides_whether_its_trace_is_taken(
    tracing: Tracing, exporter: InMemorySpanExporter, reactor: Reactor
) -> None:
    """One that does not sample is followed, and the statement's tag still carries the trace."""
    context = calling(reactor, UNSAMPLED)
    run(tracing, context, result())
    assert spans(tracing, exporter) == {}
    assert context.traceparent is not None
    assert context.traceparent.startswith(UNSAMPLED[:35])


def test_nothing_begins_after_the_stop(reactor: Reactor, exporter: InMemorySpanExporter) -> None:
    """Nor before the start; requests then go on untraced."""
    made = Tracing(reactor, "http://unused", 1.0, "1", lambda: exporter)
    assert made.begin("x", None, {}) is None
    made.startService()
    made.stopService()
    answers: list[Any] = []
    run(made, calling(reactor), result()).addCallback(answers.append)
    assert len(answers) == 1


def test_a_ping_is_no_trace(
    tracing: Tracing, exporter: InMemorySpanExporter, reactor: Reactor
) -> None:
    """There are many and they tell nothing."""

    async def pong(_method: str, _params: dict[str, Any], _context: RequestContext) -> Any:
        return {}

    Deferred.fromCoroutine(trace(tracing)(pong)("ping", {}, calling(reactor)))
    assert spans(tracing, exporter) == {}
