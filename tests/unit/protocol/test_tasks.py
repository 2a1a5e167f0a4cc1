"""The tasks extension: calls that go on in the background, for clients that declared it."""

import json
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from snowflake_mcp.protocol import tasks
from snowflake_mcp.protocol.calls import Reply
from snowflake_mcp.protocol.context import Facts, RequestContext
from snowflake_mcp.protocol.errors import Family, McpError, ToolFailure
from snowflake_mcp.protocol.inputs import Question
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.protocol.tasks import (
    EXTENSION,
    MAX_TASKS,
    RESULTS_KEPT_S,
    TTL_MS,
    Handle,
    TaskBoard,
    TaskTokens,
    require_tasks,
)
from snowflake_mcp.protocol.tooling import ToolResult
from tests.support.kernels import Rig, with_envelope

WITH: dict[str, Any] = {"elicitation": {}, "extensions": {EXTENSION: {}}}
CLIENT = Facts("http", LOCAL, "2026-07-28", WITH)
NAME = Question("elicitation/create", {"message": "Name?", "requestedSchema": {}})


class Jobs:
    """A rig with one tool, which detaches and then does what the test says."""

    def __init__(self, *, required: bool = False) -> None:
        self.rig = Rig()
        self.gates: list[Deferred[Any]] = []
        self.detached: list[bool] = []
        self.rig.toolbox.call = self._call  # type: ignore[method-assign]
        self.handle: Handle | None = None
        self._required = required
        self._id = 0

    async def _call(self, name: str, arguments: Any, context: RequestContext) -> ToolResult:
        if self._required:
            require_tasks(context.facts.capabilities)
        if context.resumes is not None:
            return ToolResult(text=f"{name} {dict(arguments)} resumed {context.resumes}")
        self.detached.append(context.detach(self.handle) is not None)
        context.report_progress(1, "unheard")
        if name == "ask":
            answers = await context.ask({"name": NAME, "again": NAME})
            return ToolResult(text=json.dumps(answers, sort_keys=True))
        gate: Deferred[Any] = Deferred()
        self.gates.append(gate)
        outcome = await gate
        if isinstance(outcome, Exception):
            raise outcome
        return ToolResult(text=str(outcome))

    def ask(self, method: str, facts: Facts = CLIENT, **params: Any) -> dict[str, Any]:
        self._id += 1
        replies: list[Reply | None] = []
        request = Request(self._id, method, with_envelope(**params))
        self.rig.kernel.start(request, facts, _unheard).reply.addCallback(replies.append)
        assert replies
        assert replies[0] is not None
        message: dict[str, Any] = json.loads(bytes(replies[0].body))
        return message

    def begin(self, name: str = "work") -> str:
        result = self.ask("tools/call", name=name)["result"]
        assert result["resultType"] == "task"
        task_id: str = result["taskId"]
        return task_id

    def look(self, task_id: str) -> dict[str, Any]:
        result: dict[str, Any] = self.ask("tasks/get", taskId=task_id)["result"]
        assert result["resultType"] == "complete"
        return result


def _unheard(message: bytes) -> None:
    raise AssertionError("a task sends nothing on the request's channel")


def test_a_call_becomes_a_task_and_its_result_is_fetched() -> None:
    """The first answer is the task; the result is in the task once it is there."""
    jobs = Jobs()
    result = jobs.ask("tools/call", name="work")["result"]
    assert (result["status"], result["ttlMs"], result["pollIntervalMs"]) == (
        "working",
        TTL_MS,
        1000,
    )
    assert {"requestState", "ttl", "task", "content"}.isdisjoint(result)
    task_id = result["taskId"]
    assert "result" not in jobs.look(task_id)
    jobs.gates[0].callback("done")
    task = jobs.look(task_id)
    assert task["status"] == "completed"
    assert task["result"]["content"] == [{"type": "text", "text": "done"}]


