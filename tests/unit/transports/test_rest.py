"""The tools as plain REST."""

import json
from typing import Any

import pytest

from snowflake_mcp.config.model import RateSettings
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.transports.rest import FAMILY_STATUS
from tests.support.wire import HttpAnswer, Wire
from tests.unit.transports.stand import Stand, limited_to, send_post

HEADERS = {"Content-Type": "application/json"}


def _call(wire: Wire, body: Any, headers: dict[str, str] = HEADERS) -> HttpAnswer:
    send_post(wire, body, headers, "/mcp/tools/call")
    return wire.answer()


def test_tools_are_listed_with_their_schemas(stand: Stand) -> None:
    """Name, title, description and both schemas of every tool, nothing of MCP's framing."""
    answer = stand.connect().request("GET", "/mcp/tools")
    assert answer.status == 200
    tools = answer.json()["tools"]
    assert [tool["name"] for tool in tools] == sorted(tool["name"] for tool in tools)
    assert set(tools[0]) == {"name", "title", "description", "inputSchema", "outputSchema"}


def test_a_call_answers_result_text_and_meta(stand: Stand) -> None:
    """The structured result, the readable text and the metadata in one object."""
    answer = _call(stand.connect(), {"name": "echo", "arguments": {"a": 1}})
    assert answer.status == 200
    assert answer.json() == {
        "name": "echo",
        "result": {"arguments": {"a": 1}},
        "text": "done",
        "meta": {"snowflake-mcp/query_id": "01"},
    }
    assert stand.toolbox.contexts[0].facts.transport == "rest"


def test_curl_needs_no_accept_and_may_leave_out_arguments(stand: Stand) -> None:
    """No Accept header, no arguments: both are fine here."""
    assert _call(stand.connect(), {"name": "echo"}).json()["result"] == {"arguments": {}}


def test_the_caller_names_itself_by_its_user_agent(stand: Stand) -> None:
    """For logs and query tags, printable and short."""
    _call(stand.connect(), {"name": "echo"}, {**HEADERS, "User-Agent": "curl/8\x9f" + "x" * 200})
    client = stand.toolbox.contexts[0].facts.client
    assert client.startswith("curl/8?")
    assert len(client) == 80


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_json"),
        (b"{", 400, "bad_json"),
        (b'{"name":"\xff"}', 400, "bad_json"),
        (b'{"name":"echo","arguments":{"a":' + b"[" * 100_000, 400, "bad_json"),
        (b'{"name":"echo","name":"wait"}', 400, "bad_json"),
        (b'{"name":"echo","arguments":{"a":NaN}}', 400, "bad_json"),
        (b"[]", 400, "invalid_argument"),
        (b"{}", 400, "invalid_argument"),
        (b'{"name":1}', 400, "invalid_argument"),
        (b'{"name":"echo","arguments":[]}', 400, "invalid_argument"),
        (b'{"name":"echo","params":{}}', 400, "invalid_argument"),
        (b'{"name":"no_such"}', 404, "unknown_tool"),
    ],
)
def test_bad_bodies_are_refused(stand: Stand, body: bytes, status: int, code: str) -> None:
    """Each with its status and a fixed code; the connection goes on."""
    wire = stand.connect()
    answer = _call(wire, body)
    assert answer.status == status
    assert answer.json()["error"]["code"] == code
    assert not wire.closed


@pytest.mark.parametrize("family", Family)
def test_every_kind_of_failure_has_a_status(stand: Stand, family: Family) -> None:
    """The table covers every family; the body names it and says what to do."""
    answer = _call(stand.connect(), {"name": "fail", "arguments": {"family": family.value}})
    assert answer.status == FAMILY_STATUS[family] >= 400
    assert answer.json()["error"] == {
        "code": family.value,
        "message": "It failed.",
        "hint": "Do otherwise.",
        "retryable": True,
        "details": {},
    }
    assert (answer.header("Retry-After") is not None) == (family in (Family.BUSY, Family.LIMIT))


def test_a_broken_tool_is_500_without_a_word_of_why(stand: Stand) -> None:
    """A reference for the operator, nothing else."""
    answer = _call(stand.connect(), {"name": "broken"})
    assert answer.status == 500
    assert answer.json()["error"]["code"] == "internal"
    assert b"secret" not in answer.body


def test_a_call_that_takes_too_long_is_504(stand: Stand) -> None:
    """The kernel's own limit holds for REST, too."""
    wire = stand.connect()
    send_post(wire, {"name": "wait"}, HEADERS, "/mcp/tools/call")
    wire.advance(300)
    answer = wire.answer()
    assert answer.status == 504
    assert answer.json()["error"]["code"] == "timeout"


def test_a_client_that_leaves_stops_its_call(stand: Stand) -> None:
    """REST has no other way to cancel."""
    wire = stand.connect()
    send_post(wire, {"name": "wait"}, HEADERS, "/mcp/tools/call")
    wire.close()
    assert stand.toolbox.cancelled == ["disconnect"]


def test_forms_are_never_parsed(stand: Stand) -> None:
    """A form is 415 before its body is looked at."""
    body = b"--b\r\n\r\n" * 1_000
    answer = _call(stand.connect(), body, {"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status == 415
    assert json.loads(answer.body)["error"]["code"] == "content_type"


def test_a_call_too_fast_is_429_with_its_own_retry_after() -> None:
    """Over REST the status says it, and the header when to come back."""
    stand = Stand(rates=limited_to(RateSettings(requests_per_s=0.1, burst_requests=1)))
    assert _call(stand.connect(), {"name": "echo"}).status == 200
    answer = _call(stand.connect(), {"name": "echo"})
    assert (answer.status, answer.header("Retry-After")) == (429, "10")
    assert answer.json()["error"]["code"] == "limit"
    assert answer.json()["error"]["details"] == {"limit": "requests", "retry_after_s": 10}
    stand.close()
