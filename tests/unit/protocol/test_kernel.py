"""The kernel: every request gets exactly one answer, in the shape of its revision."""

import json
from typing import Any

import pytest
from mcp_types import methods as wire
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.calls import Call, Reply
from snowflake_mcp.protocol.context import Facts, RequestContext
from snowflake_mcp.protocol.jsonrpc import Notification, Request
from snowflake_mcp.protocol.kernel import Perform
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.protocol.tooling import ToolResult
from tests.support.content import full_rig
from tests.support.kernels import Rig, with_envelope

BOTH = [
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "completion/complete",
]
HANDSHAKE = ["initialize", "ping", "logging/setLevel", "resources/subscribe"]
SERVED = {
    version: BOTH + (["server/discover"] if version in eras.STATELESS else HANDSHAKE)
    for version in eras.KNOWN
}
PARAMS: dict[str, dict[str, Any]] = {
    "resources/read": {"uri": "test://one"},
    "resources/subscribe": {"uri": "test://one"},
    "prompts/get": {"name": "greet", "arguments": {"who": "Ann"}},
    "logging/setLevel": {"level": "error"},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "greet"},
        "argument": {"name": "who", "value": "A"},
    },
    "tools/call": {"name": "echo", "arguments": {"a": 1}},
    "initialize": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "c", "version": "1"},
    },
}


def facts(version: str = "2026-07-28", **more: Any) -> Facts:
    return Facts(transport=more.pop("transport", "http"), principal=LOCAL, version=version, **more)


def params(method: str, version: str) -> dict[str, Any]:
    given = PARAMS.get(method, {})
    return with_envelope(**given) if eras.is_stateless(version) else given


def start(rig: Rig, method: str, given: dict[str, Any], where: Facts) -> Call[Reply | None]:
    sent: list[bytes] = []
    return rig.kernel.start(Request(1, method, given), where, sent.append)


def reply_of(call: Call[Reply | None]) -> tuple[dict[str, Any], Reply]:
    replies: list[Reply | None] = []
    call.reply.addCallback(replies.append)
    assert len(replies) == 1
    assert replies[0] is not None
    message: dict[str, Any] = json.loads(bytes(replies[0].body))
    return message, replies[0]


@pytest.mark.parametrize(
    ("version", "method"), [(version, method) for version in SERVED for method in SERVED[version]]
)
def test_results_have_the_shape_of_their_revision(version: str, method: str) -> None:
    """Every result passes the public schema of the revision it was asked in."""
    rig = full_rig()
    where = facts(version, session_id=None if eras.is_stateless(version) else "s1")
    message, reply = reply_of(start(rig, method, params(method, version), where))
    assert (reply.status, message.get("error")) == (200, None)
    wire.validate_server_result(method, version, message["result"])
    stateless = eras.is_stateless(version)
    assert ("resultType" in message["result"]) == stateless
    cacheable = method.startswith(("server/", "resources/")) or method.endswith("/list")
    assert ("ttlMs" in message["result"]) == (stateless and cacheable)


@pytest.mark.parametrize("version", eras.KNOWN)
def test_tools_have_only_members_of_their_revision(version: str) -> None:
    """An old client is not sent members that came later."""
    rig = Rig()
    message, _ = reply_of(start(rig, "tools/list", params("tools/list", version), facts(version)))
    tool = message["result"]["tools"][0]
    assert ("annotations" in tool) == (version >= "2025-03-26")
    assert ("outputSchema" in tool) == ("title" in tool) == (version >= "2025-06-18")


@pytest.mark.parametrize("version", eras.KNOWN)
def test_structured_content_came_in_2025_06_18(version: str) -> None:
    """Structured content goes only to revisions that define it."""
    rig = Rig()
    message, _ = reply_of(start(rig, "tools/call", params("tools/call", version), facts(version)))
    assert ("structuredContent" in message["result"]) == (version >= "2025-06-18")


@pytest.mark.parametrize(
    ("method", "version", "code", "status"),
    [
        ("resources/list", "2026-07-28", -32601, 404),
        ("resources/list", "2025-11-25", -32601, 200),
        ("tools/List", "2026-07-28", -32601, 404),
        ("", "2025-11-25", -32601, 200),
        ("ping", "2026-07-28", -32601, 404),
        ("initialize", "2026-07-28", -32601, 404),
        ("server/discover", "2025-11-25", -32601, 200),
    ],
)
def test_methods_that_are_not_there(method: str, version: str, code: int, status: int) -> None:
    """A method that the revision or the server lacks is not found, with the era's status."""
    rig = Rig()
    message, reply = reply_of(start(rig, method, with_envelope(), facts(version)))
    assert (message["error"]["code"], reply.error_code, reply.status) == (code, code, status)


@pytest.mark.parametrize(("version", "status"), [("2026-07-28", 400), ("2025-11-25", 200)])
@pytest.mark.parametrize(
    "bad", [{}, {"name": 5}, {"name": "echo", "arguments": []}, {"name": "nobody"}]
)
def test_bad_params(bad: dict[str, Any], version: str, status: int) -> None:
    """Params that break the schema, and unknown tools, are the client's fault."""
    rig = Rig()
    message, reply = reply_of(start(rig, "tools/call", with_envelope(**bad), facts(version)))
    assert (message["error"]["code"], reply.status) == (-32602, status)


