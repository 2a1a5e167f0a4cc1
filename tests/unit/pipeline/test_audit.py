"""Every request that could have touched data leaves one record, whatever its end."""

import hashlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from snowflake_mcp.auditing import build_audit
from snowflake_mcp.config.model import AuditSettings
from snowflake_mcp.ops.audit import Audit
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.ops.verification import records_of
from snowflake_mcp.pipeline.audit import audited
from snowflake_mcp.protocol.context import Facts, RequestContext
from snowflake_mcp.protocol.errors import Family, McpError, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.settlement import failed
from snowflake_mcp.protocol.tasks import Task
from snowflake_mcp.protocol.tooling import ToolResult
from tests.unit.tools.fakes import context

CALL = {"name": "execute_query", "arguments": {"query": "SELECT 42"}}
ANN = Facts(
    "http",
    Principal("analysts/ann", "analysts"),
    "2026-07-28",
    client="probe/1",
    session_id="s-1",
    peer="203.0.113.9",
    traceparent="00-ab-cd-01",
)
ANSWER = ToolResult(
    text="1 row.",
    structured={"rows": msgspec.Raw(b"[[1]]"), "columns": msgspec.Raw(b"[]"), "row_count": 1},
)
MISSING = ToolFailure(Family.MISSING_OBJECT, "No.", details={"errno": 2003})

Act = Callable[[RequestContext], Coroutine[Any, Any, Any]]


class Stand:
    """The layer over something that does as it is told."""

    def __init__(self, folder: Path, act: Act, **settings: Any) -> None:
        self.path = folder / "audit.jsonl"
        made = AuditSettings(**{"file": str(self.path), **settings})
        self.clock = Clock()
        self.audit: Audit = build_audit(made, self.clock, Metrics(), lambda: 0.0)
        self.audit.startService()
        self.ran = 0

        async def inner(method: str, params: dict[str, Any], request: RequestContext) -> Any:
            self.ran += 1
            return await act(request)

        self._perform = audited(self.audit, statement_text=made.statement_text)(inner)

    def request(self, method: str = "tools/call") -> RequestContext:
        return structs.replace(context(facts=ANN, clock=self.clock), method=method)

    def do(
        self, request: RequestContext, params: dict[str, Any] | None = None
    ) -> tuple[Deferred[Any], list[Any]]:
        """Run it; what came out is in the list, once there is something."""
        out: list[Any] = []
        work = Deferred.fromCoroutine(
            self._perform(request.method, CALL if params is None else params, request)
        )
        work.addBoth(lambda result: out.append(getattr(result, "value", result)))
        return work, out

    def records(self) -> list[dict[str, Any]]:
        return [one for one in records_of([self.path]) if not one["event"].startswith("server.")]


async def answers(request: RequestContext) -> Any:
    trail = request.trail
    trail.connection, trail.role = "finance", "ANALYST"
    trail.judged("allowed", "select", "read", [], "SELECT 42")
    trail.named(["D.S.T", "D.S.U"])
    trail.sent("01b0-1")
    trail.ended("01b0-1", "success")
    request.clock.advance(1.5)  # type: ignore[attr-defined]
    return ANSWER


def raising(error: BaseException) -> Act:
    async def act(request: RequestContext) -> Any:
        raise error

    return act


def test_a_call_leaves_who_what_and_how_much(tmp_path: Path) -> None:
    """Who, from where, which tool, which objects, the hash, the verdict, ids, sizes, the end."""
    stand = Stand(tmp_path, answers)
    _, out = stand.do(stand.request())
    assert out == [ANSWER]
    (record,) = stand.records()
    said = {k: v for k, v in record.items() if k not in ("seq", "time", "prev", "hash")}
    assert said == {
        "event": "tools/call",
        "request_id": "r-1",
        "principal": "analysts/ann",
        "profile": "analysts",
        "peer": "203.0.113.9",
        "transport": "http",
        "client": "probe/1",
        "session": "s-1",
        "trace": "00-ab-cd-01",
        "tool": "execute_query",
        "connection": "finance",
        "role": "ANALYST",
        "verdict": "allowed",
        "kind": "select",
        "tier": "read",
        "objects": ["D.S.T", "D.S.U"],
        "statement_sha256": hashlib.sha256(b"SELECT 42").hexdigest(),
        "queries": [{"id": "01b0-1", "state": "success"}],
        "rows": 1,
        "bytes": 7,
        "outcome": "ok",
        "duration_ms": 1500,
    }


