"""What stands behind the admin surface, over a real kernel."""

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from msgspec import structs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from snowflake_mcp.admin import Admin
from snowflake_mcp.auditing import build_audit
from snowflake_mcp.auth.caller import Caller, Evidence
from snowflake_mcp.config.model import (
    AuditSettings,
    Backend,
    Config,
    ConnectionSettings,
    PrincipalSettings,
)
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.config.reload import Report
from snowflake_mcp.ops.audit import Audit
from snowflake_mcp.ops.doors import Doors
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.ops.trend import Trend
from snowflake_mcp.ops.verification import records_of
from snowflake_mcp.pipeline.doors import keep_doors
from snowflake_mcp.pipeline.refusals import Refusals
from snowflake_mcp.protocol.calls import Call
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.services import Identification
from snowflake_mcp.transports.attendance import Attendance
from snowflake_mcp.transports.probes import Check
from snowflake_mcp.warehouse.standing import Running
from tests.support.kernels import Rig, with_envelope

ANA = Principal("ana/x", "ana")
FACTS = Facts("http", ANA, "2026-07-28", client="agent 1")
RUNNING = Running("r-1", "ana/x", "execute_query", "agent", "main", "running", "01ab", 3.21, False)


def config(**principals: PrincipalSettings) -> Config:
    return Config(ConnectionSettings("demo", Backend.DEMO), principals=MappingProxyType(principals))


class WarehouseDouble:
    """Statements that are said to run."""

    def __init__(self) -> None:
        self.running: list[Running] = []
        self.ended: list[str] = []

    def statements(self) -> list[Running]:
        return self.running

    def end_statements(self, request_id: str) -> int:
        self.ended.append(request_id)
        return sum(each.request_id == request_id for each in self.running)

    def retire_sessions(self) -> int:
        return 3

    def breakers(self) -> list[dict[str, Any]]:
        return [{"connection": "main", "state": "open"}]

    def reset_breakers(self) -> int:
        return 1


class FrontDouble:
    """One WebSocket."""

    def attendance(self) -> list[Attendance]:
        return [Attendance("w1", "websocket", "ana/x", "agent", "192.0.2.1", 7.77, None, 1)]

    def end(self, session_id: str) -> bool:
        return session_id == "w1"


class StatusDouble:
    """A server in good health."""

    def __init__(self) -> None:
        self.waiting: Deferred[None] | None = None
        self.asked = 0

    async def ready(self) -> tuple[bool, list[Check]]:
        self.asked += 1
        if self.waiting is not None:
            await self.waiting
        return True, [Check("snowflake", True, "it answers")]

    def status(self) -> dict[str, Any]:
        names = ("status", "version", "uptime_seconds", "timestamp", "backend", "warehouse", "gate")
        return {**dict.fromkeys(names, "x"), "connection": "a name"}


def _audit(file: str, clock: Clock) -> Audit:
    made = build_audit(AuditSettings(file=file), clock, Metrics(), lambda: 0.0)
    made.startService()
    return made


class Scene:
    """An ``Admin`` and what it looks at."""

    def __init__(self, audit_file: str = "", **principals: PrincipalSettings) -> None:
        self.doors = Doors()
        self.refusals = Refusals(lambda: 0.0)
        self.rig = Rig(self.refusals.layer, keep_doors(self.doors))
        self.warehouse = WarehouseDouble()
        self.audit = _audit(audit_file, self.rig.clock)
        self.profiles = Profiles(config(**principals))
        self.status = StatusDouble()
        doubles: dict[str, Any] = {"warehouse": self.warehouse, "status": self.status}
        self.admin = Admin(
            kernel=self.rig.kernel,
            profiles=self.profiles,
            doors=self.doors,
            trend=Trend(self.rig.clock, Metrics()),
            refusals=self.refusals,
            audit=self.audit,
            clock=self.rig.clock,
            **doubles,
        )
        front: Any = FrontDouble()
        self.admin.front = front

    def call(self, name: str, facts: Facts = FACTS) -> Call[Any]:
        params = with_envelope(name=name, arguments={})
        return self.rig.kernel.start(Request(1, "tools/call", params), facts, lambda data: None)


def result(call: Call[Any]) -> dict[str, Any]:
    replies: list[Any] = []
    call.reply.addCallback(replies.append)
    answer: dict[str, Any] = json.loads(replies[0].body)["result"]
    return answer


