"""What is read, and what is refused, is the same with each parser."""

import re

import pytest

from snowflake_mcp.transports.exchange import Exchange
from snowflake_mcp.transports.llhttp import LlhttpChannel
from snowflake_mcp.transports.tree import Route, Tree
from snowflake_mcp.transports.twisted_web import TwistedChannel
from tests.support.wire import encode_frame, http_request
from tests.unit.transports.stand import Stand, modern, modern_headers, send_post

HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
POST = (
    b"POST /mcp/tools/call HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/json\r\n"
)
BODY = b'{"name":"echo","arguments":{}}'
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] \d{3} [A-Za-z ]+")
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


def _status_lines(stand: Stand, data: bytes) -> list[bytes]:
    wire = stand.connect()
    wire.send(data)
    return _STATUS_LINE.findall(wire.client.received)


@pytest.mark.parametrize(
    "head",
    [
        HEALTH + b"X-Long: one\r\n two\r\n",
        HEALTH + b"X-Long: one\r\n\ttwo\r\n",
        b"GET /health HTTP/1.1\r\n Host: 127.0.0.1:8000\r\n",
        HEALTH + b"X-Bell: \x07\r\n",
        HEALTH + b"X-Nul: a\0b\r\n",
        HEALTH + b"X-Delete: \x7f\r\n",
        HEALTH + b"X-Bare: a\nX-Other: b\r\n",
        HEALTH + b"X-Bare: a\rX-Other: b\r\n",
        HEALTH + b"X-Space : a\r\n",
        HEALTH + b": a\r\n",
        HEALTH + b"no colon\r\n",
        HEALTH + b"X-\xe9: a\r\n",
        HEALTH + b"Transfer-Encoding: identity\r\n",
        HEALTH + b"Transfer-Encoding: gzip, chunked\r\n",
        HEALTH + b"Transfer-Encoding: chunked, gzip\r\n",
        HEALTH + b"Transfer-Encoding: xchunked\r\n",
        HEALTH + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        HEALTH + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        HEALTH + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        HEALTH + b"Content-Length: 5\r\nContent-Length: 5\r\n",
        HEALTH + b"Content-Length: 5, 5\r\n",
        HEALTH + b"Content-Length: +5\r\n",
        HEALTH + b"Content-Length: 0x5\r\n",
        HEALTH + b"Content-Length: \r\n",
        HEALTH + b"Content-Length: 0000000000005\r\n",
        HEALTH + b"X-Many: a\r\n" * 64,
        HEALTH + b"X-Large: " + b"a" * 16_384 + b"\r\n",
        HEALTH + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 400) for n in range(42)),
        b"GET /health HTTP/2.0\r\nHost: 127.0.0.1:8000\r\n",
        b"GET /health http/1.1\r\nHost: 127.0.0.1:8000\r\n",
        b"GET /health\r\nHost: 127.0.0.1:8000\r\n",
        b"GET  /health HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n",
        b"GET /hea lth HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n",
        b"GET /hea\tlth HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n",
        b"G(T /health HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n",
        b"\r\n\r\n" + HEALTH,
    ],
)
def test_what_is_no_request_is_refused(stand: Stand, head: bytes) -> None:
    """400, once, and nothing behind it is read."""
    assert _status_lines(stand, head + b"\r\n" + HEALTH + b"\r\n") == [b"HTTP/1.1 400 Bad Request"]


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"\r\n" + HEALTH + b"\r\n", [200]),
        (HEALTH + b"\r\n\r\n" + HEALTH + b"\r\n", [200, 200]),
        (HEALTH + b"X-Empty:\r\nX-Tight:a\r\nX-Wide: \t a \t \r\nX-Latin: \xe9\r\n\r\n", [200]),
        (HEALTH + b"X-Few: a\r\n" * 63 + b"\r\n", [200]),
        (HEALTH.replace(b"GET", b"FROB") + b"\r\n", [405]),
        (HEALTH.replace(b"GET", b"PRI") + b"\r\n", [405]),
        (HEALTH.replace(b"GET", b"CONNECT") + b"\r\n" + HEALTH + b"\r\n", [405, 200]),
        (HEALTH + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + HEALTH + b"\r\n", [200, 200]),
        (HEALTH + b"Connection: keep-alive, Close\r\n\r\n" + HEALTH + b"\r\n", [200]),
        (HEALTH + b"Connection: x\r\nConnection: close\r\n\r\n" + HEALTH + b"\r\n", [200]),
        (POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY + HEALTH + b"\r\n", [200, 200]),
        (POST + b"Content-Length:  %d \t\r\n\r\n" % len(BODY) + BODY, [200]),
        (POST + b"Transfer-Encoding: Chunked\r\n\r\n" + CHUNKED + HEALTH + b"\r\n", [200, 200]),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + HEALTH + b"\r\n", [400]),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED + b"nonsense\r\n\r\n", [200, 400]),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_what_is_a_request_is_answered(
    stand: Stand, data: bytes, statuses: list[int], step: int
) -> None:
    """In pieces of any size, with others behind it."""
    wire = stand.connect()
    for start in range(0, len(data), step):
        wire.send(data[start : start + step])
    lines = _STATUS_LINE.findall(wire.client.received)
    assert [int(line.split(b" ")[1]) for line in lines] == statuses