def test_a_call_by_an_alias_has_both_names(tmp_path: Path) -> None:
    """That of the tool which served it, and that which was called."""

    async def act(request: RequestContext) -> Any:
        request.trail.tool = "execute_query"
        return ANSWER

    stand = Stand(tmp_path, act)
    stand.do(stand.request(), {"name": "read_query", "arguments": {"query": "SELECT 42"}})
    (record,) = stand.records()
    assert (record["tool"], record["alias"]) == ("execute_query", "read_query")


def test_the_text_is_there_only_by_setting(tmp_path: Path) -> None:
    """And then without what looks like a secret."""

    async def act(request: RequestContext) -> Any:
        request.trail.judged("allowed", "select", "read", [], "SELECT 1 /* password=hunter2 */")
        return ANSWER

    for told in (False, True):
        folder = tmp_path / str(told)
        folder.mkdir()
        stand = Stand(folder, act, statement_text=told)
        stand.do(stand.request())
        text = stand.path.read_text()
        assert "hunter2" not in text
        assert stand.records()[0].get("statement") == (
            "SELECT 1 /* password=*** */" if told else None
        )


@pytest.mark.parametrize(
    ("act", "outcome", "errno"),
    [
        (raising(McpError(-32602, "Unknown tool")), "error_-32602", None),
        (raising(RuntimeError("a secret")), "internal", None),
        (raising(CancelledError()), "cancelled_client", None),
        (None, "missing_object", 2003),
    ],
)
def test_every_end_is_recorded_once(
    tmp_path: Path, act: Act | None, outcome: str, errno: int | None
) -> None:
    """A failure, an error, a fault of ours and a cancelled call, in the words of the log."""

    async def fails(request: RequestContext) -> Any:
        return failed(MISSING)

    stand = Stand(tmp_path, act or fails)
    request = stand.request()
    request.cancel_reason = "client"
    stand.do(request)
    (record,) = stand.records()
    assert (record["outcome"], record.get("errno")) == (outcome, errno)
    assert "secret" not in stand.path.read_text()


@pytest.mark.parametrize(
    ("method", "touches", "records"),
    [
        ("resources/read", False, 1),
        ("tasks/cancel", False, 1),
        ("completion/complete", False, 0),
        ("completion/complete", True, 1),
        ("tools/list", False, 0),
        ("ping", False, 0),
    ],
)
def test_what_touches_no_data_has_no_record(
    tmp_path: Path, method: str, touches: bool, records: int
) -> None:
    """Lists and pings are the log's; a completion that asked Snowflake is not."""

    async def act(request: RequestContext) -> Any:
        if touches:
            request.trail.sent("01b0-1")
        return {"contents": [{"text": "four"}, {"text": "five!"}]}

    stand = Stand(tmp_path, act)
    params = {"uri": "snowflake://DB", "taskId": "task-1"}
    stand.do(stand.request(method), params)
    assert [one["event"] for one in stand.records()] == [method] * records
    if method == "resources/read":
        assert (stand.records()[0]["resource"], stand.records()[0]["bytes"]) == (params["uri"], 9)
    if method == "tasks/cancel":
        assert stand.records()[0]["task"] == hashlib.sha256(b"task-1").hexdigest()[:16]


def test_a_task_is_known_by_the_same_digest(tmp_path: Path) -> None:
    """The call's record and the cancel's can be joined; the id itself is not for the file."""

    async def act(request: RequestContext) -> Any:
        request.task = Task("task-1", request.facts.principal, lambda: 0.0, lambda: None)
        return ANSWER

    stand = Stand(tmp_path, act)
    stand.do(stand.request())
    assert stand.records()[0]["task"] == hashlib.sha256(b"task-1").hexdigest()[:16]


