"""Tickets, the live view that they open, and the page that shows it."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from snowflake_mcp.auth.caller import Caller
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.live import EVERY_S, LIVE_PATH, LIVE_SUBPROTOCOL, SHOWN_S
from snowflake_mcp.transports.tickets import LIFE_S, Bearer, Tickets
from tests.support.wire import HttpAnswer, Wire
from tests.unit.transports.test_admin import ANALYST, OPERATOR, Scene, scene

__all__ = ["scene"]

BEARER = Bearer(Caller(OPERATOR), "203.0.113.9")


def ticket(scene: Scene) -> str:
    answer = scene.post("/admin/ticket", {})
    assert answer.status == 200
    given = answer.json()
    assert (given["path"], given["subprotocol"]) == (LIVE_PATH, LIVE_SUBPROTOCOL)
    return str(given["ticket"])


def opened(scene: Scene, shown: str, **headers: str) -> tuple[Wire, HttpAnswer]:
    wire = scene.wire
    return wire, wire.upgrade(LIVE_PATH, f"{LIVE_SUBPROTOCOL}, ticket.{shown}", **headers)


def test_a_ticket_opens_once_and_not_for_long() -> None:
    """Then it is worth nothing, whoever has it."""
    clock = Clock()
    tickets = Tickets(clock)
    one, two = tickets.issue(BEARER), tickets.issue(BEARER)
    assert one != two
    assert re.fullmatch(r"[\w-]{32}", one)
    assert (tickets.holds(one), tickets.redeem(one), tickets.redeem(one)) == (True, BEARER, None)
    clock.advance(LIFE_S)
    assert (tickets.holds(two), tickets.redeem(two)) == (False, None)
    assert not tickets.holds("")


def test_tickets_are_bounded_in_number() -> None:
    """The oldest makes room."""
    tickets = Tickets(Clock())
    made = [tickets.issue(BEARER) for _ in range(65)]
    assert [tickets.holds(each) for each in made] == [False] + [True] * 64


def test_the_overview_comes_at_once_and_then_by_the_clock(scene: Scene) -> None:
    """Whoever asks for the socket shows the ticket and no credential."""
    shown = ticket(scene)
    scene.caller = ANALYST
    wire, answer = opened(scene, shown)
    assert answer.status == 101
    assert answer.header("Sec-WebSocket-Protocol") == LIVE_SUBPROTOCOL
    wire.advance(0)
    assert wire.messages() == [{"said": ["overview"]}]
    wire.advance(EVERY_S)
    wire.advance(EVERY_S)
    assert len(wire.messages()) == 2
    (seen,) = scene.stand.front.attendance()
    assert (seen.kind, seen.principal, seen.in_flight) == ("live", "ops", 0)
    wire.send_text({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert wire.messages() == []


def test_a_ticket_is_asked_for_with_an_empty_object(scene: Scene) -> None:
    """Like every action that takes nothing."""
    bodies: tuple[Any, ...] = ({"more": 1}, [], None)
    for body in bodies:
        assert scene.post("/admin/ticket", body).status == 400


def test_a_ticket_is_good_for_one_socket(scene: Scene) -> None:
    """The second handshake finds nothing there."""
    shown = ticket(scene)
    assert opened(scene, shown)[1].status == 101
    assert opened(scene, shown)[1].status == 404


def test_the_socket_ends_with_the_right(scene: Scene) -> None:
    """A reload that takes it away counts within one tick."""
    wire, _ = opened(scene, ticket(scene))
    wire.advance(0)
    scene.admin.may = lambda caller, peer: False  # type: ignore[method-assign]
    wire.advance(EVERY_S)
    frames = wire.frames()
    assert frames[-1].close_code == 1008


def test_the_socket_ends_with_the_credential(scene: Scene) -> None:
    """Of whoever was given the ticket: the handshake itself showed none."""
    watched: list[tuple[Caller, Callable[[], None]]] = []
    callers: Any = scene.stand.front.site.callers
    working = callers.watch

    def watch(caller: Caller, ended: Callable[[], None]) -> Any:
        watched.append((caller, ended))
        return working(caller, ended)

    callers.watch = watch
    wire, _ = opened(scene, ticket(scene))
    ((caller, ended),) = watched
    assert caller.principal == OPERATOR
    ended()
    wire.flush()
    assert wire.frames()[-1].close_code == 1008


def test_the_socket_ends_in_time() -> None:
    """For a new one the page shows its credential again."""
    scene = Scene(websocket={"ping_interval_s": 0.0})
    wire, _ = opened(scene, ticket(scene))
    for _ in range(int(SHOWN_S / EVERY_S) + 1):
        wire.advance(EVERY_S)
    assert wire.frames()[-1].close_code == 1000
    scene.stand.close()


def test_a_fault_is_logged_and_the_next_tick_tries_again(
    scene: Scene, events: list[LogEvent]
) -> None:
    """The socket stays."""

    async def broken() -> dict[str, Any]:
        raise RuntimeError("no")

    working, scene.admin.overview = scene.admin.overview, broken  # type: ignore[method-assign]
    wire, _ = opened(scene, ticket(scene))
    wire.advance(0)
    assert "cannot be told" in str([event.get("log_format") for event in events])
    scene.admin.overview = working  # type: ignore[method-assign]
    wire.advance(EVERY_S)
    assert wire.messages() == [{"said": ["overview"]}]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_foreign_page_opens_nothing(scene: Scene, site: str) -> None:
    """Even with a ticket, and the ticket is still there for its owner."""
    shown = ticket(scene)
    assert opened(scene, shown, Sec_Fetch_Site=site)[1].status == 404
    assert opened(scene, shown, Sec_Fetch_Site="same-origin")[1].status == 101


@pytest.mark.parametrize("offer", ["mcp", LIVE_SUBPROTOCOL, "ticket.", "ticket.x", None])
def test_without_a_ticket_there_is_nothing(scene: Scene, offer: str | None) -> None:
    """The subprotocol alone opens nothing."""
    ticket(scene)
    assert scene.wire.upgrade(LIVE_PATH, offer).status == 404


def test_a_ticket_is_in_no_log(scene: Scene, events: list[LogEvent]) -> None:
    """Nor in a URL."""
    shown = ticket(scene)
    opened(scene, shown)
    assert shown not in str(events)
    assert ("ops", "ticket", "", "ok") in scene.admin.recorded


def test_the_page_runs_only_what_is_in_it(scene: Scene) -> None:
    """Its policy names the digests of its one style and its one script; nothing is loaded."""
    scene.caller = Principal("nobody")
    answer = scene.get("/ui")
    assert (answer.status, answer.header("Content-Type")) == (200, "text/html; charset=utf-8")
    text = answer.body.decode()
    policy = answer.header("Content-Security-Policy")
    assert policy is not None
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "connect-src 'self'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"'](?!data:)", text)
    assert not re.findall(r"\son\w+=|\sstyle=|innerHTML|javascript:|eval\(", text)
    assert answer.header("X-Frame-Options") == "DENY"
    assert answer.header("Cache-Control") == "no-store"


def test_the_page_is_there_while_somebody_has_the_right(scene: Scene) -> None:
    """It is public, so it says nothing; without anybody who could use it there is none."""
    assert scene.wire.request("HEAD", "/ui").status == 200
    scene.admin.exists = False
    assert scene.get("/ui").status == 404
