"""What a connection remembers of one head never answers for another: each is judged as if new."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from twisted.logger import LogEvent

from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.transports.channel import BODY_S, HEAD_S
from snowflake_mcp.transports.exchange import Exchange
from snowflake_mcp.transports.guard import Guard
from snowflake_mcp.transports.headers import Cors
from snowflake_mcp.transports.tree import Route, Tree
from tests.support.messages import HANDSHAKE, STATELESS
from tests.support.wire import Wire, http_request
from tests.unit.transports.stand import (
    Stand,
    call,
    initialize,
    modern,
    modern_headers,
    post_handshake,
    send_post,
)
from tests.unit.transports.test_callers import ANA, BO, PROVIDER, Guarded

MESSAGE = modern("tools/call", call("echo"))
HEADERS = {**modern_headers(MESSAGE), "Origin": "http://127.0.0.1:8000", "X-Request-Id": "one"}
BODY = json.dumps(MESSAGE).encode()
GOOD = http_request("POST", "/mcp", BODY, headers=HEADERS)
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
_DATE = re.compile(rb"Date: [^\r]*\r\n")


def _other(body: bytes = BODY, extra: Sequence[str] = (), **changed: str | None) -> bytes:
    """The good request with other headers; ``None`` takes one away."""
    changes = {name.replace("_", "-"): value for name, value in changed.items()}
    wanted = {**HEADERS, **changes}
    host = wanted.pop("Host", "127.0.0.1:8000")
    headers = {name: value for name, value in wanted.items() if value is not None}
    return http_request("POST", "/mcp", body, headers=headers, extra=tuple(extra), host=host)


def _long(name: str) -> bytes:
    """A call of a tool whose arguments make the body longer."""
    return json.dumps(modern("tools/call", call(name, size=12_345))).encode()


SECOND = {
    "the same": GOOD,
    "host foreign": _other(Host="evil.example"),
    "host missing": _other(Host=None),
    "host doubled": _other(extra=["Host: 127.0.0.1:8000"]),
    "origin foreign": _other(Origin="http://evil.example"),
    "origin doubled": _other(extra=["Origin: http://127.0.0.1:8000"]),
    "no origin": _other(Origin=None),
    "accept lacks streams": _other(Accept="application/json"),
    "accept missing": _other(Accept=None),
    "type is text": _other(Content_Type="text/plain"),
    "type doubled": _other(extra=["Content-Type: application/json"]),
    "compressed": _other(Content_Encoding="gzip"),
    "another revision": _other(MCP_Protocol_Version="2001-01-01"),
    "revision of sessions": _other(MCP_Protocol_Version=HANDSHAKE),
    "no revision": _other(MCP_Protocol_Version=None),
    "revision doubled": _other(extra=[f"MCP-Protocol-Version: {STATELESS}"]),
    "another method": _other(Mcp_Method="tools/list"),
    "method missing": _other(Mcp_Method=None),
    "method doubled": _other(extra=["Mcp-Method: tools/call"]),
    "another name": _other(Mcp_Name="big"),
    "name missing": _other(Mcp_Name=None),
    "name doubled": _other(extra=["Mcp-Name: echo"]),
    "name doubled, with a blank": _other(extra=["Mcp-Name: a b"]),
    "name folded": _other(extra=["Mcp-Other: a", " b"]),
    "name and body": _other(_long("big"), Mcp_Name="big"),
    "body longer": _other(_long("echo")),
    "traced": _other(X_B3_TraceId="80f198ee56343ba8", CF_Ray="230b030023ae2822-SJC"),
    "names in another case": GOOD.replace(b"Mcp-Name", b"mcp-nAME"),
    "another id": _other(X_Request_Id="two"),
    "no id": _other(X_Request_Id=None),
    "id not harmless": _other(X_Request_Id="two;three"),
    "id under another name": GOOD.replace(b"X-Request-Id", b"Traceparent"),
    "name and method exchanged": GOOD.replace(b"Mcp-Name", b"Mcp-N")
    .replace(b"Mcp-Method", b"Mcp-Name")
    .replace(b"Mcp-N:", b"Mcp-Method:"),
    "id doubled": _other(extra=["X-Request-Id: two"]),
    "length with a sign": _other(Content_Length=f"+{len(BODY)}"),
    "length with thirteen digits": _other(Content_Length=f"{len(BODY):013}"),
    "length with twelve digits": _other(Content_Length=f"{len(BODY):012}"),
    "length in hexadecimal": _other(Content_Length=hex(len(BODY))),
    "length a list": _other(Content_Length=f"{len(BODY)},{len(BODY)}"),
    "length doubled": _other(extra=[f"Content-Length: {len(BODY)}"]),
    "length too large": _other(Content_Length="99999999999"),
    "length none": _other(b"", Content_Length="0"),
    "length missing": _other(Content_Length=None),
    "chunked": _other(CHUNKS, Transfer_Encoding="chunked", Content_Length="x").replace(
        b"Content-Length: x\r\n", b""
    ),
    "chunked beside a length": _other(Transfer_Encoding="chunked"),
    "another coding": _other(Transfer_Encoding="identity"),
    "another path": GOOD.replace(b"/mcp ", b"/nowhere "),
    "a token in the query": GOOD.replace(b"/mcp ", b"/mcp?access_token=x "),
    "GET": GOOD.replace(b"POST", b"GET"),
    "OPTIONS": GOOD.replace(b"POST", b"OPTIONS"),
    "the oldest version": GOOD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "no version": GOOD.replace(b"HTTP/1.1", b"HTTP/3.0"),
    "the last one": _other(Connection="close"),
    "a control character": _other(X_Bell="\x07"),
    "an upgrade": _other(Upgrade="websocket", Connection="Upgrade"),
    "waits to send": _other(Expect="100-continue"),
    "too many headers": _other(extra=["X-Many: a"] * 64),
    "too large": _other(Mcp_Name="a" * 17_000),
}


def _answered(stand: Stand, *requests: bytes) -> bytes:
    """What a client gets for the last of its requests, on one connection."""
    wire = stand.connect()
    for request in requests[:-1]:
        wire.send(request)
        assert wire.answer().status == 200
    wire.send(requests[-1])
    answer = _DATE.sub(b"", wire.unread) + (b"closed" if wire.closed else b"")
    # One that the client did not name has one that is made up.
    return answer if b"X-Request-Id: one" in answer else _unnamed(answer)


def _unnamed(answer: bytes) -> bytes:
    return re.sub(rb"X-Request-Id: [0-9a-f]{16}\r\n", b"X-Request-Id: made up\r\n", answer)


@pytest.mark.parametrize("what", SECOND)
def test_a_second_request_is_answered_as_if_it_were_the_first(stand: Stand, what: str) -> None:
    """On a connection where nearly the same was good, as on a new one."""
    alone = _answered(stand, SECOND[what])
    assert _answered(stand, GOOD, SECOND[what]) == alone
    assert _answered(stand, GOOD, GOOD, SECOND[what]) == alone


@pytest.mark.parametrize("what", ["host foreign", "origin foreign", "another name", "chunked"])
def test_in_small_pieces_it_is_the_same(stand: Stand, what: str) -> None:
    """However the bytes of the second request arrive."""
    alone = _answered(stand, SECOND[what])
    wire = stand.connect()
    wire.send(GOOD)
    assert wire.answer().status == 200
    for start in range(0, len(SECOND[what]), 7):
        if not wire.closed:
            wire.send(SECOND[what][start : start + 7])
    answer = _DATE.sub(b"", wire.unread) + (b"closed" if wire.closed else b"")
    assert answer == alone


def test_each_request_has_its_own_values(stand: Stand) -> None:
    """Tool, id and length are those of the request, back and forth between two."""
    wire = stand.connect()
    names = ["echo", "big", "echo", "big", "big"]
    for number, name in enumerate(names):
        message = modern("tools/call", call(name, size=10**number), number)
        send_post(wire, message, {**modern_headers(message), "X-Request-Id": f"r-{number}"})
        answer = wire.answer()
        assert answer.json()["id"] == number
        assert answer.header("X-Request-Id") == f"r-{number}"
    assert [context.tool for context in stand.toolbox.contexts] == names


def test_a_header_that_comes_twice_stays_one_that_does(stand: Stand) -> None:
    """Even where only one of the two has another value than before."""
    wire = stand.connect()
    for name, body in (("echo", BODY), ("big", _long("big"))):
        wire.send(_other(body, Mcp_Name=name, extra=["Mcp-Name: a b"]))
        assert wire.answer().status == 400
    assert stand.toolbox.contexts == []


def test_what_answers_a_path_is_what_its_route_says_now(stand: Stand) -> None:
    """Another table of paths counts at once, on a connection that has asked before."""
    wire = stand.connect()
    wire.send(GOOD)
    assert wire.answer().status == 200

    def other(exchange: Exchange) -> None:
        exchange.respond(202)

    stand.front.site.tree = Tree([Route("/mcp", {"POST": other})])
    wire.send(GOOD)
    assert wire.answer().status == 202


def test_ids_that_are_made_differ(stand: Stand) -> None:
    """Many requests on a connection, no id twice, none that can be told from another."""
    wire = stand.connect()
    request = http_request("GET", "/health")
    seen = []
    for _ in range(600):
        wire.send(request)
        seen.append(wire.answer("GET").header("X-Request-Id"))
    assert len(set(seen)) == len(seen)
    assert all(re.fullmatch("[0-9a-f]{16}", str(each)) for each in seen)


def test_sessions_differ_on_one_connection(stand: Stand) -> None:
    """The session is the one that the request names, and one that has ended is unknown."""
    wire = stand.connect()
    first, second = initialize(wire), initialize(wire)
    for session in (first, second, first):
        post_handshake(wire, session, "tools/call", call("echo"))
        assert wire.answer().status == 200
    facts: list[Facts] = [context.facts for context in stand.toolbox.contexts]
    assert facts[0].session_id == facts[2].session_id != facts[1].session_id
    stand.kernel.end_session(str(facts[0].session_id))
    post_handshake(wire, first, "tools/call", call("echo"))
    assert wire.answer().status == 404


def test_a_host_that_is_taken_away_is_foreign_from_the_next_request_on() -> None:
    """The very same bytes, before and after a reload of the settings."""
    stand = Stand(allowed_hosts=("mcp.example",), allowed_origins=("https://app.example",))
    wire, site = stand.connect(), stand.front.site
    request = http_request(
        "GET", "/health", host="mcp.example", headers={"Origin": "https://app.example"}
    )

    def ask() -> int:
        wire.send(request)
        return wire.answer("GET").status

    def take(hosts: Sequence[str], origins: Sequence[str]) -> None:
        site.take(Guard(hosts, origins), Cors(()), 1_000, 1_000)

    assert [ask(), ask()] == [200, 200]
    take(["mcp.example"], [])
    assert ask() == 403
    take([], ["https://app.example"])
    assert ask() == 421
    take(["mcp.example"], ["https://app.example"])
    assert ask() == 200
    stand.close()


def test_a_host_that_is_taken_away_is_foreign_to_a_caller_who_was_let_in() -> None:
    """Where nothing else is asked of a head any more, host and origin are still."""
    stand = Stand(allowed_hosts=("mcp.example",))
    wire, site = stand.connect(), stand.front.site
    request = _other(Host="mcp.example", Origin="http://mcp.example")
    for _ in range(2):
        wire.send(request)
        assert wire.answer().status == 200
    site.take(Guard(), Cors(()), 10_000, 1_000)
    wire.send(request)
    assert wire.answer().status == 421
    stand.close()


def test_a_preflight_is_answered_by_the_origins_of_now(stand: Stand) -> None:
    """Though the path answered that method itself before."""

    def answer(exchange: Exchange) -> None:
        exchange.respond(202)

    guard, site = Guard(), stand.front.site
    site.take(guard, Cors(()), 1_000, 1_000)
    site.tree = Tree([Route("/mcp", {"OPTIONS": answer})])
    wire, seen = stand.connect(), []
    request = http_request("OPTIONS", "/mcp", headers={"Origin": "http://127.0.0.1:8000"})
    for origins in ((), (), ("http://127.0.0.1:8000",)):
        site.take(guard, Cors(origins), 1_000, 1_000)
        wire.send(request)
        seen.append(wire.answer().status)
    assert seen == [202, 202, 204]


def test_origins_that_may_read_are_those_of_now() -> None:
    """CORS headers follow the settings, on a connection that has been answered before."""
    stand = Stand(allowed_origins=("https://app.example",))
    wire, site = stand.connect(), stand.front.site
    request = http_request("GET", "/health", headers={"Origin": "https://app.example"})

    def readable() -> bool:
        wire.send(request)
        return wire.answer("GET").header("Access-Control-Allow-Origin") is not None

    guard = Guard((), ["https://app.example"])
    assert not readable()
    site.take(guard, Cors(["https://app.example"]), 1_000, 1_000)
    assert readable()
    site.take(guard, Cors(()), 1_000, 1_000)
    assert not readable()
    stand.close()


def test_a_smaller_limit_counts_from_the_next_request_on(stand: Stand) -> None:
    """A body that was let in before a reload is too large after it."""
    wire, site = stand.connect(), stand.front.site
    wire.send(GOOD)
    assert wire.answer().status == 200
    site.take(Guard(), Cors(()), len(BODY) - 1, 1_000)
    wire.send(GOOD)
    assert wire.answer().status == 413


def _asks(wire: Wire, headers: dict[str, str]) -> int:
    send_post(wire, MESSAGE, {**modern_headers(MESSAGE), **headers})
    return wire.answer().status


@pytest.fixture
def guarded(tmp_path: Path, http_parser: str) -> Guarded:
    """A server that asks who calls."""
    return Guarded(tmp_path)


def test_a_token_that_is_taken_back_lets_nobody_in(guarded: Guarded) -> None:
    """The same bytes on the same connection, before and after the reload."""
    wire = guarded.connect()
    assert [_asks(wire, ANA), _asks(wire, ANA)] == [200, 200]
    guarded.write_tokens("bbbb")
    guarded.auth.take(guarded.config)
    assert _asks(wire, ANA) == 401
    guarded.close()


def test_a_token_that_ends_lets_nobody_in(guarded: Guarded) -> None:
    """At the very second, without a reload."""
    wire = guarded.connect()
    assert _asks(wire, ANA) == 200
    guarded.now = 1_999.9
    assert _asks(wire, ANA) == 200
    guarded.now = 2_000.0
    assert _asks(wire, ANA) == 401
    guarded.close()


def test_a_table_that_is_taken_away_lets_nobody_in(guarded: Guarded) -> None:
    """The token is good, and its principal is none any more."""
    wire = guarded.connect()
    assert _asks(wire, ANA) == 200
    tables = {name: each for name, each in guarded.config.principals.items() if name != "ana"}
    guarded.auth.take(replace(guarded.config, principals=tables))
    assert _asks(wire, ANA) == 403
    guarded.close()


def test_callers_on_one_connection_are_told_apart(guarded: Guarded) -> None:
    """As behind a proxy: each request is its own caller's, or nobody's."""
    wire = guarded.connect()
    wrong = {"Authorization": ANA["Authorization"][:-1] + "x"}
    jwt = {"Authorization": f"Bearer {PROVIDER.sign(sub='zoe')}"}
    shown = [ANA, BO, ANA, jwt, ANA, wrong]
    assert [_asks(wire, each) for each in shown] == [200, 200, 200, 200, 200, 401]
    callers = [context.facts.principal.name for context in guarded.toolbox.contexts]
    assert callers == ["ana", "bo", "ana", "staff/zoe", "ana"]
    wire = guarded.connect()
    assert [_asks(wire, ANA), _asks(wire, {})] == [200, 401]
    guarded.close()


def test_a_credential_that_comes_twice_is_refused(guarded: Guarded) -> None:
    """After it was good once."""
    wire = guarded.connect()
    assert _asks(wire, ANA) == 200
    line = f"Authorization: {ANA['Authorization']}"
    headers = {**modern_headers(MESSAGE), **ANA}
    wire.send(http_request("POST", "/mcp", BODY, headers=headers, extra=(line,)))
    assert wire.answer().status == 400
    guarded.close()


def test_each_request_of_a_caller_is_counted(guarded: Guarded) -> None:
    """A caller who is known from the request before is one more that was identified."""
    wire = guarded.connect()
    for _ in range(3):
        assert _asks(wire, ANA) == 200
    (counted,) = (
        sample.values
        for sample in guarded.auth._metrics.samples()
        if sample.family.name == "authentications"
    )
    assert counted == {("token", "ok"): 3}
    guarded.close()


def test_who_may_do_without_is_asked_each_time(guarded: Guarded) -> None:
    """Callers without a credential are served while the settings say so."""
    wire = guarded.connect()
    open_to_all = replace(guarded.config, auth=replace(guarded.config.auth, allow_anonymous=True))
    guarded.auth.take(open_to_all)
    assert [_asks(wire, {}), _asks(wire, {})] == [200, 200]
    guarded.auth.take(guarded.config)
    assert _asks(wire, {}) == 401
    guarded.close()


def test_users_whom_a_proxy_names_are_told_apart(tmp_path: Path, http_parser: str) -> None:
    """On the one connection of a proxy that all of them share."""
    believed = {"trusted_proxies": ("203.0.113.9",)}
    guarded = Guarded(tmp_path, auth={"proxy_user_header": "X-User"}, believed=believed, **believed)
    wire = guarded.connect()
    for user in ("zoe", "yan", "zoe"):
        assert _asks(wire, {"X-User": user, "X-Forwarded-For": "198.51.100.7"}) == 200
    assert _asks(wire, {"X-Forwarded-For": "198.51.100.8"}) == 401
    callers = [context.facts.principal.name for context in guarded.toolbox.contexts]
    assert callers == ["staff/proxy:zoe", "staff/proxy:yan", "staff/proxy:zoe"]
    guarded.close()


def test_a_user_may_be_named_by_a_header_that_changes(tmp_path: Path, http_parser: str) -> None:
    """Even one that is otherwise of no account for who calls."""
    believed = {"trusted_proxies": ("203.0.113.9",)}
    guarded = Guarded(
        tmp_path, auth={"proxy_user_header": "X-Request-Id"}, believed=believed, **believed
    )
    wire = guarded.connect()
    for user in ("zoe", "yan"):
        assert _asks(wire, {"X-Request-Id": user, "X-Forwarded-For": "198.51.100.7"}) == 200
    callers = [context.facts.principal.name for context in guarded.toolbox.contexts]
    assert callers == ["staff/proxy:zoe", "staff/proxy:yan"]
    guarded.close()


def test_where_a_request_came_from_is_told_by_that_request(
    tmp_path: Path, http_parser: str, events: list[LogEvent]
) -> None:
    """A proxy sends the requests of many over one connection."""
    stand = Stand(trusted_proxies=("203.0.113.9",))
    wire = stand.connect()
    for address in ("198.51.100.7", "198.51.100.8", "198.51.100.7"):
        headers = {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
        assert _asks(wire, headers) == 200
    facts = [context.facts for context in stand.toolbox.contexts]
    assert [each.peer for each in facts] == ["198.51.100.7", "198.51.100.8", "198.51.100.7"]
    assert {each.origin for each in facts} == {"https://127.0.0.1:8000"}
    peers = [event["peer"] for event in events if "peer" in event]
    assert peers == ["198.51.100.7", "198.51.100.8", "198.51.100.7"]
    stand.close()


def test_a_set_of_tools_that_is_gone_is_not_found(stand: Stand) -> None:
    """The path below the endpoint counts as long as there is a set of that name."""
    stand.front._toolsets.take({"few": ["echo"]})
    wire = stand.connect()
    statuses = []
    for sets in ({"few": ["echo"]}, {"few": ["echo"]}, {}):
        stand.front._toolsets.take(sets)
        send_post(wire, MESSAGE, modern_headers(MESSAGE), "/mcp/few")
        statuses.append(wire.answer().status)
    assert statuses == [200, 200, 404]
    seen = {context.facts.principal.toolset for context in stand.toolbox.contexts}
    assert seen == {"few"}


def test_a_server_that_stops_says_so_to_a_client_it_knows(stand: Stand) -> None:
    """The next answer closes, though the head is the one that kept the connection open."""
    wire = stand.connect()
    wire.send(GOOD)
    assert wire.answer().header("Connection") is None
    stand.front.site.draining = True
    wire.send(GOOD)
    assert wire.answer().header("Connection") == "close"
    assert wire.closed


def test_who_may_know_of_a_path_is_asked_each_time(stand: Stand) -> None:
    """The right may be gone at the very next request, and nothing else has changed."""
    rights = [True]

    def answer(exchange: Exchange) -> None:
        exchange.respond(202)

    secret = Route("/mcp", {"POST": answer}, admits=lambda _: rights[0])
    stand.front.site.tree = Tree([secret])
    wire, seen = stand.connect(), []
    for right in (True, True, False):
        rights[0] = right
        wire.send(GOOD)
        seen.append(wire.answer().status)
    assert seen == [202, 202, 404]


@pytest.mark.parametrize("size", [1, 700, 1 << 20])
def test_the_same_again_without_a_pause(stand: Stand, size: int) -> None:
    """Many at once on a connection, a line end too many between them, in pieces of any size."""
    wire = stand.connect()
    other = _other(_long("big"), Mcp_Name="big")
    sent = GOOD + GOOD + b"\r\n" + GOOD + b"\r\n" + other + other + b"\r\n" + GOOD
    for start in range(0, len(sent), size):
        wire.send(sent[start : start + size])
    assert [wire.answer().status for _ in range(6)] == [200] * 6
    tools = [context.tool for context in stand.toolbox.contexts]
    assert tools == ["echo", "echo", "echo", "big", "big", "echo"]
    assert wire.unread == b""
    assert not wire.closed


def test_a_head_too_long_to_keep_comes_between(stand: Stand) -> None:
    """It is read each time, and what was kept before does not stand for it, nor the reverse."""
    wire = stand.connect()
    long = _other(X_Long="a" * 5_000, Mcp_Name="big")
    statuses = []
    for request in (GOOD, long, GOOD, long, long, GOOD):
        wire.send(request)
        statuses.append(wire.answer().status)
    assert statuses == [200, 400, 200, 400, 400, 200]


def test_a_body_that_comes_too_slowly_ends_a_connection_that_was_good(stand: Stand) -> None:
    """Its time runs though the head was read at a glance, and no time runs once it is there."""
    wire = stand.connect()
    wire.send(GOOD)
    assert wire.answer().status == 200
    wire.send(GOOD[:-10])
    for at in range(-10, -5):
        wire.advance(BODY_S / 6)
        wire.send(GOOD[at : at + 1])
    wire.send(GOOD[-5:])
    assert wire.answer().status == 200
    wire.advance(BODY_S / 5)
    wire.send(GOOD[:-10])
    for at in range(-10, -4):
        wire.send(GOOD[at : at + 1])
        wire.advance(BODY_S / 6)
    assert wire.answer().status == 408
    assert wire.closed


def test_a_head_that_comes_too_slowly_ends_a_connection_that_was_good(stand: Stand) -> None:
    """The time runs from its first byte; not from a line end too many."""
    wire = stand.connect()
    wire.send(GOOD)
    assert wire.answer().status == 200
    wire.send(b"\r")
    wire.send(b"\n")
    wire.advance(HEAD_S)
    wire.send(GOOD[:30])
    wire.advance(HEAD_S - 1)
    assert stand.front.counts()["http"]["busy"] == 1
    wire.send(GOOD[30:])
    assert wire.answer().status == 200
    assert stand.front.counts()["http"]["busy"] == 0
    wire.send(GOOD[:30])
    wire.advance(HEAD_S)
    assert wire.answer().status == 408