@pytest.mark.parametrize("cursor", ["zzz", 7])
def test_an_unknown_cursor(cursor: object) -> None:
    """A cursor that we never gave out is refused."""
    rig = Rig()
    message, _ = reply_of(start(rig, "tools/list", with_envelope(cursor=cursor), facts()))
    assert message["error"]["code"] == -32602


def test_a_cursor_that_is_null_is_none() -> None:
    """Some clients write every member of their types."""
    rig = Rig()
    message, _ = reply_of(start(rig, "tools/list", with_envelope(cursor=None), facts()))
    assert message["result"]["tools"]


def test_a_crash_tells_the_client_only_a_reference() -> None:
    """D-01: what an unexpected exception says stays in the log, under the reference."""
    rig = Rig()
    with capturedLogs() as events:
        message, reply = reply_of(start(rig, "tools/call", with_envelope(name="crash"), facts()))
    reference = rig.toolbox.contexts[0].request_id
    assert message["error"] == {
        "code": -32603,
        "message": f"Internal error (reference {reference})",
    }
    assert reply.status == 200
    assert [event["request_id"] for event in events if "log_failure" in event] == [reference]


def test_a_result_that_is_no_json_is_still_answered() -> None:
    """A fault of ours in the last step leaves nobody waiting."""
    rig = Rig()

    async def call_tool(name: str, arguments: Any, context: RequestContext) -> ToolResult:
        return ToolResult(text="x", structured={"a": object()})

    rig.toolbox.call = call_tool  # type: ignore[method-assign]
    with capturedLogs() as events:
        message, _ = reply_of(start(rig, "tools/call", with_envelope(name="echo"), facts()))
    assert message["error"]["code"] == -32603
    assert len(events) == 1


def test_cancel_by_the_client_owes_no_answer() -> None:
    """After a cancellation nothing more is sent, and the work has been told."""
    rig = Rig()
    call = start(rig, "tools/call", with_envelope(name="wait"), facts())
    replies: list[Reply | None] = []
    call.reply.addCallback(replies.append)
    call.cancel("client")
    call.cancel("timeout")
    assert replies == [None]
    assert (rig.toolbox.cancelled, rig.kernel.running) == (1, 0)
    assert rig.kernel.drain().called
    assert rig.clock.getDelayedCalls() == []


def test_cancel_after_the_answer_changes_nothing() -> None:
    """C-04: the race of finish and cancel has one outcome."""
    rig = Rig()
    call = start(rig, "tools/call", with_envelope(name="wait"), facts())
    rig.toolbox.waiting[0].callback("done")
    call.cancel("client")
    message, _ = reply_of(call)
    assert message["result"]["content"][0]["text"] == "done"
    assert rig.toolbox.cancelled == 0


def test_the_deadline_becomes_a_tool_error() -> None:
    """C-05: past the server's limit the model reads what happened and what to do."""
    rig = Rig()
    call = start(rig, "tools/call", with_envelope(name="wait"), facts())
    rig.clock.advance(59.9)
    assert not call.reply.called
    rig.clock.advance(0.2)
    message, _ = reply_of(call)
    assert message["result"]["isError"] is True
    assert message["result"]["_meta"]["snowflake-mcp/failure"]["family"] == "timeout"


def test_drain_waits_then_the_rest_is_stopped() -> None:
    """Draining refuses new calls, waits for running ones, and cancel_all ends them."""
    rig = Rig()
    running = start(rig, "tools/call", with_envelope(name="wait"), facts())
    drained: list[None] = []
    rig.kernel.drain().addCallback(drained.append)
    refused, _ = reply_of(start(rig, "tools/call", with_envelope(name="echo"), facts()))
    assert refused["result"]["_meta"]["snowflake-mcp/failure"]["retryable"] is True
    assert drained == []
    rig.kernel.cancel_all()
    message, _ = reply_of(running)
    assert "stopping" in message["result"]["content"][0]["text"]
    assert drained == [None]


def test_drain_of_an_idle_kernel_is_done_at_once() -> None:
    """With nothing running there is nothing to wait for."""
    assert Rig().kernel.drain().called


def test_work_may_finish_its_own_way_when_cancelled() -> None:
    """A method that turns the cancellation into an answer of its own is heard."""

    def layer(inner: Perform) -> Perform:
        async def perform(method: str, given: dict[str, Any], context: RequestContext) -> Any:
            try:
                return await inner(method, given, context)
            except CancelledError:
                await aborted
                return {"content": [{"type": "text", "text": "aborted in Snowflake"}]}

        return perform

    aborted: Deferred[None] = Deferred()
    rig = Rig(layer)
    call = start(rig, "tools/call", with_envelope(name="wait"), facts())
    call.cancel("shutdown")
    assert rig.kernel.running == 1
    aborted.callback(None)
    message, _ = reply_of(call)
    assert message["result"]["content"][0]["text"] == "aborted in Snowflake"


