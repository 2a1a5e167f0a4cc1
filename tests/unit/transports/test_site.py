"""The HTTP server below the endpoints: limits, deadlines, identity, logs, the end."""

# mypy: allow-untyped-calls

from types import SimpleNamespace
from typing import cast

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.services import Clients
from snowflake_mcp.status import Status
from snowflake_mcp.transports.channel import BODY_S, HEAD_S, LINGER_S, QUIET_S
from snowflake_mcp.transports.exchange import Exchange, Refusal
from snowflake_mcp.transports.tree import Route, Tree
from tests.support.messages import JSON_HEADERS
from tests.support.wire import http_request
from tests.unit.transports.stand import (
    Stand,
    call,
    modern,
    modern_headers,
    post_modern,
    send_modern,
    send_post,
)

LIMIT = 1 << 20


def _accesses(events: list[LogEvent]) -> list[LogEvent]:
    return [event for event in events if "status" in event and "path" in event]


def test_a_body_over_the_limit_is_refused_before_it_is_read(stand: Stand) -> None:
    """A declared length is enough: 413 at once, and the client can read it before the close."""
    wire = stand.connect()
    wire.send(
        http_request("POST", "/mcp", headers={**JSON_HEADERS, "Content-Length": "1000000000"})
    )
    answer = wire.answer()
    assert answer.status == 413
    assert answer.header("Connection") == "close"
    assert answer.json()["error"]["data"] == {"reason": "too_large"}
    assert wire.server.half_closed
    assert not wire.client.lost
    wire.send(b"x" * 100_000)
    assert wire.unread == b""
    wire.advance(LINGER_S)
    assert wire.client.lost


def test_each_body_that_is_too_long_has_a_refusal_of_its_own(stand: Stand) -> None:
    """One that is raised again and again keeps the frames of each request: memory for nothing."""
    site = stand.front.site
    first, second = site.too_large, site.too_large
    assert first is not second
    assert (first.status, first.message) == (second.status, second.message)


def test_a_chunked_body_is_counted_as_it_comes(stand: Stand) -> None:
    """Without a declared length the limit cuts in the middle, and memory stays bounded."""
    wire = stand.connect()
    wire.send(
        http_request("POST", "/mcp", headers={**JSON_HEADERS, "Transfer-Encoding": "chunked"})
    )
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    for _ in range(17):
        wire.send(chunk)
    answer = wire.answer()
    assert answer.status == 413
    assert wire.closed
    wire.send(chunk, b"0\r\n\r\n")
    assert wire.unread == b""


def test_chunks_after_the_limit_are_thrown_away(stand: Stand) -> None:
    """Also those that came in one piece with the one too many."""
    wire = stand.connect()
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = http_request("POST", "/mcp", headers={**JSON_HEADERS, "Transfer-Encoding": "chunked"})
    wire.send(head + chunk * 20 + b"0\r\n\r\n" + http_request("GET", "/health"))
    assert wire.answer().status == 413
    assert wire.unread == b""


def test_a_body_at_the_limit_is_read(stand: Stand) -> None:
    """The limit itself is allowed; such a body is judged by its content."""
    wire = stand.connect()
    send_post(wire, b" " * LIMIT, JSON_HEADERS)
    assert wire.answer().json()["error"]["code"] == -32700


def test_a_chunked_body_is_a_body(stand: Stand) -> None:
    """Chunks are joined, whatever their size."""
    wire = stand.connect()
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    wire.send(http_request("POST", "/mcp/tools/call", headers=headers))
    for byte in b'{"name":"echo"}':
        wire.send(b"1\r\n" + bytes([byte]) + b"\r\n")
    wire.send(b"0\r\n\r\n")
    assert wire.answer().json()["name"] == "echo"


def test_a_refused_client_is_not_asked_to_continue(stand: Stand) -> None:
    """``Expect: 100-continue`` gets the final answer only."""
    wire = stand.connect()
    headers = {**JSON_HEADERS, "Content-Length": "1000000000", "Expect": "100-continue"}
    wire.send(http_request("POST", "/mcp", headers=headers))
    assert wire.client.received.startswith(b"HTTP/1.1 413")


