"""The tools for statements that outlive a call: what is asked and what is said."""

from typing import Any

import pytest

from snowflake_mcp.config.model import LimitSettings, PolicySettings
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.verdict import Refusal
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.warehouse.results import Column
from snowflake_mcp.warehouse.standing import Standing, State, StillRunningError
from tests.unit.tools.fakes import (
    FakeGate,
    Reply,
    asynchronous,
    conforming,
    context,
    registry,
    shown,
)

ID = "01b00000-0000-0000-0000-000000000001"
RUNNING = Standing(ID, "running", 45.2)
NEXT = (
    "Call get_query_status with this query_id and wait_s until it has ended, then fetch_results; "
    "cancel_query ends it."
)


def numbers(count: int, total: int | None = None) -> Reply:
    """So many rows of one number."""
    return Reply([Column("N", "NUMBER(38,0)", False)], [[n] for n in range(count)], total)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("execute_query", {"query": "select 1"}),
        ("query_view", {"database": "d", "schema": "s", "view_name": "v"}),
    ],
)
@asynchronous
async def test_a_call_that_takes_long_answers_with_the_handle(
    name: str, arguments: dict[str, Any]
) -> None:
    """As a success that fits the tool's schema: no rows, cut by time, and what to call next."""
    tools, warehouse = registry({"": StillRunningError(RUNNING)})
    request = context()
    result = await tools.call(name, arguments, request)
    assert result.failure is None
    answer = conforming(tools, name, result)
    assert (answer["state"], answer["query_id"], answer["elapsed_ms"]) == ("running", ID, 45_200)
    assert (answer["rows"], answer["row_count"], answer["total_rows"]) == ([], 0, None)
    assert (answer["truncated"], answer["truncated_by"]) == (True, "time")
    assert answer["next_step"] == NEXT
    assert shown(result).split("\n") == [
        "No rows yet: the statement has not ended after 45 s and goes on. State: running.",
        f"Next: {NEXT}",
        f"Query {ID}, 45200 ms, connection finance.",
    ]
    assert result.meta["snowflake-mcp/query-id"] == request.query_id == ID
    assert warehouse.jobs[0].answer_within_s == 45.0


@asynchronous
async def test_a_task_is_no_handle() -> None:
    """A call that has become a task, or becomes one at that moment, waits for its rows."""
    tools, warehouse = registry({"/*": numbers(1)})
    request = context()
    given: list[object] = []

    def detach(handle: object) -> object:
        given.append(handle)
        request.task = object()  # type: ignore[assignment]
        return request.task

    request.detach = detach  # type: ignore[assignment]
    request.query_id = ID
    await tools.call("execute_query", {"query": "q"}, request)
    waits = warehouse.jobs[0].waits
    assert waits is not None
    assert (waits(), len(given)) == (True, 1)
    request.task = None
    request.query_id = None
    assert not waits()


@asynchronous
async def test_submit_answers_at_once() -> None:
    """It is judged like any other, kept in full, given its own limit, and not waited for."""
    gate = FakeGate()
    limits = LimitSettings(max_kept_rows=500, submitted_timeout_s=900.0)
    replies = {"/*judged*/": StillRunningError(Standing(ID, "queued", 0.004))}
    tools, warehouse = registry(replies, gate=gate, limits=limits)
    result = await tools.call("submit_query", {"query": "q", "database": "d"}, context())
    answer = conforming(tools, "submit_query", result)
    assert (answer["state"], answer["query_id"], answer["error"]) == ("queued", ID, None)
    assert shown(result).startswith("Submitted. State: queued.\nNext: Call get_query_status")
    job = warehouse.jobs[0]
    assert (job.answer_within_s, job.timeout_s, job.row_cap) == (0, 900.0, 500)
    assert (job.database, gate.seen) == ("D", ["q"])
    # Nobody is asked whether to go on waiting.
    assert job.waits is None


@asynchronous
async def test_submit_refuses_what_the_gate_refuses() -> None:
    """Nothing is sent."""
    gate = FakeGate((Refusal("not-a-read", "No.", "Read."),))
    tools, warehouse = registry(gate=gate)
    result = await tools.call("submit_query", {"query": "delete"}, context())
    assert result.failure is not None
    assert result.failure.family is Family.REFUSED
    assert warehouse.jobs == []


@pytest.mark.parametrize(
    ("state", "line", "next_step"),
    [
        ("queued", "State: queued.", NEXT),
        ("resuming warehouse", "State: resuming warehouse.", NEXT),
        ("success", "State: success.", "Call fetch_results with this query_id."),
        ("failed", "State: failed.", "Mend it."),
        ("unknown", "State: unknown.", "Call get_query_status again in a while."),
    ],
)
@asynchronous
async def test_every_state_has_its_words(state: State, line: str, next_step: str) -> None:
    """The state, why, and what to do next."""
    tools, warehouse = registry()
    failure = ToolFailure(Family.SYNTAX, "wrong\x1b", "Mend it.") if state == "failed" else None
    warehouse.handles.stands = Standing(ID, state, 1.5, failure)
    result = await tools.call("get_query_status", {"query_id": ID, "wait_s": 7}, context())
    answer = conforming(tools, "get_query_status", result)
    assert (answer["state"], answer["next_step"]) == (state, next_step)
    assert answer["error"] == (None if failure is None else "wrong\\x1b")
    assert shown(result).split("\n")[0] == line
    assert warehouse.handles.asked == [("standing", ID, LOCAL, 7)]