def known(principal: Principal) -> Caller:
    return Caller(principal, Evidence("token", "t1", principal.profile))


def exchange(principal: Principal, peer: str = "127.0.0.1") -> Any:
    class Asked:
        request_id = "x-1"

    Asked.principal, Asked.peer = principal, peer  # type: ignore[attr-defined]
    return Asked()


def test_the_right_is_asked_for_at_each_call() -> None:
    """A reload gives and takes it; nothing has to be told."""
    scene = Scene(ana=PrincipalSettings("ana", admin=True), bob=PrincipalSettings("bob"))
    assert scene.admin.exists is True
    assert scene.admin.may(known(ANA), "192.0.2.1")
    assert not scene.admin.may(known(Principal("bob", "bob")), "127.0.0.1")
    assert not scene.admin.may(Caller(LOCAL), "127.0.0.1")
    assert not scene.admin.may(known(Principal("gone", "gone")), "127.0.0.1")
    scene.profiles.take(config(ana=PrincipalSettings("ana")))
    gone: bool = scene.admin.exists
    assert not gone
    assert not scene.admin.may(known(ANA), "127.0.0.1")


@pytest.mark.parametrize(
    ("peer", "admitted"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("local", True),
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("", False),
    ],
)
def test_without_authentication_only_this_host_administers(peer: str, admitted: bool) -> None:
    """Whatever the server is bound to."""
    scene = Scene(local=PrincipalSettings("local", admin=True))
    caller = Caller(Principal(LOCAL.name, "local"))
    assert scene.admin.may(caller, peer) is admitted


def test_what_runs_is_shown_with_its_caller_and_without_its_text() -> None:
    """Calls with and without a statement, and statements without a call."""
    scene = Scene()
    scene.rig.clock.advance(10)
    waiting = scene.call("wait")
    other = scene.call("wait", structs.replace(FACTS, principal=Principal("bob")))
    scene.warehouse.running = [
        replace(RUNNING, request_id=other.context.request_id),
        replace(RUNNING, request_id="r-gone", elapsed_s=99.0, handed_over=True),
    ]
    scene.rig.clock.advance(2)
    rows = scene.admin.statements()["statements"]
    assert [(row["request"], row["principal"], row["status"]) for row in rows] == [
        ("r-gone", "ana/x", "handed over"),
        *sorted(
            [
                (waiting.context.request_id, "ana/x", "waiting"),
                (other.context.request_id, "bob", "running"),
            ],
            key=lambda row: [each["request"] for each in rows].index(row[0]),
        ),
    ]
    (row,) = [each for each in rows if each["request"] == waiting.context.request_id]
    assert row == {
        "request": waiting.context.request_id,
        "principal": "ana/x",
        "tool": "wait",
        "client": "agent 1",
        "transport": "http",
        "status": "waiting",
        "connection": "",
        "query_id": None,
        "elapsed_s": 2.0,
    }


def test_a_call_that_waits_is_told_who_ended_it() -> None:
    """Its client gets an answer, not silence."""
    scene = Scene()
    call = scene.call("wait")
    ended = scene.admin.kill(call.context.request_id)
    assert ended == {"request": call.context.request_id, "statements_aborted": 0}
    answer = result(call)
    assert answer["isError"] is True
    assert "An operator of the server stopped this call" in answer["content"][0]["text"]
    assert list(scene.rig.kernel.calls()) == []


def test_a_statement_is_ended_by_the_warehouse() -> None:
    """Its caller hears of it from there, with the query id and what became of it."""
    scene = Scene()
    call = scene.call("wait")
    scene.warehouse.running = [replace(RUNNING, request_id=call.context.request_id)]
    assert scene.admin.kill(call.context.request_id)["statements_aborted"] == 1
    assert call.context.cancel_reason is None


def test_what_does_not_run_cannot_be_ended() -> None:
    """An id of nothing; the empty one stands for the server's own statements, which stay."""
    scene = Scene()
    scene.warehouse.running = [replace(RUNNING, request_id="")]
    for unknown in ("r-2", ""):
        with pytest.raises(LookupError):
            scene.admin.kill(unknown)
    with pytest.raises(LookupError):
        scene.admin.end_session("w2")


