"""Who may call, on the wire: every transport asks, and nothing but a credential answers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent

from snowflake_mcp.auth.authentication import Authentication
from snowflake_mcp.auth.token_file import write_tokens
from snowflake_mcp.auth.tokens import Token, bearer_of, digest_of
from snowflake_mcp.config.identity import AuthSettings, OAuthSettings
from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    HttpSettings,
    PrincipalSettings,
)
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.principal import Principal
from tests.support.bad_inputs import credentials_of, judged_http, request_bytes, rows
from tests.support.issuer import AUDIENCE, ISSUER, Issuer
from tests.support.messages import INITIALIZE, JSON_HEADERS
from tests.support.wire import HttpAnswer, Wire, encode_frame, http_request
from tests.unit.transports.stand import (
    Stand,
    call,
    modern,
    modern_headers,
    send_post,
)

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFG"
ANA = {"Authorization": f"Bearer {bearer_of('aaaa', SECRET)}"}
BO = {"Authorization": f"Bearer {bearer_of('bbbb', SECRET)}"}
PROVIDER = Issuer(k1="EC")
OAUTH = OAuthSettings(issuer=ISSUER, resource=AUDIENCE, required_scopes=("mcp",))
WELL_KNOWN = "/.well-known/oauth-protected-resource"


class Guarded(Stand):
    """A server that asks who calls: tokens of ana (until 2000) and bo, and an OAuth provider."""

    def __init__(self, folder: Path, **http: Any) -> None:
        self.now = 1_000.0
        self.folder = folder
        clock = Clock()
        keys = folder / "jwks.json"
        keys.write_bytes(PROVIDER.jwks())
        self.config = Config(
            ConnectionSettings("demo", Backend.DEMO),
            http=replace(HttpSettings(), **http.pop("believed", {})),
            auth=replace(
                AuthSettings(token_file=str(folder / "tokens.toml")), **http.pop("auth", {})
            ),
            oauth=replace(OAUTH, jwks_file=str(keys))
            if http.pop("oauth", True)
            else OAuthSettings(),
            principals=MappingProxyType(
                {
                    "ana": PrincipalSettings("ana"),
                    "bo": PrincipalSettings("bo"),
                    "staff": PrincipalSettings("staff", subjects=("*",)),
                }
            ),
        )
        self.write_tokens("aaaa", "bbbb")
        self.auth = Authentication(
            self.config,
            lambda url, within_s: self.provider(url),
            clock,
            lambda: self.now,
            Metrics(),
        )
        super().__init__(clock=clock, authentication=self.auth, **http)

    def provider(self, url: str) -> Any:
        raise AssertionError(url)

    def write_tokens(self, *ids: str) -> None:
        """These, and no others."""
        every = {
            "aaaa": Token("aaaa", "ana", digest_of(SECRET), 1.0, 2_000.0),
            "bbbb": Token("bbbb", "bo", digest_of(SECRET), 1.0),
        }
        write_tokens(self.folder / "tokens.toml", [every[each] for each in ids])

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> HttpAnswer:
        """A request without a body."""
        wire = self.connect()
        wire.send(http_request(method, path, headers=headers or {}))
        return wire.answer(method)

    def post(self, headers: dict[str, str], name: str = "echo") -> HttpAnswer:
        """A stateless-era tool call."""
        wire = self.connect()
        message = modern("tools/call", call(name))
        send_post(wire, message, {**modern_headers(message), **headers})
        return wire.answer()

    def initialize(self, headers: dict[str, str]) -> tuple[Wire, str]:
        """A handshake-era session."""
        wire = self.connect()
        send_post(wire, INITIALIZE, {**JSON_HEADERS, **headers})
        session = wire.answer().header("Mcp-Session-Id")
        assert session is not None
        return wire, session


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    """A server that asks."""
    made = Guarded(tmp_path)
    yield made
    made.auth.stop()
    made.close()


def test_every_path_asks_but_those_that_tell_nothing(guarded: Guarded) -> None:
    """T-03: probes and metadata are open, everything else is not, unknown paths included."""
    for path in ("/health", "/health/live", "/health/ready", WELL_KNOWN, f"{WELL_KNOWN}/mcp"):
        assert guarded.ask("GET", path).status == 200
    for path in ("/mcp", "/mcp/tools", "/status", "/metrics", "/openapi.json", "/admin", "/x"):
        answer = guarded.ask("GET", path)
        assert answer.status == 401
        assert "resource_metadata=" in str(answer.header("WWW-Authenticate"))
    for path in ("/mcp/tools", "/status", "/metrics", "/openapi.json"):
        assert guarded.ask("GET", path, ANA).status == 200
    assert guarded.ask("GET", "/.well-known/oauth-authorization-server").status == 404


def test_paths_that_the_operator_opens(tmp_path: Path) -> None:
    """For a Prometheus without a token."""
    stand = Guarded(tmp_path, auth={"open_paths": ("/metrics",)})
    assert stand.ask("GET", "/metrics").status == 200
    assert stand.ask("GET", "/status").status == 401
    stand.close()


def test_the_metadata_names_the_provider(guarded: Guarded, tmp_path: Path) -> None:
    """A-01, A-02: at both places; without OAuth there is none."""
    for path in (WELL_KNOWN, f"{WELL_KNOWN}/mcp"):
        document = guarded.ask("GET", path).json()
        assert (document["resource"], document["authorization_servers"]) == (AUDIENCE, [ISSUER])
    plain = Guarded(tmp_path, oauth=False)
    assert plain.ask("GET", WELL_KNOWN).status == 404
    answer = plain.ask("GET", "/mcp/tools")
    assert (answer.status, answer.header("WWW-Authenticate")) == (
        401,
        'Bearer realm="snowflake-mcp"',
    )
    plain.close()


def test_every_call_has_its_caller(guarded: Guarded) -> None:
    """By token or by access token, over MCP and REST."""
    assert guarded.post(ANA).status == 200
    assert guarded.post({"Authorization": f"Bearer {PROVIDER.sign()}"}).status == 200
    wire = guarded.connect()
    send_post(wire, {"name": "echo"}, {**JSON_HEADERS, **BO}, "/mcp/tools/call")
    assert wire.answer().status == 200
    assert [each.facts.principal for each in guarded.toolbox.contexts] == [
        Principal("ana", "ana"),
        Principal("staff/ana", "staff"),
        Principal("bo", "bo"),
    ]
    assert guarded.post({}).status == 401
    assert len(guarded.toolbox.contexts) == 3


def test_a_preflight_needs_no_credential(tmp_path: Path) -> None:
    """A browser never sends one with it; the refusal of the request itself can be read."""
    origin = "https://app.example.com"
    stand = Guarded(tmp_path, cors_origins=(origin,))
    asked = {"Origin": origin, "Access-Control-Request-Headers": "authorization"}
    answer = stand.ask("OPTIONS", "/mcp", asked)
    assert answer.status == 204
    assert "Authorization" in str(answer.header("Access-Control-Allow-Headers"))
    refused = stand.ask("GET", "/mcp/tools", {"Origin": origin})
    assert refused.status == 401
    assert refused.header("Access-Control-Allow-Origin") == origin
    assert "WWW-Authenticate" in str(refused.header("Access-Control-Expose-Headers"))
    assert stand.ask("OPTIONS", "/mcp").status == 401
    stand.close()


def test_a_session_is_no_credential(guarded: Guarded) -> None:
    """A-08: without a token its id opens nothing, and to another principal it does not exist."""
    wire, session = guarded.initialize(ANA)
    for headers, status in ((ANA, 200), (BO, 404), ({}, 401)):
        wire = guarded.connect()
        post = {**JSON_HEADERS, "Mcp-Session-Id": session, **headers}
        send_post(wire, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, post)
        assert wire.answer().status == status
    stream = {"Accept": "text/event-stream", "Mcp-Session-Id": session}
    assert guarded.ask("GET", "/mcp", {**stream, **BO}).status == 404
    assert guarded.ask("DELETE", "/mcp", {**stream, **BO}).status == 404
    assert guarded.ask("DELETE", "/mcp", {**stream, **ANA}).status == 204


def test_a_token_that_expires_ends_a_session_s_requests(guarded: Guarded) -> None:
    """F-36: authorization is asked for at every request, whatever the session says."""
    wire, session = guarded.initialize(ANA)
    guarded.now = 2_000.0
    send_post(
        wire,
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {**JSON_HEADERS, "Mcp-Session-Id": session, **ANA},
    )
    answer = wire.answer()
    assert (answer.status, answer.json()["error"]["data"]) == (401, {"reason": "expired_token"})


def test_a_websocket_asks_at_its_upgrade(guarded: Guarded) -> None:
    """The refusal is an ordinary answer."""
    assert guarded.connect().upgrade().status == 401
    assert guarded.connect().upgrade(**ANA).status == 101


def test_a_websocket_closes_when_its_token_expires(guarded: Guarded) -> None:
    """F-36: with 1008, at that moment; what it had asked for stops."""
    guarded.now = 1_990.0
    wire = guarded.connect()
    assert wire.upgrade(**ANA).status == 101
    wire.send_text(modern("tools/call", call("wait")))
    assert len(guarded.toolbox.waiting) == 1
    guarded.clock.advance(9.9)
    assert wire.frames() == []
    guarded.now = 2_000.0
    guarded.clock.advance(0.1)
    wire.flush()
    (close,) = [frame for frame in wire.frames() if frame.opcode == 8]
    assert close.close_code == 1008
    wire.send(encode_frame(8, close.payload))
    assert guarded.toolbox.cancelled == ["disconnect"]


def test_a_websocket_is_asked_again_at_every_message(guarded: Guarded) -> None:
    """A machine that slept has late timers and a right calendar."""
    wire = guarded.connect()
    assert wire.upgrade(**ANA).status == 101
    guarded.now = 2_000.0
    wire.send_text(modern("tools/call", call("echo")))
    assert [frame.close_code for frame in wire.frames()] == [1008]
    assert guarded.toolbox.contexts == []


def test_a_token_that_is_taken_back_closes_its_websockets(guarded: Guarded) -> None:
    """At the reload, and nobody else's."""
    wires = []
    for headers in (ANA, BO):
        wires.append(guarded.connect())
        assert wires[-1].upgrade(**headers).status == 101
    guarded.write_tokens("aaaa")
    guarded.auth.take(guarded.config)
    wires[1].flush()
    assert [frame.close_code for frame in wires[1].frames()] == [1008]
    wires[0].send_text(modern("ping"))
    assert [frame.opcode for frame in wires[0].frames()] == [1]
    assert guarded.connect().upgrade(**BO).status == 401