def test_the_end_of_what_goes_on_has_a_record_of_its_own(tmp_path: Path) -> None:
    """A statement that was handed over, or whose abort was not confirmed in time."""

    async def act(request: RequestContext) -> Any:
        request.trail.sent("01b0-1")
        return ToolResult(text="Submitted.", structured={"state": "running"})

    stand = Stand(tmp_path, act)
    request = stand.request()
    stand.do(request)
    stand.clock.advance(60)
    request.trail.ended("01b0-1", "cancelled")
    call, end = stand.records()
    assert call["queries"] == [{"id": "01b0-1", "state": "running"}]
    assert (end["event"], end["queries"]) == (
        "statement.end",
        [{"id": "01b0-1", "state": "cancelled"}],
    )
    assert (end["request_id"], end["principal"]) == ("r-1", "analysts/ann")
    assert end["duration_ms"] == 60_000


def test_objects_are_bounded(tmp_path: Path) -> None:
    """The first fifty, and how many more."""

    async def act(request: RequestContext) -> Any:
        request.trail.named(f"T{number}" for number in range(70))
        return ANSWER

    stand = Stand(tmp_path, act)
    stand.do(stand.request())
    (record,) = stand.records()
    assert (len(record["objects"]), record["objects_more"]) == (50, 20)


@pytest.mark.parametrize("method", ["tools/call", "resources/read"])
def test_nothing_is_run_that_cannot_be_recorded(tmp_path: Path, method: str) -> None:
    """on_failure = refuse: a clear failure before anything is run, until the file is back."""
    stand = Stand(tmp_path / "absent", answers, on_failure="refuse")
    _, out = stand.do(stand.request(method))
    assert stand.ran == 0
    if method == "tools/call":
        assert out[0].failure.family is Family.UNAVAILABLE
        assert out[0].failure.retryable
        assert "Nothing was run" in out[0].text
    else:
        assert isinstance(out[0], McpError)
        assert "audit cannot be written" in out[0].message
    (tmp_path / "absent").mkdir()
    _, out = stand.do(stand.request(method))
    assert (stand.ran, out) == (1, [ANSWER])


def test_an_answer_whose_record_is_lost_is_withheld(tmp_path: Path) -> None:
    """on_failure = refuse: nobody sees data of which there is no record."""
    stand = Stand(tmp_path, answers, on_failure="refuse")
    file = stand.audit._journal.file  # type: ignore[union-attr]
    file.close()  # type: ignore[union-attr]
    _, out = stand.do(stand.request())
    assert stand.ran == 1
    assert out[0].failure.family is Family.UNAVAILABLE
    assert "withheld" in out[0].text
    assert out[0].structured is None


def test_with_warn_everything_goes_on(tmp_path: Path) -> None:
    """The default: an answer is worth more than its record, which is counted as lost."""
    stand = Stand(tmp_path / "absent", answers)
    assert stand.do(stand.request())[1] == [ANSWER]


def test_an_answer_waits_for_the_disk_where_it_shall(tmp_path: Path) -> None:
    """Fsync = always: the answer leaves when its record cannot be lost any more."""
    stand = Stand(tmp_path, answers, fsync="always")
    on_disk: Deferred[bool] = Deferred()
    stand.audit.durable = lambda: on_disk  # type: ignore[method-assign]
    _, out = stand.do(stand.request())
    assert out == []
    on_disk.callback(True)
    assert out == [ANSWER]


def test_a_server_without_audit_has_no_layer() -> None:
    """It costs nothing where it is off."""

    async def inner(method: str, params: dict[str, Any], request: RequestContext) -> Any:
        return ANSWER

    audit = build_audit(AuditSettings(), Clock(), Metrics(), lambda: 0.0)
    assert audited(audit, statement_text=False)(inner) is inner