def test_sessions_of_every_kind_are_listed_and_ended() -> None:
    """A session over HTTP loses its calls and its id."""
    scene = Scene()
    token, session = scene.rig.sessions.mint(ANA, "2025-11-25", "agent", {})
    facts = Facts("http", ANA, "2025-11-25", client="agent", session_id=session.id)
    call = scene.call("wait", facts)
    scene.rig.clock.advance(8)
    socket, http = scene.admin.sessions()["sessions"]
    assert (http["id"], http["kind"], http["principal"]) == (session.id, "http", "ana/x")
    assert (http["age_s"], http["idle_s"], http["in_flight"]) == (8.0, 8.0, 1)
    assert (socket["id"], socket["kind"], socket["age_s"]) == ("w1", "websocket", 7.8)
    assert scene.admin.end_session("w1")["ended"]
    assert scene.admin.end_session(session.id)["ended"]
    assert call.context.cancel_reason == "operator"
    assert scene.rig.sessions.open(token, ANA) is None
    assert [each["id"] for each in scene.admin.sessions()["sessions"]] == ["w1"]


def test_closed_doors() -> None:
    """New calls are refused in words for the model; what runs goes on, and may be stopped."""
    scene = Scene()
    running = scene.call("wait")
    assert scene.admin.drain(True) == {"draining": True, "maintenance": None, "running": 1}
    refused = result(scene.call("echo"))
    assert refused["isError"] is True
    assert "being drained" in refused["content"][0]["text"]
    assert scene.admin.maintain("back  at\nnoon\a")["maintenance"] == "back at noon?"
    assert "in maintenance: back at noon?" in result(scene.call("echo"))["content"][0]["text"]
    assert not running.reply.called
    scene.admin.drain(False)
    assert scene.admin.maintain(None) == {"draining": False, "maintenance": None, "running": 1}
    assert "isError" not in result(scene.call("echo")) or not result(scene.call("echo"))["isError"]
    assert [row["rules"] for row in scene.refusals.last()] == [["maintenance"], ["draining"]]


@pytest.mark.parametrize("message", ["", " \n", "x" * 501])
def test_a_message_that_nobody_could_read(message: str) -> None:
    """It is refused, and nothing is closed."""
    scene = Scene()
    with pytest.raises(ValueError, match="1 to 500 characters"):
        scene.admin.maintain(message)
    assert not scene.doors.closed


def test_the_settings_of_a_table() -> None:
    """As they count now, with the server's own below them, and no secret."""
    scene = Scene(ana=PrincipalSettings("ana", tools=("list_*",), role="R"))
    shown = scene.admin.profile("ana")
    assert (shown["tools"], shown["role"], shown["admin"]) == (["list_*"], "R", False)
    assert shown["policy"]["tier"] == "read"
    assert shown["limits"]["max_rows"] == 10_000
    json.dumps(shown)
    assert scene.admin.profiles() == ["ana"]
    with pytest.raises(LookupError):
        scene.admin.profile("bob")


def test_the_overview_has_everything_at_once() -> None:
    """And the account's name is not in it."""
    scene = Scene()
    got: list[dict[str, Any]] = []
    Deferred.fromCoroutine(scene.admin.overview()).addCallback(got.append)
    (answer,) = got
    assert answer["ready"] is True
    (check,) = answer["checks"]
    assert (check["name"], check["ok"], check["detail"]) == ("snowflake", True, "it answers")
    assert {"statements", "sessions", "trend", "refusals", "draining"} <= set(answer)
    assert "connection" not in answer
    assert scene.admin.reset_pool() == {"idle_sessions_closed": 3}


def test_the_overview_does_not_hang_with_snowflake() -> None:
    """It says what was known; the checks are asked once, however many look."""
    scene = Scene()
    scene.status.waiting = Deferred()
    got: list[dict[str, Any]] = []
    for _ in range(2):
        Deferred.fromCoroutine(scene.admin.overview()).addCallback(got.append)
    assert got == []
    scene.rig.clock.advance(1.0)
    assert [(each["ready"], each["checks"][0]["name"]) for each in got] == [(False, "checks")] * 2
    assert scene.status.asked == 1
    scene.status.waiting.callback(None)
    Deferred.fromCoroutine(scene.admin.overview()).addCallback(got.append)
    assert (got[2]["ready"], scene.status.asked) == (True, 2)
    scene.status.waiting = Deferred()
    Deferred.fromCoroutine(scene.admin.overview()).addCallback(got.append)
    scene.rig.clock.advance(1.0)
    assert [check["name"] for check in got[3]["checks"]] == ["snowflake", "waiting"]
    assert "waiting for 1 s" in got[3]["checks"][1]["detail"]
    with capturedLogs() as events:
        scene.status.waiting.errback(RuntimeError("no"))
    assert "readiness checks failed" in str([event["log_format"] for event in events])
    assert scene.admin._known[0] is False


