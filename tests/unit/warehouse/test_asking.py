"""What a statement asks the driver to do: no more than it needs, and safe when names go."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock, Thread
from typing import Any, TypeVar

import pytest

from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.warehouse import connect, queries
from snowflake_mcp.warehouse.errors import SessionFate, classify
from snowflake_mcp.warehouse.statement import Progress, execute
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.waiting import job

T = TypeVar("T")


@pytest.fixture
def connection(demo: dict[str, object]) -> Iterator[Any]:
    """A session that is opened as the pool does it."""
    opened = connect.open_session(demo, connect.Bounds(10, 10))
    yield opened
    connect.close(opened)


@pytest.fixture
def usage(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the calls that the driver looks at for a report of its usage."""
    looked_at: list[str] = []
    if connect.connector_line() == "5":
        from snowflake.connector._internal import decorators

        def look(_driver: Any, called: Any, _arguments: Any) -> None:
            looked_at.append(called.__name__)

        monkeypatch.setattr(decorators, "_send_api_usage", look)
    return looked_at


def in_thread(work: Callable[[], T]) -> T:
    """Do it in a thread of its own, as statements are."""
    made: list[T] = []
    thread = Thread(target=lambda: made.append(work()))
    thread.start()
    thread.join()
    return made[0]


def rows_of(connection: Any) -> list[Any]:
    """Of a small statement, by the way that all go."""
    reading = execute(connection, job("select 1"), {}, Progress(), Kept(), Lock())
    assert reading is not None
    return reading.value


def test_no_call_of_a_statement_is_looked_at_for_usage(connection: Any, usage: list[str]) -> None:
    """A session reports none, and where a statement runs the driver does not prepare for it."""
    in_thread(connection.cursor).close()
    assert usage[:1] == (["cursor"] if connect.connector_line() == "5" else [])
    usage.clear()
    assert in_thread(lambda: rows_of(connection)) == [[1]]
    assert usage == []


def test_without_its_name_the_driver_prepares_as_ever(
    connection: Any, usage: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost but the gain when a later driver calls it otherwise."""
    queries._usage_tracking.cache_clear()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "snowflake.connector._internal", None)
        assert queries._usage_tracking() is None
    assert in_thread(lambda: rows_of(connection)) == [[1]]
    assert ("execute_async" in usage) == (connect.connector_line() == "5")
    queries._usage_tracking.cache_clear()


def test_a_statement_asks_once_whether_its_session_is_open(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5 asks its core each time, so not before each call; 4.8 looks at itself."""
    asked: list[bool] = []
    is_closed = type(connection).is_closed

    def counted(self: Any) -> bool:
        asked.append(is_closed(self))
        return asked[-1]

    monkeypatch.setattr(type(connection), "is_closed", counted)
    assert in_thread(lambda: rows_of(connection)) == [[1]]
    assert not any(asked)
    assert connect.connector_line() == "4.8" or len(asked) == 1


def test_a_session_that_was_closed_meanwhile_is_found_so(demo: dict[str, object]) -> None:
    """Before the statement is sent, and after."""
    work: Callable[[], object]
    for sent in (False, True):
        connection = connect.open_session(demo, connect.Bounds(10, 10))
        cursor = queries.open_cursor(connection)
        query_id = queries.submit(cursor, "select 1", {}) if sent else ""
        connect.close(connection)
        if sent:
            work = partial(queries.await_result, cursor, connection, query_id, lambda: True)
        else:
            work = partial(queries.submit, cursor, "select 1", {})
        # 4.8 stumbles over what it has put away.
        with pytest.raises(Exception, match=r"closed|NoneType") as caught:
            work()
        trouble = classify(caught.value, "statement")
        assert (trouble.family, trouble.fate) == (Family.UNAVAILABLE, SessionFate.DISCARD)


def test_a_closed_cursor_says_so(connection: Any) -> None:
    """Though its connection is open."""
    cursor = queries.open_cursor(connection)
    assert not cursor.is_closed()
    cursor.close()
    assert cursor.is_closed()
