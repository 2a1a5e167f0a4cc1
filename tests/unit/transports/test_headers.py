"""What every answer carries, and who may read it across origins."""

from collections.abc import Callable
from typing import Any

import pytest

from snowflake_mcp.transports.headers import SECURITY, Cors
from tests.support.messages import JSON_HEADERS
from tests.support.wire import HttpAnswer, Wire, http_request
from tests.unit.transports.stand import (
    Stand,
    call,
    modern,
    modern_headers,
    post_modern,
    send_modern,
    send_post,
)

APP = "https://app.example"


def _posted(path: str, body: bytes, headers: dict[str, str]) -> Callable[[Wire], HttpAnswer]:
    def ask(wire: Wire) -> HttpAnswer:
        send_post(wire, body, headers, path)
        return wire.answer()

    return ask


def _asked(method: str, path: str, **options: Any) -> Callable[[Wire], HttpAnswer]:
    return lambda wire: wire.request(method, path, **options)


def _broken(wire: Wire) -> HttpAnswer:
    return post_modern(wire, "tools/call", call("broken"))


TOO_BIG = {**JSON_HEADERS, "Content-Length": "99999999"}


@pytest.mark.parametrize(
    ("status", "ask"),
    [
        (200, _asked("GET", "/health")),
        (200, _asked("HEAD", "/health")),
        (200, lambda wire: post_modern(wire, "tools/list")),
        (
            202,
            _posted(
                "/mcp",
                b'{"jsonrpc":"2.0","method":"notifications/x"}',
                {**JSON_HEADERS, "MCP-Protocol-Version": "2026-07-28"},
            ),
        ),
        (400, _posted("/mcp", b"{", JSON_HEADERS)),
        (400, _asked("GET", "/health", host=None)),
        (400, _asked("GET", "/health", extra=("no colon",))),
        (400, lambda wire: wire.upgrade(Sec_WebSocket_Key="short")),
        (403, _asked("GET", "/health", headers={"Origin": "null"})),
        (404, _asked("GET", "/nowhere")),
        (404, lambda wire: post_modern(wire, "no/such")),
        (405, _asked("GET", "/mcp")),
        (406, _posted("/mcp", b"{}", {"Content-Type": "application/json"})),
        (413, _asked("POST", "/mcp", headers=TOO_BIG)),
        (415, _posted("/mcp", b"a=b", {**JSON_HEADERS, "Content-Type": "text/plain"})),
        (421, _asked("GET", "/health", host="evil.example")),
        (426, lambda wire: wire.upgrade(Sec_WebSocket_Version="8")),
        (101, lambda wire: wire.upgrade()),
        (200, _broken),
    ],
)
def test_security_headers_are_on_every_answer(
    stand: Stand, status: int, ask: Callable[[Wire], HttpAnswer]
) -> None:
    """Whatever the status and whoever made the answer, the headers are there, once."""
    answer = ask(stand.connect())
    assert answer.status == status
    for name, value in SECURITY:
        assert answer.headers[name.lower()] == [value]
    assert "server" not in answer.headers


def test_security_headers_are_on_500_and_503_too(stand: Stand) -> None:
    """A fault of ours says nothing of what went wrong but its reference."""
    stand.status.fault = ZeroDivisionError()
    stand.status.is_ready = False
    wire = stand.connect()
    broken, unready = wire.request("GET", "/health"), wire.request("GET", "/health/ready")
    assert (broken.status, unready.status) == (500, 503)
    for name, value in SECURITY:
        assert broken.header(name) == unready.header(name) == value
    assert broken.json()["error"]["code"] == "internal"
    assert b"ZeroDivision" not in broken.body


def test_security_headers_are_on_an_event_stream(stand: Stand) -> None:
    """A stream has them too, and proxies are told not to keep it back."""
    wire = stand.connect()
    send_modern(wire, "tools/call", call("wait"))
    wire.advance(15)
    answer = wire.answer()
    assert answer.header("Content-Type") == "text/event-stream"
    assert answer.header("X-Accel-Buffering") == "no"
    for name, value in SECURITY:
        assert answer.header(name) == value


def test_nothing_is_shared_across_origins_by_default(stand: Stand) -> None:
    """Without configured origins there is no CORS header, and a preflight is refused."""
    wire = stand.connect()
    own = {"Origin": "http://127.0.0.1:8000"}
    answer = wire.request("GET", "/health", headers=own)
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asked = {**own, "Access-Control-Request-Method": "POST"}
    assert wire.request("OPTIONS", "/mcp", headers=asked).status == 405


def test_a_configured_origin_may_read() -> None:
    """Its pages may call with the MCP headers and see the session id; nobody else may."""
    stand = Stand(cors_origins=(APP,))
    wire = stand.connect()
    asked = {
        "Origin": APP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "mcp-method, mcp-param-region, x-evil",
    }
    preflight = wire.request("OPTIONS", "/mcp", headers=asked)
    assert preflight.status == 204
    assert preflight.header("Access-Control-Allow-Origin") == APP
    assert preflight.header("Access-Control-Allow-Methods") == "DELETE, GET, HEAD, POST"
    allowed = preflight.header("Access-Control-Allow-Headers") or ""
    for name in ("Mcp-Session-Id", "Mcp-Method", "MCP-Protocol-Version", "mcp-param-region"):
        assert name in allowed
    assert "x-evil" not in allowed
    assert preflight.header("Access-Control-Allow-Credentials") is None

    message = modern("tools/list")
    send_post(wire, message, {**modern_headers(message), "Origin": APP})
    answer = wire.answer()
    assert answer.status == 200
    assert answer.header("Access-Control-Allow-Origin") == APP
    assert "Mcp-Session-Id" in (answer.header("Access-Control-Expose-Headers") or "")
    assert answer.header("Vary") == "Origin"

    plain = wire.request("GET", "/health")
    assert plain.header("Vary") == "Origin"
    assert plain.header("Access-Control-Allow-Origin") is None
    assert wire.request("GET", "/health", headers={"Origin": "http://evil.example"}).status == 403
    stand.close()


def test_refusals_can_be_read_by_the_page_that_caused_them() -> None:
    """An allowed page sees the status and the body of an error, too."""
    stand = Stand(cors_origins=(APP,))
    wire = stand.connect()
    wire.send(http_request("GET", "/nowhere", headers={"Origin": APP}))
    assert wire.answer().header("Access-Control-Allow-Origin") == APP
    stand.close()


def test_cors_tells_origins_apart_exactly() -> None:
    """Neither a prefix nor another scheme or port of a configured origin counts."""
    cors = Cors([APP])
    for other in ("http://app.example", "https://app.example:8443", "https://app.example.evil"):
        assert cors.preflight_headers(other, "", ["POST"]) is None
        assert cors.answer_headers(other) == (("Vary", "Origin"),)