def test_lists_are_bounded() -> None:
    """With very many sessions the youngest are shown, and how many there are."""
    scene = Scene()
    sessions = scene.rig.kernel.live_sessions
    for number in range(150):
        sessions.get(f"s{number}", ANA, "agent")
        scene.rig.clock.advance(1.0)
    found = scene.admin.sessions(10)
    assert found["total"] == 151
    assert [each["id"] for each in found["sessions"]][:3] == ["s149", "s148", "s147"]
    assert len(found["sessions"]) == 10
    got: list[dict[str, Any]] = []
    Deferred.fromCoroutine(scene.admin.overview()).addCallback(got.append)
    assert (len(got[0]["sessions"]), got[0]["sessions_total"]) == (100, 151)


def test_every_call_leaves_a_line() -> None:
    """Who, from where, what, about what, and how it went."""
    scene = Scene()
    with capturedLogs() as events:
        scene.admin.record(exchange(ANA, "192.0.2.1"), "drain", "True", "ok")
    assert [formatEvent(event) for event in events] == [
        "admin drain (True) by ana/x from 192.0.2.1: ok"
    ]


def test_every_call_has_a_record_in_the_audit(tmp_path: Path) -> None:
    """Who, from where, what was done to what, and how it ended."""
    file = tmp_path / "audit.jsonl"
    scene = Scene(str(file))
    scene.admin.record(exchange(ANA, "192.0.2.1"), "statements/kill", "01b0", "ok")
    record = list(records_of([file]))[-1]
    said = ("event", "principal", "peer", "action", "target", "outcome")
    assert [record[name] for name in said] == [
        "admin",
        ANA.name,
        "192.0.2.1",
        "statements/kill",
        "01b0",
        "ok",
    ]


def test_the_end_of_the_audit_has_no_statements(tmp_path: Path) -> None:
    """Who administers the server may not have the right to read them."""
    assert Scene().admin.audit(5) == {"on": False, "records": []}
    scene = Scene(str(tmp_path / "audit.jsonl"))
    assert scene.admin.may_go_on()
    scene.audit.record("tools/call", {"principal": "ana", "statement": "SELECT 'secret'"})
    asked = scene.admin.audit(1)
    assert (asked["on"], len(asked["records"])) == (True, 1)
    assert asked["records"][0]["principal"] == "ana"
    assert "secret" not in str(asked)
    scene.audit.stopService()


def test_breakers_are_shown_and_reset() -> None:
    """By connection."""
    scene = Scene()
    assert scene.admin.breakers() == [{"connection": "main", "state": "open"}]
    assert scene.admin.reset_breakers() == {"breakers_closed": 1}


@pytest.mark.parametrize(
    ("is_open", "admin", "said"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_a_surface_that_needs_no_credential_is_announced(
    is_open: bool, admin: bool, said: bool
) -> None:
    """At the start, and only where it is so."""

    class Identifying:
        local = Principal(LOCAL.name, "mine")

        def start(self) -> None:
            """Nothing is fetched."""

    Identifying.is_open = is_open  # type: ignore[attr-defined]
    callers: Any = Identifying()
    with capturedLogs() as events:
        mine = PrincipalSettings("mine", admin=admin)
        Identification(callers, Profiles(config(mine=mine))).startService()
    lines = [str(formatEvent(event)) for event in events]
    assert [("admin surface" in line, "[principals.mine]" in line) for line in lines] == (
        [(True, True)] if said else []
    )


def test_a_reload_says_what_changed() -> None:
    """Names of settings; one that cannot be used changes nothing and says why."""
    scene = Scene()
    with pytest.raises(ValueError, match="no configuration"):
        scene.admin.reload()
    scene.admin.reread = lambda: Report(("limits.max_rows",), ("http.host",))
    assert scene.admin.reload() == {"applied": ["limits.max_rows"], "restart": ["http.host"]}
    scene.admin.reread = lambda: Report(problems=("limits.max_rows: must be a number", "more"))
    with pytest.raises(
        ValueError, match=r"Nothing is changed: limits\.max_rows: must be a number;"
    ):
        scene.admin.reload()
