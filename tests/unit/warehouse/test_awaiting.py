"""Waiting for a result that never comes, though its statement has ended."""

from typing import Any

import pytest

from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.warehouse import queries
from snowflake_mcp.warehouse.errors import SessionFate, classify


class Silent:
    """A cursor and its connection: the statement runs for some questions and has ended then."""

    description: tuple[()] | None = None

    def __init__(self, running: int, results: int | None = None) -> None:
        self._running = running
        self._results = results
        self.asked = 0

    def query_result(self, query_id: str) -> None:
        self.asked += 1
        if self._results is not None and self.asked > self._results:
            self.description = ()

    def get_query_status(self, query_id: str) -> Any:
        self._running -= 1
        return self._running

    def is_still_running(self, status: int) -> bool:
        return status >= 0


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_PAUSE_S", 0)


def test_an_ended_statement_without_a_result_is_given_up() -> None:
    """Some tries, then an error after which the session is not used again."""
    silent = Silent(running=3)
    with pytest.raises(queries.NoResultError) as caught:
        queries.await_result(silent, silent, "id", lambda: True)
    assert 5 < silent.asked < 12
    trouble = classify(caught.value, "statement")
    assert (trouble.family, trouble.fate) == (Family.UNAVAILABLE, SessionFate.DISCARD)


def test_a_result_that_comes_late_is_taken() -> None:
    """An answer may say "not yet" once more after the statement has ended."""
    late = Silent(running=2, results=4)
    queries.await_result(late, late, "id", lambda: True)
    assert late.asked == 5


def test_a_long_statement_is_waited_for() -> None:
    """While it runs there is no limit of tries."""
    long = Silent(running=50, results=50)
    queries.await_result(long, long, "id", lambda: True)
    assert long.asked == 51