def test_an_accepted_client_is_asked_to_continue(stand: Stand) -> None:
    """``Expect: 100-continue`` works for a body that will be read."""
    wire = stand.connect()
    headers = {"Content-Type": "application/json", "Content-Length": "15", "Expect": "100-continue"}
    wire.send(http_request("POST", "/mcp/tools/call", headers=headers))
    assert wire.client.received == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(b'{"name":"echo"}')
    assert b"HTTP/1.1 200" in wire.client.received


@pytest.mark.parametrize(
    "request_bytes",
    [
        http_request("POST", "/mcp", headers={**JSON_HEADERS, "Content-Length": "9" * 5_000}),
        http_request("POST", "/mcp", headers={**JSON_HEADERS, "Content-Length": "-1"}),
        http_request("POST", "/mcp", headers={**JSON_HEADERS, "Content-Length": "+5"}),
        http_request(
            "POST",
            "/mcp",
            headers={"Content-Length": "5", "Transfer-Encoding": "chunked", **JSON_HEADERS},
        )
        + b"0\r\n\r\n",
        http_request("POST", "/mcp", extra=("Content-Length: 5", "Content-Length: 6")),
        http_request("POST", "/mcp", headers={**JSON_HEADERS, "Transfer-Encoding": "gzip"}),
        http_request("GET", "/health", headers={"X-A": "a" * 20_000}),
        http_request("GET", "/health", headers={f"X-{n}": "a" * 1_000 for n in range(20)}),
        http_request("GET", "/health", headers={f"X-{n}": "a" for n in range(64)}),
        http_request("GET", "/" + "a" * 20_000),
        http_request("GET", "/health", headers={"X-A": "a\x00b"}),
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        http_request("POST", "/mcp", headers={**JSON_HEADERS, "Transfer-Encoding": "chunked"})
        + b"zz\r\n",
    ],
)
def test_what_is_not_http_is_400_and_ends(
    stand: Stand, events: list[LogEvent], request_bytes: bytes
) -> None:
    """Smuggling, absurd lengths, too many or too long headers: one 400, one event, no traceback."""
    wire = stand.connect()
    wire.send(request_bytes)
    answer = wire.answer()
    assert answer.status == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert wire.closed
    assert wire.unread == b""
    assert not [event for event in events if "log_failure" in event]
    assert [event["status"] for event in events if "status" in event] == [400]


def test_nothing_runs_after_a_bad_header(stand: Stand) -> None:
    """A request whose header was refused half way is never executed, whatever follows."""
    wire = stand.connect()
    body = b'{"name":"echo"}'
    head = http_request(
        "POST",
        "/mcp/tools/call",
        headers={"Content-Length": str(len(body)), "Transfer-Encoding": "chunked"},
        extra=("Content-Type: application/json",),
    )
    wire.send(head + body)
    wire.send(http_request("GET", "/health"))
    assert wire.answer().status == 400
    assert wire.unread == b""
    assert stand.toolbox.contexts == []


def test_a_slow_head_is_cut_off(stand: Stand) -> None:
    """One byte now and then does not hold a connection: the head has an absolute deadline."""
    wire = stand.connect()
    for byte in b"GET /health HTTP/1.1\r\nHost: ":
        wire.send(bytes([byte]))
        wire.advance(HEAD_S / 28)
    wire.advance(HEAD_S / 28)
    assert wire.answer().status == 408
    assert wire.closed


def test_a_slow_body_is_cut_off(stand: Stand) -> None:
    """The body has a deadline of its own, from the end of the headers on."""
    wire = stand.connect()
    wire.send(http_request("POST", "/mcp", headers={**JSON_HEADERS, "Content-Length": "1000"}))
    for _ in range(6):
        wire.send(b"x")
        wire.advance(BODY_S / 6)
    assert wire.answer().status == 408
    assert wire.closed


def test_an_idle_connection_is_closed_and_a_working_one_is_not(stand: Stand) -> None:
    """Silence between requests ends the connection; a running request may be silent."""
    idle, working = stand.connect(), stand.connect()
    assert idle.request("GET", "/health").status == 200
    send_modern(working, "tools/call", call("wait"))
    idle.advance(14)
    early = idle.closed
    idle.advance(2)
    assert (early, idle.closed, working.closed) == (False, True, False)