def test_the_oldest_clients_are_answered_in_their_version(stand: Stand) -> None:
    """HTTP/1.0, and the connection ends; a stream ends with it and has no chunks."""

    def stream(exchange: Exchange) -> None:
        exchange.stream("text/plain").write(b"all of it")
        exchange.end_stream()

    old = HEALTH.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n"
    assert _status_lines(stand, old + old) == [b"HTTP/1.0 200 OK"]
    stand.front.site.tree = Tree([Route("/health", {"GET": stream})])
    wire = stand.connect()
    wire.send(old)
    head, _, body = wire.client.received.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert body == b"all of it"
    assert wire.closed


def test_thousands_of_requests_at_once_are_answered_one_by_one(stand: Stand) -> None:
    """However many stand behind each other, and without climbing the stack for each."""
    stand.status.health = dict  # type: ignore[method-assign]
    assert len(_status_lines(stand, (HEALTH + b"\r\n") * 2_000)) == 2_000


def test_a_body_is_asked_for_where_the_client_waits(stand: Stand) -> None:
    """Expect: 100-continue."""
    wire = stand.connect()
    wire.send(POST + b"Expect: 100-Continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))
    assert wire.unread == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(BODY)
    assert b"HTTP/1.1 200 OK\r\n" in wire.unread


def test_frames_may_follow_an_upgrade_at_once(stand: Stand) -> None:
    """What comes in one piece with the upgrade request reaches the WebSocket."""
    wire = stand.connect()
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "mcp",
    }
    wire.send(http_request("GET", "/mcp", headers=headers) + encode_frame(9, b"still there?"))
    assert wire.answer("GET").status == 101
    assert [(frame.opcode, frame.payload) for frame in wire.frames()] == [(10, b"still there?")]


def test_a_quiet_connection_is_closed_after_its_time(stand: Stand) -> None:
    """Counted from the last byte or the last answer; a request that runs is no silence."""
    wire = stand.connect()
    for _ in range(3):
        wire.advance(14.0)
        assert wire.request("GET", "/health").status == 200
    message = modern("tools/call", {"name": "wait", "arguments": {}})
    send_post(wire, message, modern_headers(message))
    wire.advance(14.9)
    stand.toolbox.release()
    wire.flush()
    assert wire.answer().status == 200
    wire.advance(14.9)
    assert not wire.closed
    wire.advance(0.2)
    assert wire.closed


def test_pieces_of_a_head_have_one_time_limit(stand: Stand) -> None:
    """Each byte keeps the connection from being idle, and none puts off the end."""
    wire = stand.connect()
    for byte in HEALTH[:20]:
        wire.send(bytes([byte]))
        wire.advance(0.6)
    assert b"HTTP/1.1 408 " in wire.client.received


def test_each_parser_reads_its_own_run(stand: Stand, request: pytest.FixtureRequest) -> None:
    """The tests that bear the name of a parser are run over that one."""
    named = request.node.callspec.params["http_parser"]
    channel = stand.front.site.buildProtocol(None)
    assert isinstance(channel, {"llhttp": LlhttpChannel, "twisted": TwistedChannel}[named])


def test_there_are_two_parsers() -> None:
    """Another word is a mistake of the operator's, told at start."""
    with pytest.raises(ValueError, match=r"http.parser: 'nginx' is none of llhttp, twisted"):
        Stand(parser="nginx")