def test_without_the_extension_the_call_is_answered_the_ordinary_way() -> None:
    """Neither a stateless client without it nor a session is ever given a task."""
    for facts in (
        Facts("http", LOCAL, "2026-07-28"),
        Facts("http", LOCAL, "2025-11-25", WITH, session_id="s"),
    ):
        jobs = Jobs()
        replies: list[Reply | None] = []
        request = Request(1, "tools/call", with_envelope(name="work"))
        jobs.rig.kernel.start(request, facts, _unheard).reply.addCallback(replies.append)
        assert (replies, jobs.detached) == ([], [False])
        jobs.gates[0].callback("done")
        assert replies[0] is not None
        assert b'"text":"done"' in bytes(replies[0].body)


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_the_methods_need_the_extension_on_each_request(method: str) -> None:
    """What was declared on another request does not count."""
    jobs = Jobs()
    task_id = jobs.begin()
    bare = Facts("http", LOCAL, "2026-07-28")
    error = jobs.ask(method, bare, taskId=task_id, inputResponses={})["error"]
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    old = Facts("http", LOCAL, "2025-11-25", WITH, session_id="s")
    assert jobs.ask(method, old, taskId=task_id)["error"]["code"] == -32601


def test_a_tool_that_only_works_as_a_task_says_so() -> None:
    """The client learns which extension to declare."""
    bare = Facts("http", LOCAL, "2026-07-28")
    assert Jobs(required=True).ask("tools/call", bare, name="w")["error"]["code"] == -32021


@pytest.mark.parametrize("task_id", ["none", "", 5, None])
def test_an_unknown_task(task_id: object) -> None:
    """Is an error of the client's."""
    assert Jobs().ask("tasks/get", taskId=task_id)["error"]["code"] == -32602


def test_another_principals_task_does_not_exist() -> None:
    """A-08: knowing its id gives nothing, not even the power to cancel."""
    jobs = Jobs()
    task_id = jobs.begin()
    eve = Facts("http", Principal("eve"), "2026-07-28", WITH)
    for method in ("tasks/get", "tasks/cancel", "tasks/update"):
        error = jobs.ask(method, eve, taskId=task_id, inputResponses={})["error"]
        assert error["code"] == -32602
    assert jobs.look(task_id)["status"] == "working"


def test_cancel_ends_the_work_and_is_idempotent() -> None:
    """The acknowledgement is empty; the end is seen by asking."""
    jobs = Jobs()
    task_id = jobs.begin()
    for _ in range(2):
        answer = jobs.ask("tasks/cancel", taskId=task_id)["result"]
        assert set(answer) == {"resultType", "_meta"}
        assert jobs.look(task_id)["status"] == "cancelled"
    jobs.gates[0].addErrback(lambda failure: failure.trap(CancelledError))
    assert jobs.rig.kernel.running == 0


def test_a_tools_failure_is_a_result_and_a_protocol_error_is_a_failure() -> None:
    """``failed`` is kept for errors of the protocol."""
    jobs = Jobs()
    first, second, third = jobs.begin(), jobs.begin(), jobs.begin()
    jobs.gates[0].callback(McpError(-32602, "no"))
    jobs.gates[1].callback(RuntimeError("secret"))
    jobs.gates[2].callback(ToolFailure(Family.SYNTAX, "bad"))
    tasks = [jobs.look(each) for each in (first, second, third)]
    assert [task["status"] for task in tasks] == ["failed"] * 3
    assert tasks[0]["error"] == {"code": -32602, "message": "no"}
    assert "secret" not in json.dumps(tasks[1])


def test_a_task_asks_and_goes_on_when_all_is_answered() -> None:
    """One answer at a time; what is answered is asked no more; strangers are ignored."""
    jobs = Jobs()
    task_id = jobs.begin("ask")
    task = jobs.look(task_id)
    assert task["status"] == "input_required"
    one, two = sorted(task["inputRequests"])
    jobs.ask("tasks/update", taskId=task_id, inputResponses={one: {"action": "a"}, "x": {}})
    task = jobs.look(task_id)
    assert (task["status"], list(task["inputRequests"])) == ("input_required", [two])
    jobs.ask("tasks/update", taskId=task_id, inputResponses={two: {"action": "b"}, one: {}})
    task = jobs.look(task_id)
    assert task["status"] == "completed"
    heard = json.loads(task["result"]["content"][0]["text"])
    assert sorted(each["action"] for each in heard.values()) == ["a", "b"]


def test_a_task_that_waits_for_answers_can_be_cancelled() -> None:
    """Nobody has to answer first."""
    jobs = Jobs()
    task_id = jobs.begin("ask")
    jobs.ask("tasks/cancel", taskId=task_id)
    assert jobs.look(task_id)["status"] == "cancelled"