@asynchronous
async def test_waiting_is_bounded() -> None:
    """However long a caller wants to wait, the answer comes within the setting and the request."""
    tools, warehouse = registry(limits=LimitSettings(answer_within_s=20.0))
    await tools.call("get_query_status", {"query_id": ID, "wait_s": 10**6}, context())
    await tools.call("get_query_status", {"query_id": ID, "wait_s": 15}, context(remaining_s=11.0))
    assert [asked[3] for asked in warehouse.handles.asked] == [20.0, 5.0]


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("cancelled", "State: cancelled."),
        ("success", "There was nothing to cancel: it had ended. State: success."),
        ("running", "Told to end, which is not confirmed yet. State: running."),
    ],
)
@asynchronous
async def test_cancel_tells_the_final_state(state: State, line: str) -> None:
    """Confirmed, too late, or not confirmed yet."""
    tools, warehouse = registry()
    warehouse.handles.stands = Standing(ID, state)
    result = await tools.call("cancel_query", {"query_id": ID}, context())
    answer = conforming(tools, "cancel_query", result)
    assert (answer["state"], answer["elapsed_ms"]) == (state, None)
    assert shown(result).split("\n")[0] == line


@asynchronous
async def test_pages_lead_to_the_end() -> None:
    """Each page says where the next one begins; the last one that there is none."""
    tools, warehouse = registry({ID: numbers(250)})
    warehouse.handles.stands = Standing(ID, "success", 1.0, None, 1_000_000)
    offset: int | None = 0
    seen: list[int] = []
    heads = []
    while offset is not None:
        arguments = {"query_id": ID, "offset": offset, "limit": 100}
        result = await tools.call("fetch_results", arguments, context())
        answer = conforming(tools, "fetch_results", result)
        assert (answer["offset"], answer["total_rows"]) == (offset, 250)
        assert answer["truncated"] is (answer["next_offset"] is not None)
        seen += [row[0] for row in answer["rows"]]
        heads.append(shown(result).split("\n")[0])
        offset = answer["next_offset"]
    assert seen == list(range(250))
    assert heads == [
        "100 of 250 rows, from offset 0.",
        "100 of 250 rows, from offset 100.",
        "50 of 250 rows, from offset 200.",
    ]


@asynchronous
async def test_a_row_that_is_too_large_does_not_stop_the_pages() -> None:
    """It is left out, which is said, and the next page begins behind it."""
    wide = Reply([Column("T", "VARCHAR", True)], [["x" * 5_000], ["y"]])
    tools, warehouse = registry({ID: wide}, limits=LimitSettings(max_result_bytes=1_024))
    warehouse.handles.stands = Standing(ID, "success")
    result = await tools.call("fetch_results", {"query_id": ID}, context())
    answer = conforming(tools, "fetch_results", result)
    assert (answer["rows"], answer["next_offset"], answer["truncated_by"]) == ([], 1, "bytes")
    assert "Row 0 is larger than an answer and was left out." in answer["next_step"]


@asynchronous
async def test_fetching_what_runs_gives_the_handle_again() -> None:
    """The same words as for a call that takes long, within the tool's schema."""
    tools, warehouse = registry()
    warehouse.handles.stands = Standing(ID, "resuming warehouse")
    result = await tools.call("fetch_results", {"query_id": ID, "offset": 5}, context())
    answer = conforming(tools, "fetch_results", result)
    assert (answer["state"], answer["truncated_by"]) == ("resuming warehouse", "time")
    assert (answer["offset"], answer["next_offset"], answer["elapsed_ms"]) == (5, 5, 0)
    assert warehouse.handles.asked[0][3] == pytest.approx(29.5)


@pytest.mark.parametrize(
    ("tool", "policy"),
    [
        ("execute_query", PolicySettings()),
        ("submit_query", PolicySettings()),
        ("execute_statement", PolicySettings(tier="dml", confirm_writes=False)),
    ],
)
@asynchronous
async def test_stored_results_are_their_owners(tool: str, policy: PolicySettings) -> None:
    """A statement that reads another's result is not sent, and told as if there were no such."""
    tier = Tier.DML if tool == "execute_statement" else Tier.READ
    tools, warehouse = registry(gate=FakeGate(results=(ID,), tier=tier), policy=policy)
    warehouse.handles.stands = ToolFailure(Family.MISSING_OBJECT, "No statement of yours.")
    result = await tools.call(tool, {"query": "..."}, context())
    assert result.failure is not None
    assert result.failure.family is Family.MISSING_OBJECT
    assert [asked[:2] for asked in warehouse.handles.asked] == [("standing", ID)]
    assert warehouse.sql == []