def test_a_connection_serves_one_request_after_the_other(stand: Stand) -> None:
    """Keep-alive and pipelining: answers come in order, refusals without a body do not close."""
    wire = stand.connect()
    wire.send(
        http_request("GET", "/health")
        + http_request("GET", "/nowhere")
        + http_request("GET", "/health/live")
    )
    assert [wire.answer("GET").status for _ in range(3)] == [200, 404, 200]
    assert not wire.closed


def test_unknown_paths_and_methods_are_json(stand: Stand) -> None:
    """404 and 405 are JSON; 405 names what is allowed; a trailing slash is another path."""
    wire = stand.connect()
    for path in ("/", "/mcp/", "/MCP", "/health/", "/../etc/passwd", "*"):
        answer = wire.request("GET", path)
        assert answer.status == 404
        assert answer.json()["error"]["code"] == "not_found"
    answer = wire.request("DELETE", "/health")
    assert answer.status == 405
    assert answer.header("Allow") == "GET, HEAD"
    assert answer.header("Content-Type") == "application/json"
    assert wire.request("BREW", "/mcp/tools").status == 405


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_the_mcp_path_takes_post_only(stand: Stand, method: str) -> None:
    """Other methods are 405 with a JSON-RPC error that has no id (T-06)."""
    answer = stand.connect().request(method, "/mcp")
    assert answer.status == 405
    assert answer.header("Allow") == ("DELETE, GET, HEAD, POST" if method == "PUT" else "POST")
    body = answer.json()
    assert body["jsonrpc"] == "2.0"
    assert body["error"]["code"] == -32600
    assert "id" not in body


def test_head_is_get_without_a_body(stand: Stand) -> None:
    """HEAD has GET's status and length, and the connection goes on."""
    wire = stand.connect()
    answer = wire.request("HEAD", "/health")
    assert answer.status == 200
    assert int(answer.header("Content-Length") or 0) > 0
    assert wire.request("GET", "/health").status == 200


def test_probes_that_say_yes_leave_no_line(stand: Stand, events: list[LogEvent]) -> None:
    """Machines ask every few seconds; only what is wrong is worth a line."""
    assert stand.connect().request("GET", "/health").status == 200
    stand.status.is_ready = False
    assert stand.connect().request("GET", "/health/ready").status == 503
    assert [event["status"] for event in _accesses(events)] == [503]


def test_a_query_string_changes_nothing_and_is_not_logged(
    stand: Stand, events: list[LogEvent]
) -> None:
    """A-06: tokens end up in query strings; logs show the path alone."""
    assert stand.connect().request("GET", "/status?access_token=secret").status == 200
    (event,) = _accesses(events)
    assert event["path"] == "/status"
    assert "secret" not in str({key: event[key] for key in event if not key.startswith("log_")})


def test_each_request_has_an_id(stand: Stand, events: list[LogEvent]) -> None:
    """A harmless id of the client's is kept, anything else replaced; answer and log agree."""
    wire = stand.connect()
    kept = wire.request("GET", "/status", headers={"X-Request-Id": "trace-1.a_B"})
    made = wire.request("GET", "/status", headers={"X-Request-Id": 'x"; rm -rf'})
    assert kept.header("X-Request-Id") == "trace-1.a_B"
    assert made.header("X-Request-Id") not in (None, 'x"; rm -rf')
    logged = [event["request_id"] for event in _accesses(events)]
    assert logged == [kept.header("X-Request-Id"), made.header("X-Request-Id")]


def test_a_finished_request_is_logged_once(stand: Stand, events: list[LogEvent]) -> None:
    """Method, path, status, duration and sizes; one event an answer."""
    wire = stand.connect()
    send_modern(wire, "tools/call", call("wait"))
    stand.clock.advance(2.5)
    stand.toolbox.release()
    wire.flush()
    answer = wire.answer()
    (event,) = _accesses(events)
    assert (event["method"], event["path"], event["status"]) == ("POST", "/mcp", 200)
    assert event["duration_s"] == 2.5
    assert event["sent_bytes"] == len(answer.body)
    assert event["received_bytes"] > 100
    assert event["peer"] == "203.0.113.9"


def test_a_lost_request_is_logged_as_499(stand: Stand, events: list[LogEvent]) -> None:
    """The client that leaves first has its line in the log, too."""
    wire = stand.connect()
    send_modern(wire, "tools/call", call("wait"))
    wire.close()
    assert [event["status"] for event in _accesses(events)] == [499]
    assert stand.metrics.totals()["http_requests_gone"] == 1


