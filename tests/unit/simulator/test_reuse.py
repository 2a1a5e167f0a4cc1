"""Result reuse: what is asked again, what has changed, what may be remembered."""

from collections.abc import Iterator
from typing import Any

import pytest

from snowflake_mcp.simulator.results import KEPT_S, Result, ResultStore
from snowflake_mcp.simulator.reuse import Reuse, changes_data, is_repeatable
from tests.unit.simulator.conftest import Wire


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "  /* c */ -- d\n ( select 1)",
        "with a as (select 1) select * from a",
        "values (1)",
        "show tables",
        "desc table t",
        "explain using text delete from t",
        "use schema s",
        "alter session set query_tag = 'x'",
        "set x = 1",
    ],
)
def test_statements_that_change_nothing(sql: str) -> None:
    """Results are reused across them."""
    assert not changes_data(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "insert into t values (1)",
        "/* select */ update t set a = 1",
        "with a as (select 1) delete from t",
        "select 1 ->> insert into t values (1)",
        "create table t (a int)",
        "alter table t add b int",
        "begin",
        "commit",
        "truncate t",
        "comment on table t is 'x'",
        "",
        "?",
    ],
)
def test_statements_that_may_change_something(sql: str) -> None:
    """In doubt it may."""
    assert changes_data(sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select count(*) from t", True),
        ("with a as (select 'random()') select * from a", True),
        ("select current_date", False),
        ("select CURRENT_TIMESTAMP()", False),
        ('select "RANDOM"()', False),
        ("select uuid_string()", False),
        ("select * from t sample (10)", False),
        ("select $x", False),
        ("select $1 from values (1)", False),
        ("select system$wait(1)", False),
        ("select s.nextval", False),
        ("select * from table(result_scan(last_query_id()))", False),
        ("select * from information_schema.tables", False),
        ("show tables", False),
        ("select 1 ->> select 2", False),
        ("select 'open", False),
        ("select '" + "x" * 70_000 + "'", False),
    ],
)
def test_only_repeatable_queries_are_reused(sql: str, *, expected: bool) -> None:
    """Nothing that looks at the clock, at chance, at the session or at other statements."""
    assert is_repeatable(sql) is expected


def test_an_answer_over_changed_data_is_not_remembered() -> None:
    """A change that began while the query ran makes its rows doubtful."""
    reuse = Reuse()
    version = reuse.version
    reuse.changed()
    reuse.keep("q", version, "id-1")
    assert reuse.find("q") is None
    reuse.keep("q", reuse.version, "id-2")
    assert reuse.find("q") == "id-2"
    reuse.changed()
    assert reuse.find("q") is None


def test_remembered_answers_are_bounded() -> None:
    """A thousand; the oldest goes."""
    reuse = Reuse()
    for number in range(1_001):
        reuse.keep(number, reuse.version, str(number))
    assert (reuse.find(0), reuse.find(1)) == (None, "1")


def test_results_are_gone_after_a_day() -> None:
    """However often they were read."""
    now = [0.0]
    store = ResultStore(10, 1 << 20, 1 << 20, lambda: now[0])
    store.put("a", Result(b"x", 1))
    now[0] = KEPT_S - 1
    assert store.get("a") is not None
    now[0] = KEPT_S
    assert store.get("a") is None
    assert (len(store), store.size) == (0, 0)


@pytest.fixture
def pair(faulty: Wire) -> Iterator[tuple[Wire, Wire]]:
    """Two sessions of one user."""
    other = Wire(faulty.port)
    for wire in (faulty, other):
        wire.login()
    faulty.query("create database if not exists reuse_db")
    for wire in (faulty, other):
        wire.query("use database reuse_db")
    faulty.query("create or replace table t as select seq4() a from table(generator(rowcount=>3))")
    yield faulty, other
    faulty.query("drop database reuse_db")
    for wire in (faulty, other):
        wire.send("POST", "/session?delete=true")


def reused(wire: Wire) -> int:
    """How many results were reused since the counters were cleared."""
    return int(wire.counters()["reused"])


def rows(answer: Any) -> int:
    """The number of rows of an answer."""
    assert answer["success"], answer
    return int(answer["data"]["total"])


def test_the_same_question_has_the_same_answer(pair: tuple[Wire, Wire]) -> None:
    """In any session, under a new query id; until something changes."""
    one, other = pair
    first = one.query("select * from t")
    second = other.query("select * from t")
    assert (rows(first), rows(second), reused(one)) == (3, 3, 1)
    assert first["data"]["queryId"] != second["data"]["queryId"]
    assert first["data"]["rowsetBase64"] == second["data"]["rowsetBase64"]
    other.query("insert into t values (7)")
    assert (rows(one.query("select * from t")), reused(one)) == (4, 1)


def test_a_question_that_differs_is_another(pair: tuple[Wire, Wire]) -> None:
    """Text, place, binds, cap; and USE_CACHED_RESULT must be on."""
    one, other = pair
    sql = "select * from t"
    one.query(sql)
    one.query(sql + " ")
    one.query(sql, parameters={"ROWS_PER_RESULTSET": 2})
    one.query(sql, parameters={"USE_CACHED_RESULT": False})
    other.query("alter session set use_cached_result = false")
    other.query(sql)
    other.query("use database reuse_db")
    one.query("select ?", bindings={"1": {"type": "FIXED", "value": "1"}})
    one.query("select ?", bindings={"1": {"type": "FIXED", "value": "2"}})
    assert reused(one) == 0
    one.query("select ?", bindings={"1": {"type": "FIXED", "value": "2"}})
    assert reused(one) == 1


def test_transactions_see_their_own_data(pair: tuple[Wire, Wire]) -> None:
    """Nothing is reused inside one, and nothing of it by others."""
    one, other = pair
    one.query("begin")
    one.query("insert into t values (8)")
    assert rows(one.query("select * from t")) == 4
    assert rows(other.query("select * from t")) == 3
    one.query("commit")
    assert rows(other.query("select * from t")) == 4


def test_large_results_are_reused_with_their_chunks(pair: tuple[Wire, Wire]) -> None:
    """The addresses are new, and good."""
    one, _ = pair
    sql = "select seq4() n from table(generator(rowcount => 30000))"
    one.query(sql)
    data = one.query(sql)["data"]
    assert reused(one) == 1
    path = data["chunks"][0]["url"].split(str(one.port))[1]
    assert data["queryId"] in path
    assert one.raw("GET", path)[0] == 200


def test_results_belong_to_their_user(pair: tuple[Wire, Wire]) -> None:
    """Any session of that user reads them by id, also after the first has ended; others do not."""
    one, other = pair
    leaving = Wire(one.port)
    leaving.login()
    query_id = leaving.query("select 42 as answer")["data"]["queryId"]
    leaving.send("POST", "/session?delete=true")
    assert other.send("GET", f"/queries/{query_id}/result")["success"]
    stranger = Wire(one.port)
    stranger.login("stranger")
    assert stranger.send("GET", f"/queries/{query_id}/result")["code"] == "000709"
    assert not stranger.query(f"select * from table(result_scan('{query_id}'))")["success"]
    assert rows(other.query(f"select * from table(result_scan('{query_id}'))")) == 1
    stranger.send("POST", "/session?delete=true")