def test_a_client_may_leave_its_task() -> None:
    """A lost connection is no cancellation of what was handed out as a task."""
    jobs = Jobs()
    request = Request(1, "tools/call", with_envelope(name="work"))
    call = jobs.rig.kernel.start(request, CLIENT, _unheard)
    call.cancel("disconnect")
    assert jobs.rig.kernel.running == 1
    jobs.gates[0].callback("done")
    assert jobs.rig.kernel.running == 0


def test_tasks_are_kept_for_their_time_and_not_for_ever() -> None:
    """A running one as long as it runs, an ended one until an hour after its end."""
    jobs = Jobs()
    ended, running = jobs.begin(), jobs.begin()
    jobs.gates[0].callback("done")
    jobs.rig.now += TTL_MS / 1000 - 1
    assert jobs.look(ended)["status"] == "completed"
    jobs.rig.now += 2
    assert jobs.ask("tasks/get", taskId=ended)["error"]["code"] == -32602
    assert jobs.look(running)["status"] == "working"


def test_their_number_is_bounded() -> None:
    """Past the bound calls wait for their result like any other."""
    jobs = Jobs()
    for _ in range(MAX_TASKS):
        jobs.begin()
    request = Request("last", "tools/call", with_envelope(name="work"))
    call = jobs.rig.kernel.start(request, CLIENT, _unheard)
    assert (call.reply.called, jobs.detached[-1]) == (False, False)


def test_one_client_does_not_take_every_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has most gives up one that has ended; what runs is never forgotten."""
    monkeypatch.setattr(tasks, "MAX_TASKS", 4)
    now = 1_000.0
    board = TaskBoard(lambda: now, TaskTokens(b"k" * 32))
    ann, bob = Principal("ann"), Principal("bob")
    mine = [board.open(ann, lambda: None) for _ in range(4)]
    assert all(mine)
    # All of it runs.
    assert board.open(bob, lambda: None) is None
    for task in mine[1:3]:
        assert task is not None
        task.end_cancelled()
    assert board.open(ann, lambda: None) is None
    assert board.open(bob, lambda: None) is not None
    kept = [task for task in mine if task is not None and board.find(task.id, ann) is task]
    assert kept == [mine[0], mine[2], mine[3]]
    assert board.open(bob, lambda: None) is not None
    # Two and two: a third would only turn the tables.
    assert board.open(bob, lambda: None) is None


def test_shutdown_ends_tasks() -> None:
    """A task that is still running when the server stops is answered as such until the end."""
    jobs = Jobs()
    task_id = jobs.begin()
    drained = jobs.rig.kernel.drain()
    jobs.rig.kernel.cancel_all()
    task = jobs.look(task_id)
    assert (task["status"], drained.called) == ("completed", True)
    assert "stopping" in task["result"]["content"][0]["text"]


HANDLE = Handle("work", "01b-query", {"limit": 7})


def test_a_task_with_a_handle_is_taken_up_by_another_process() -> None:
    """Its id carries the Snowflake query; any process with the key reads the result."""
    first, second = Jobs(), Jobs()
    first.handle = HANDLE
    task_id = first.begin()
    assert all(0x21 <= ord(ch) <= 0x7E for ch in task_id)
    task = second.look(task_id)
    assert (task["taskId"], task["status"]) == (task_id, "completed")
    assert task["result"]["content"][0]["text"] == "work {'limit': 7} resumed 01b-query"
    assert second.look(task_id) == task


def test_the_id_of_such_a_task_is_worth_nothing_to_others() -> None:
    """Forged, another's, another key's, or older than Snowflake keeps results: unknown."""
    jobs, other = Jobs(), Jobs()
    jobs.handle = HANDLE
    task_id = jobs.begin()
    eve = Facts("http", Principal("eve"), "2026-07-28", WITH)
    assert other.ask("tasks/get", eve, taskId=task_id)["error"]["code"] == -32602
    for index in range(2, len(task_id), 5):
        changed = task_id[:index] + ("A" if task_id[index] != "A" else "B") + task_id[index + 1 :]
        assert other.ask("tasks/get", taskId=changed)["error"]["code"] == -32602
    other.rig.now += RESULTS_KEPT_S + 1
    assert other.ask("tasks/get", taskId=task_id)["error"]["code"] == -32602