def test_a_client_that_leaves_within_its_request_is_no_event(
    stand: Stand, events: list[LogEvent]
) -> None:
    """Half a head is not a request, half a body is one that was lost."""
    head, body = stand.connect(), stand.connect()
    head.send(b"GET /health HT")
    head.close()
    assert _accesses(events) == []
    body.send(http_request("POST", "/mcp", headers={**JSON_HEADERS, "Content-Length": "10"}))
    body.close()
    assert [event["status"] for event in _accesses(events)] == [499]


def test_a_fault_of_ours_is_logged_under_the_id_the_client_sees(
    stand: Stand, events: list[LogEvent]
) -> None:
    """The client gets a reference, the operator the traceback."""
    stand.status.fault = KeyError("secret")
    answer = stand.connect().request("GET", "/health")
    assert answer.status == 500
    assert b"secret" not in answer.body
    (failure,) = [event for event in events if "log_failure" in event]
    assert failure["request_id"] in answer.json()["error"]["message"]


def test_a_large_answer_waits_for_a_slow_reader(stand: Stand) -> None:
    """While the client reads slowly the idle clock stands still; the body leaves in slices."""
    wire = stand.connect()
    wire.stop_reading()
    send_modern(wire, "tools/call", call("big", size=1_000_000))
    assert wire.server.unsent_bytes < 200_000
    wire.advance(25)
    assert not wire.closed
    wire.start_reading()
    answer = wire.answer()
    assert answer.complete
    assert len(answer.json()["result"]["content"][0]["text"]) == 1_000_000
    assert wire.request("GET", "/health").status == 200


def test_a_client_that_never_reads_is_dropped(stand: Stand, events: list[LogEvent]) -> None:
    """A large answer that nobody takes does not stay in memory for ever (F-13)."""
    wire = stand.connect()
    wire.stop_reading()
    send_modern(wire, "tools/call", call("big", size=1_000_000))
    wire.advance(31)
    assert wire.closed
    assert [event["status"] for event in _accesses(events)] == [499]


def test_stopping_lets_running_requests_finish(stand: Stand) -> None:
    """Idle connections close at once, busy ones with their answer, which says so."""
    idle, busy, half = stand.connect(), stand.connect(), stand.connect()
    assert idle.request("GET", "/health").status == 200
    send_modern(busy, "tools/call", call("wait"))
    idle.advance(QUIET_S)
    half.send(b"GET /health HTTP/1.1\r\n")
    assert stand.front.counts()["http"] == {"connections": 3, "busy": 2}
    stand.front.close_idle()
    idle.flush()
    assert idle.closed
    assert not busy.closed
    half.send(b"Host: localhost\r\n\r\n")
    assert half.answer("GET").header("Connection") == "close"
    assert half.closed
    stand.toolbox.release()
    busy.flush()
    answer = busy.answer()
    assert answer.status == 200
    assert answer.header("Connection") == "close"
    assert busy.closed


def test_stopping_waits_for_requests_on_their_way(stand: Stand) -> None:
    """A connection accepted or answered a moment ago is still heard, once, and not for long."""
    used, fresh, silent = stand.connect(), stand.connect(), stand.connect()
    assert used.request("GET", "/health").status == 200
    stand.front.close_idle()
    for wire in (used, fresh):
        assert wire.request("GET", "/health").header("Connection") == "close"
        assert wire.closed
    assert stand.front.expects_requests()
    silent.advance(QUIET_S)
    assert not stand.front.expects_requests()
    stand.front.close_idle()
    silent.flush()
    assert silent.closed


def test_a_call_that_arrives_as_the_stop_begins_is_served(stand: Stand) -> None:
    """Its client cannot know; one that comes over a connection that lay idle finds it closed."""
    idle = stand.connect()
    idle.advance(QUIET_S)
    late = stand.connect()
    status = SimpleNamespace(stopping=False)
    clients = Clients(stand.clock, stand.kernel, stand.front, cast(Status, status), 20.0, 5.0)
    stopping = clients.stopService()
    idle.flush()
    assert idle.closed
    late.advance(0.1)
    send_modern(late, "tools/call", call("wait"))
    late.advance(QUIET_S)
    assert not stopping.called
    stand.toolbox.release()
    late.flush()
    assert late.answer().status == 200
    late.advance(0.1)
    assert stopping.called