def test_layers_wrap_from_the_outside_in() -> None:
    """The first layer of the pipeline sees the request first."""
    seen: list[str] = []

    def layer(name: str) -> Any:
        def wrap(inner: Perform) -> Perform:
            async def perform(method: str, given: dict[str, Any], context: RequestContext) -> Any:
                seen.append(name)
                return await inner(method, given, context)

            return perform

        return wrap

    start(Rig(layer("outer"), layer("inner")), "tools/list", with_envelope(), facts())
    assert seen == ["outer", "inner"]


def test_progress_goes_out_before_the_answer_and_never_after() -> None:
    """C-06: a burst of ten passes, then two a second, with the token, until the request settles."""
    rig = Rig()
    sent: list[bytes] = []
    given = with_envelope(name="wait")
    given["_meta"]["progressToken"] = "p"
    rig.kernel.start(Request(1, "tools/call", given), facts(), sent.append)
    context = rig.toolbox.contexts[0]
    for step in range(12):
        context.report_progress(step, "soon")
    rig.clock.advance(0.5)
    context.report_progress(12, "later", total=19)
    rig.toolbox.waiting[0].callback("done")
    rig.clock.advance(5)
    context.report_progress(13, "too late")
    told = [json.loads(data)["params"] for data in sent]
    assert [params["progress"] for params in told] == [*range(10), 12]
    assert told[-1] == {"progressToken": "p", "progress": 12, "message": "later", "total": 19}


def test_without_a_token_there_is_no_progress() -> None:
    """Progress is for those who asked."""
    rig = Rig()
    sent: list[bytes] = []
    rig.kernel.start(Request(1, "tools/call", with_envelope(name="wait")), facts(), sent.append)
    rig.toolbox.contexts[0].report_progress(1, "one")
    assert sent == []


def test_an_http_session_is_cancelled_by_notification() -> None:
    """Within a session the id names the request; another session's id does not reach it."""
    rig = Rig()
    here = facts("2025-11-25", session_id="s1")
    there = facts("2025-11-25", session_id="s2")
    call = start(rig, "tools/call", {"name": "wait"}, here)
    cancelled = Notification("notifications/cancelled", {"requestId": 1})
    rig.kernel.notice(cancelled, there)
    rig.kernel.notice(Notification("notifications/cancelled", {"requestId": [1]}), here)
    rig.kernel.notice(Notification("notifications/initialized", None), here)
    assert rig.toolbox.cancelled == 0
    rig.kernel.notice(cancelled, here)
    assert (rig.toolbox.cancelled, call.reply.called) == (1, True)


def test_an_id_in_flight_is_refused_within_its_session_only() -> None:
    """Two requests of one session cannot share an id; two sessions can."""
    rig = Rig()
    start(rig, "tools/call", {"name": "wait"}, facts("2025-11-25", session_id="s1"))
    again, _ = reply_of(
        start(rig, "tools/call", {"name": "wait"}, facts("2025-11-25", session_id="s1"))
    )
    assert again["error"]["code"] == -32600
    start(rig, "tools/call", {"name": "wait"}, facts("2025-11-25", session_id="s2"))
    start(rig, "tools/call", with_envelope(name="wait"), facts())
    start(rig, "tools/call", with_envelope(name="wait"), facts())
    assert rig.kernel.running == 4


def test_initialize_over_http_announces_a_session() -> None:
    """The session id carries the agreed revision, and only HTTP needs one."""
    rig = Rig()
    _, reply = reply_of(start(rig, "initialize", PARAMS["initialize"], facts("2025-11-25")))
    assert reply.session_id is not None
    session = rig.sessions.open(reply.session_id, LOCAL)
    assert session is not None
    assert (session.version, session.client) == ("2025-06-18", "c/1")
    _, other = reply_of(
        start(rig, "initialize", PARAMS["initialize"], facts("2025-11-25", transport="websocket"))
    )
    assert other.session_id is None


def test_an_unknown_revision_is_answered_with_our_latest() -> None:
    """The client may then accept it or leave."""
    rig = Rig()
    given = {**PARAMS["initialize"], "protocolVersion": "1999-01-01"}
    message, _ = reply_of(start(rig, "initialize", given, facts("2025-11-25")))
    assert message["result"]["protocolVersion"] == "2025-11-25"


def test_rest_gets_the_outcome_itself() -> None:
    """A transport that is not JSON-RPC receives the tool's result or the error."""
    rig = Rig()
    outcomes: list[Any] = []
    where = facts(transport="rest")
    rig.kernel.start_tool("echo", {"a": 1}, where).reply.addCallback(outcomes.append)
    rig.kernel.start_tool("nobody", {}, where).reply.addCallback(outcomes.append)
    waiting = rig.kernel.start_tool("wait", {}, where)
    waiting.reply.addCallback(outcomes.append)
    waiting.cancel("disconnect")
    assert outcomes[0].structured == {"echo": {"a": 1}}
    assert outcomes[1].code == -32602
    assert outcomes[2] is None