def test_event_streams_end_with_the_token(guarded: Guarded) -> None:
    """F-36: a session's stream, and a subscription of the stateless era."""
    _, session = guarded.initialize(ANA)
    stream = guarded.connect()
    stream.send(
        http_request(
            "GET",
            "/mcp",
            headers={"Accept": "text/event-stream", "Mcp-Session-Id": session, **ANA},
        )
    )
    listening = guarded.connect()
    message = modern("subscriptions/listen", {"notifications": {}})
    send_post(listening, message, {**modern_headers(message), **ANA})
    assert not stream.answer().complete
    assert not listening.answer().complete
    guarded.now = 2_000.0
    stream.advance(1_000)
    listening.flush()
    assert stream.answer().complete
    assert listening.answer().complete
    assert guarded.kernel.running == 0


def test_the_old_event_streams_too(tmp_path: Path) -> None:
    """HTTP+SSE: the stream ends, and what it had asked for stops."""
    stand = Guarded(tmp_path, legacy_sse=True)
    stream = stand.connect()
    stream.send(http_request("GET", "/sse", headers={"Accept": "text/event-stream", **ANA}))
    path = stream.answer().body.decode().partition("data: ")[2].strip()
    for headers, status in (({}, 401), (BO, 404), (ANA, 202)):
        wire = stand.connect()
        send_post(wire, INITIALIZE, {**JSON_HEADERS, **headers}, path)
        assert wire.answer().status == status
    stand.now = 2_000.0
    stream.advance(1_000)
    assert stream.answer().complete
    assert stand.front.counts()["sse"]["connections"] == 0
    stand.auth.stop()
    stand.close()