def test_abort_drops_what_is_left(stand: Stand) -> None:
    """When the time is up every connection goes, and what ran on it is cancelled."""
    http, websocket = stand.connect(), stand.connect()
    websocket.upgrade()
    send_modern(http, "tools/call", call("wait"))
    stand.front.abort()
    http.flush()
    websocket.flush()
    assert http.closed
    assert websocket.closed
    assert stand.toolbox.cancelled == ["disconnect"]


def test_totals_count_answers_by_class(stand: Stand) -> None:
    """For /status: how many requests, and how many of them failed on whose side."""
    wire = stand.connect()
    answers = [post_modern(wire, "tools/list"), wire.request("GET", "/nowhere")]
    stand.status.is_ready = False
    answers.append(wire.request("GET", "/health/ready"))
    counts = stand.metrics.totals()
    assert counts["http_requests"] == 3
    assert counts["http_sent_bytes"] == sum(len(answer.body) for answer in answers)
    assert counts["http_requests_4xx"] == 1
    assert counts["http_requests_5xx"] == 1


def test_exchanges_that_went_well_may_have_no_line(stand: Stand, events: list[LogEvent]) -> None:
    """With ``log.requests`` off only those that failed or were left are told; all is counted."""
    stand.front.site.every_line = False
    wire = stand.connect()
    assert wire.request("GET", "/status").status == 200
    assert wire.request("GET", "/nowhere").status == 404
    assert [event["status"] for event in _accesses(events)] == [404]
    assert stand.metrics.totals()["http_requests"] == 2


def test_a_client_that_leaves_within_its_headers_is_no_event(
    stand: Stand, events: list[LogEvent]
) -> None:
    """A request line alone says nothing yet."""
    wire = stand.connect()
    wire.send(b"GET /health HTTP/1.1\r\nHost: loc")
    wire.close()
    assert _accesses(events) == []


def test_over_tls_a_refused_connection_is_closed_whole(stand: Stand) -> None:
    """TLS cannot half-close; the answer leaves, then the connection ends."""
    wire = stand.connect()
    alsoProvides(wire.server, ISSLTransport)
    wire.send(http_request("POST", "/mcp", headers={**JSON_HEADERS, "Content-Length": "2000000"}))
    assert wire.answer().status == 413
    assert wire.client.lost


def test_a_lingering_client_may_leave_early(stand: Stand) -> None:
    """The client that has read its refusal closes; no timer stays behind."""
    wire = stand.connect()
    wire.send(http_request("POST", "/mcp", headers={**JSON_HEADERS, "Content-Length": "2000000"}))
    wire.close()
    assert stand.clock.getDelayedCalls() == []


def test_a_refusal_is_made_once(stand: Stand) -> None:
    """Whatever else goes wrong on a connection that is ending, one answer is enough."""
    wire = stand.connect()
    wire.send(b"nonsense\r\n\r\n")
    (channel,) = stand.front.site.channels
    channel.refuse(Refusal(400, "x", "x"))
    channel.loseConnection()
    assert wire.answer().status == 400
    assert wire.unread == b""


def test_a_fault_after_the_answer_has_begun_breaks_the_connection(stand: Stand) -> None:
    """Half an answer must not look like a whole one."""

    def half(exchange: Exchange) -> None:
        exchange.stream("text/event-stream").write(b"half")
        raise RuntimeError("a secret")

    def late(exchange: Exchange) -> None:
        exchange.respond(200, b"{}")
        raise RuntimeError("a secret")

    stand.front.site.tree = Tree([Route("/half", {"GET": half}), Route("/late", {"GET": late})])
    first, second = stand.connect(), stand.connect()
    first.send(http_request("GET", "/half"))
    assert first.closed
    assert second.request("GET", "/late").status == 200
    assert not second.closed


def test_answers_to_nobody_are_dropped(stand: Stand) -> None:
    """Once the client is gone every way of answering is a no-op, and late watchers are told."""
    held: list[Exchange] = []
    stand.front.site.tree = Tree([Route("/hold", {"GET": held.append})])
    wire = stand.connect()
    wire.send(http_request("GET", "/hold"))
    wire.close()
    (exchange,) = held
    gone: list[bool] = []
    exchange.on_gone(lambda: gone.append(True))
    assert gone == [True]
    exchange.respond(200, b"{}")
    assert not exchange.stream("text/event-stream").write(b"x")
    exchange.end_stream()
    exchange.switch(Protocol())


