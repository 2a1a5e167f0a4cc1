"""Statements that take time: asynchronous, aborted, timed out, many at once."""

import threading
import time
from typing import Any

import pytest

from tests.unit.simulator.conftest import WAIT_S, Connect, Wire

HEAVY = (
    "select count(*) from demo.product.events a, demo.product.events b "
    "where mod(a.event_id * b.event_id, 1000003) = -1"
)
"""A statement that computes for hours."""


def test_async_gives_an_id_at_once_and_the_result_later(cursor: Any) -> None:
    """Submit, ask for the state, wait for the rows."""
    started = time.monotonic()
    cursor.execute_async("select system$wait(300, 'milliseconds'), 7")
    query_id = cursor.sfqid
    assert time.monotonic() - started < 0.25
    assert cursor.connection.get_query_status(query_id).name == "RUNNING"
    cursor.query_result(query_id)
    assert cursor.fetchone() == ("waited 300 milliseconds", 7)
    assert cursor.connection.get_query_status(query_id).name == "SUCCESS"


@pytest.mark.parametrize("sql", ["select system$wait(60)", HEAVY])
def test_abort_interrupts_at_once(connect: Connect, sql: str) -> None:
    """A waiting and a computing statement both end within a second of the abort."""
    import snowflake.connector

    connection = connect()
    cursor = connection.cursor()
    cursor.execute_async(sql)
    query_id = cursor.sfqid
    aborted_at = []

    def abort() -> None:
        aborted_at.append(time.monotonic())
        assert connection.cursor().abort_query(query_id)

    timer = threading.Timer(0.3, abort)
    timer.start()
    with pytest.raises(snowflake.connector.errors.ProgrammingError) as failed:
        cursor.query_result(query_id)
    assert time.monotonic() - aborted_at[0] < 1.0
    timer.join(WAIT_S)
    assert (failed.value.errno, failed.value.sqlstate) == (604, "57014")
    assert connection.get_query_status(query_id).name == "ABORTED"
    assert connection.cursor().execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("sql", ["select system$wait(60)", HEAVY])
def test_the_statement_timeout_ends_it(cursor: Any, sql: str) -> None:
    """STATEMENT_TIMEOUT_IN_SECONDS as a statement parameter."""
    import snowflake.connector

    with pytest.raises(snowflake.connector.errors.ProgrammingError) as failed:
        cursor.execute(sql, _statement_params={"STATEMENT_TIMEOUT_IN_SECONDS": 1})
    assert failed.value.errno == 630


def test_cancel_by_sql(connect: Connect) -> None:
    """SYSTEM$CANCEL_QUERY ends a statement of another session."""
    cursor = connect().cursor()
    cursor.execute_async("select system$wait(60)")
    other = connect().cursor()
    answer = other.execute(f"select system$cancel_query('{cursor.sfqid}')").fetchone()[0]
    assert answer == f"query [{cursor.sfqid}] terminated."
    assert cursor.connection.get_query_status(cursor.sfqid).name == "ABORTED"


def test_abort_by_request_id(wire: Wire) -> None:
    """A client that has no query id yet aborts by its request id."""
    request_id = "5a9b1f0e-0000-4000-8000-000000000002"
    query_id = wire.query("select system$wait(60)", request_id, asyncExec=True)["data"]["queryId"]
    assert wire.send("POST", "/queries/v1/abort-request", {"requestId": request_id})["success"]
    answer = wire.send("GET", f"/queries/{query_id}/result")
    assert (answer["code"], answer["data"]["sqlState"]) == ("000604", "57014")


def test_a_queued_statement_can_be_aborted(wire: Wire) -> None:
    """Statements of a session wait for each other; one that waits ends at once."""
    first = wire.query("select system$wait(60)", asyncExec=True)["data"]["queryId"]
    second = wire.query("select 1", asyncExec=True)["data"]["queryId"]
    state = wire.send("GET", f"/monitoring/queries/{second}")["data"]["queries"][0]["status"]
    assert state == "QUEUED"
    for query_id in (second, first):
        assert wire.send("POST", f"/queries/{query_id}/abort-request")["success"]
        assert wire.send("GET", f"/queries/{query_id}/result")["code"] == "000604"


def test_logging_out_aborts(simulator: int) -> None:
    """What a session runs ends with it."""
    leaving, staying = Wire(simulator), Wire(simulator)
    leaving.login()
    staying.login()
    query_id = leaving.query("select system$wait(60)", asyncExec=True)["data"]["queryId"]
    leaving.send("POST", "/session?delete=true")
    assert staying.send("GET", f"/queries/{query_id}/result")["code"] == "000604"
    staying.send("POST", "/session?delete=true")


def test_waiting_statements_hold_no_thread(connect: Connect) -> None:
    """Forty statements that wait leave the warehouse free for others."""
    waiting = [connect().cursor() for _ in range(40)]
    for cursor in waiting:
        cursor.execute_async("select system$wait(60)")
    started = time.monotonic()
    assert connect().cursor().execute("select count(*) from orders").fetchone() == (60_000,)
    assert time.monotonic() - started < 1.0


def test_sessions_do_not_see_each_others_answers(connect: Connect) -> None:
    """Eight sessions at once, each asks for its own numbers in its own schema."""
    connections = [connect() for _ in range(8)]
    wrong: list[object] = []

    def ask(number: int) -> None:
        cursor = connections[number].cursor()
        cursor.execute("use schema " + ("sales", "product")[number % 2])
        table = ("orders", "events")[number % 2]
        for turn in range(8):
            value = number * 1000 + turn
            row = cursor.execute(
                f"select {value}, current_schema(), count(*) from {table}"
            ).fetchone()
            expected = (value, *(("SALES", 60_000), ("PRODUCT", 250_000))[number % 2])
            if row != expected:
                wrong.append(row)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_conflicting_changes_do_not_leak(connect: Connect) -> None:
    """Sessions that change the same row all succeed, as on Snowflake, where they wait."""
    connections = [connect() for _ in range(4)]
    connections[0].cursor().execute("create or replace table counter (n int)")
    connections[0].cursor().execute("insert into counter values (0)")
    failures: list[Exception] = []

    def change(number: int) -> None:
        cursor = connections[number].cursor()
        for _ in range(10):
            try:
                cursor.execute("update counter set n = n + 1")
            except Exception as error:  # noqa: BLE001 a thread must not die silently
                failures.append(error)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert failures == []
    assert connections[0].cursor().execute("select n from counter").fetchone() == (40,)
    connections[0].cursor().execute("drop table counter")