def test_a_user_header_counts_from_a_trusted_proxy_only(tmp_path: Path) -> None:
    """Anybody could send it."""
    for trusted, status in ((("203.0.113.9",), 200), (("203.0.113.10",), 401)):
        believed = {"trusted_proxies": trusted}
        stand = Guarded(
            tmp_path,
            auth={"proxy_user_header": "X-User"},
            believed=believed,
            **believed,
        )
        assert stand.post({"X-User": "ana"}).status == status
        stand.close()


def test_a_token_in_the_query_string_is_refused(guarded: Guarded) -> None:
    """A-06: even beside a good one, and neither stands in the log."""
    wire = guarded.connect()
    wire.send(http_request("GET", "/mcp/tools?x=1&access_token=abc", headers=ANA))
    assert wire.answer().json()["error"]["code"] == "token_in_query"


def test_the_access_log_has_the_caller_and_no_credential(
    guarded: Guarded, events: list[LogEvent]
) -> None:
    """A-06: by the principal's name."""
    guarded.ask("GET", "/mcp/tools?access_token=abc")
    guarded.ask("GET", "/mcp/tools", ANA)
    lines = [each for each in events if "path" in each]
    assert [(each["status"], each["caller"]) for each in lines] == [(401, ""), (200, "ana")]
    assert SECRET not in str(events)
    assert "abc" not in str([formatEvent(each) for each in events])