def test_a_watcher_of_a_finished_answer_hears_nothing(stand: Stand) -> None:
    """Finished is not gone."""
    held: list[Exchange] = []
    stand.front.site.tree = Tree([Route("/hold", {"GET": held.append})])
    wire = stand.connect()
    wire.send(http_request("GET", "/hold"))
    (exchange,) = held
    gone: list[bool] = []
    exchange.respond(200, b"{}")
    exchange.respond(200, b"{}")
    exchange.on_gone(lambda: gone.append(True))
    wire.close()
    assert gone == []


def test_an_endpoint_may_refuse(stand: Stand) -> None:
    """A Refusal of the endpoint's is answered like one of ours, headers included."""

    def refuse(exchange: Exchange) -> None:
        raise Refusal(429, "slow_down", "Not so fast.", (("Retry-After", "9"),))

    stand.front.site.tree = Tree([Route("/no", {"GET": refuse})])
    answer = stand.connect().request("GET", "/no")
    assert answer.status == 429
    assert answer.header("Retry-After") == "9"
    assert answer.json() == {"error": {"code": "slow_down", "message": "Not so fast."}}


def test_the_caller_is_named_before_anything_is_said_of_the_path() -> None:
    """A caller that is not let in does not learn which paths there are."""

    def identify(exchange: Exchange) -> Principal:
        if exchange.header("authorization") != "Bearer good":
            raise Refusal(401, "no_token", "A token is needed.", (("WWW-Authenticate", "Bearer"),))
        return Principal("ada")

    stand = Stand(identify=identify)
    wire = stand.connect()
    for path in ("/status", "/nowhere"):
        answer = wire.request("GET", path)
        assert answer.status == 401
        assert answer.header("WWW-Authenticate") == "Bearer"
    message = modern("tools/call", call("echo"))
    send_post(wire, message, {**modern_headers(message), "Authorization": "Bearer good"})
    assert wire.answer().status == 200
    assert stand.toolbox.contexts[0].facts.principal == Principal("ada")
    stand.close()


def test_the_factory_has_no_life_of_its_own(stand: Stand) -> None:
    """Starting and stopping to listen leaves neither files nor timers."""
    stand.front.site.doStart()
    stand.front.site.doStop()
    assert stand.clock.getDelayedCalls() == []


def test_aborting_a_connection_that_was_handed_over_does_nothing(stand: Stand) -> None:
    """The channel has no socket any more."""
    wire = stand.connect()
    (channel,) = stand.front.site.channels
    assert wire.upgrade().status == 101
    channel.abort()
    assert not wire.closed


def test_any_transport_will_do(stand: Stand) -> None:
    """What is no TCP has no keep-alive and no half-close, and is served all the same."""
    transport = StringTransport()
    channel = stand.front.site.buildProtocol(None)
    channel.makeConnection(transport)
    channel.dataReceived(http_request("GET", "/health"))
    assert transport.value().startswith(b"HTTP/1.1 200 ")
    channel.connectionLost(Failure(ConnectionDone()))


def test_a_fault_in_a_check_lets_nobody_in(events: list[LogEvent]) -> None:
    """It is answered 500 like any other fault, before and after a body, and logged."""

    def identify(exchange: Exchange) -> Principal:
        raise RuntimeError("a secret")

    stand = Stand(identify=identify)
    wire = stand.connect()
    assert wire.request("GET", "/status").status == 500
    send_post(wire, {"name": "echo"}, JSON_HEADERS, "/mcp/tools/call")
    answer = wire.answer()
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert stand.toolbox.contexts == []
    assert len([event for event in events if "log_failure" in event]) == 2
    stand.close()


def test_after_a_switch_there_is_nothing_to_answer(stand: Stand) -> None:
    """The connection is another protocol's: what comes late is dropped, and is no fault."""
    late: list[str] = []

    def upgrade(exchange: Exchange) -> None:
        exchange.switch(Protocol())
        exchange.respond(200, b"late")
        late.append("dropped")

    stand.front.site.tree = Tree([Route("/up", {"GET": upgrade})])
    wire = stand.connect()
    wire.send(http_request("GET", "/up"))
    assert late == ["dropped"]
    assert wire.unread == b""
