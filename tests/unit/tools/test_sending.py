"""A statement's seconds are booked once, up to when its end is known."""

from snowflake_mcp.policy.ledger import Ledger
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.standing import Standing, StillRunningError
from snowflake_mcp.warehouse.statement import Job
from tests.unit.tools.fakes import Reply, asynchronous, columns, context, registry

QUERY = {"query": "SELECT 1"}
ROW = Reply(columns("ONE"), [["1"]])


@asynchronous
async def test_what_follows_the_end_is_not_booked() -> None:
    """An answer that takes its time after the statement has ended uses none of the allowance."""
    ledger, request = Ledger(lambda: 0.0), context()
    tools, warehouse = registry({"/*judged*/": ROW}, ledger=ledger)

    def during(job: Job) -> None:
        request.clock.advance(2.0)  # type: ignore[attr-defined]  # a Clock
        assert job.on_end is not None
        job.on_end("01b0-1", "success")
        request.clock.advance(5.0)  # type: ignore[attr-defined]  # a Clock

    warehouse.during = during
    await tools.call("execute_query", QUERY, request)
    assert ledger.used_today("local").seconds == 2.0


@asynchronous
async def test_a_failed_statement_is_booked_without_word_of_its_end() -> None:
    """Nobody may hear of the end of what was never sent; it counts until its caller leaves."""
    ledger, request = Ledger(lambda: 0.0), context()
    problem = ToolFailure(Family.UNAVAILABLE, "No way to Snowflake.")
    tools, warehouse = registry({"/*judged*/": problem}, ledger=ledger)
    warehouse.during = lambda _: request.clock.advance(3.0)  # type: ignore[attr-defined]  # a Clock
    result = await tools.call("execute_query", QUERY, request)
    assert result.failure is problem
    request.clock.advance(4.0)  # type: ignore[attr-defined]  # a Clock
    assert ledger.used_today("local").seconds == 3.0


@asynchronous
async def test_what_goes_on_without_its_caller_is_booked_to_its_end() -> None:
    """The handle was given; the seconds run on until the end is told."""
    ledger, request = Ledger(lambda: 0.0), context()
    running = StillRunningError(Standing("01b0-1", "running", 1.0))
    tools, warehouse = registry({"/*judged*/": running}, ledger=ledger)
    await tools.call("execute_query", QUERY, request)
    request.clock.advance(6.0)  # type: ignore[attr-defined]  # a Clock
    assert ledger.used_today("local").seconds == 6.0
    ended = warehouse.jobs[0].on_end
    assert ended is not None
    request.clock.advance(1.0)  # type: ignore[attr-defined]  # a Clock
    ended("01b0-1", "success")
    request.clock.advance(9.0)  # type: ignore[attr-defined]  # a Clock
    assert ledger.used_today("local").seconds == 7.0