def test_rows_about_credentials_are_answered_as_the_table_says(tmp_path: Path) -> None:
    """A-03, A-05, A-08: status and code of every row, and the server answers on."""
    wrong: dict[str, Any] = {}
    for row in rows("http", credentials=True):
        stand = Guarded(tmp_path)
        owner = {"Authorization": f"Bearer {PROVIDER.sign(sub='owner')}"}
        _, session = stand.initialize(owner)
        words = credentials_of(PROVIDER, stand.now, session)
        wire = stand.connect(port=8080)
        wire.send(request_bytes(row, None, 8080, words))
        answer = wire.answer("POST")
        came = judged_http(row, answer)
        challenged = answer.header("WWW-Authenticate") is not None
        if came is not None or challenged != (answer.status in {400, 401, 403}):
            wrong[row["id"]] = (came, challenged)
        assert stand.ask("GET", "/health").status == 200
        stand.close()
    assert wrong == {}


class Slow(Guarded):
    """A server whose provider takes its time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.keys: Deferred[bytes] = Deferred()
        self.auth.take(replace(self.config, oauth=replace(OAUTH, jwks_url="https://idp/keys")))

    def provider(self, url: str) -> Any:
        return self.keys


def test_a_request_waits_for_the_keys(tmp_path: Path) -> None:
    """Its body is read meanwhile; then it is judged like any other, and the same once refused."""
    stand = Slow(tmp_path)
    good, low, nowhere = stand.connect(), stand.connect(), stand.connect()
    message = modern("tools/call", call("echo"))
    bearer = {"Authorization": f"Bearer {PROVIDER.sign()}"}
    send_post(good, message, {**modern_headers(message), **bearer})
    scope = {"Authorization": f"Bearer {PROVIDER.sign(scope='x')}"}
    send_post(low, message, {**modern_headers(message), **scope})
    nowhere.send(http_request("GET", "/nowhere", headers=bearer))
    leaving = stand.connect()
    send_post(leaving, message, {**modern_headers(message), **bearer})
    leaving.close()
    assert stand.toolbox.contexts == []
    stand.keys.callback(PROVIDER.jwks())
    for wire in (good, low, nowhere):
        wire.flush()
    assert [good.answer().status, low.answer().status, nowhere.answer().status] == [200, 403, 404]
    assert len(stand.toolbox.contexts) == 1
    stand.auth.stop()
    stand.close()


def test_an_upgrade_waits_for_the_keys(tmp_path: Path) -> None:
    """And then goes on as a WebSocket."""
    stand = Slow(tmp_path)
    wire = stand.connect()
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Version": "13",
        "Authorization": f"Bearer {PROVIDER.sign()}",
    }
    wire.send(http_request("GET", "/mcp", headers=headers))
    assert wire.unread == b""
    stand.keys.callback(PROVIDER.jwks())
    wire.flush()
    assert wire.answer("GET").status == 101
    wire.send_text(modern("tools/call", call("echo")))
    assert len(wire.messages()) == 1
    stand.auth.stop()
    stand.close()


def test_a_fault_while_waiting_is_a_fault(tmp_path: Path, events: list[LogEvent]) -> None:
    """Nobody gets in, and nothing of it shows."""
    stand = Slow(tmp_path)
    wire = stand.connect()
    wire.send(
        http_request("GET", "/mcp/tools", headers={"Authorization": f"Bearer {PROVIDER.sign()}"})
    )
    stand.auth._identify = None  # type: ignore[method-assign, assignment]  # a fault of ours
    stand.keys.callback(PROVIDER.jwks())
    wire.flush()
    answer = wire.answer()
    assert answer.status == 500
    assert b"NoneType" not in answer.body
    assert len([each for each in events if "log_failure" in each]) == 1
    stand.auth.stop()
    stand.close()
