"""Whatever is sent as SQL, the answer is a result or an error of Snowflake's kind."""

import http.client
import json

import pytest

from tests.unit.simulator.conftest import WAIT_S, Wire

ODD = [
    "",
    "  ;; ",
    "select",
    "\x00",
    "select '\x00'",
    "(" * 3_000,
    "select " + "(" * 1_500 + "1" + ")" * 1_500,
    "select " + "-" * 3_001 + "1",
    "select 1" + " union all select 1" * 1_000,
    "select '",
    'select "',
    "select /* never closed",
    "select $nosuch",
    "select :1",
    "select ?",
    "select [1, 2][99999999999]",
    "select 1e400, 1e-400",
    "select 99999999999999999999999999999999999999999999",
    "select repeat('x', 1000000000)",
    "select 10::number(2, 1)",
    "select '2020-13-45'::date",
    "select parse_json('{')",
    "select sqrt(-1), ln(0)",
    "select cast(1 as nosuch)",
    "select * from table(generator(rowcount => -1))",
    "select * from (select 1) limit -1",
    "select * from @stage",
    "select columns('x') from orders",
    "select * exclude (nosuch) from orders",
    "select count(distinct *) from orders",
    "select s.nextval",
    "select system$wait('x')",
    "select system$cancel_query('x')",
    "select get_ddl('x', 'y')",
    "with recursive a as (select 1 union all select * from a) select * from a limit 5",
    "insert into nosuch values (1)",
    "insert into orders values (1)",
    "update orders set nosuch = 1",
    "merge into nosuch using orders on true when matched then delete",
    "create table t (a int, a int)",
    "create table t ()",
    "create table a.b.c.d (x int)",
    "drop table nosuch",
    "drop schema nosuch",
    "alter table nosuch add column a int",
    "alter session set",
    "alter session set x",
    "alter session set statement_timeout_in_seconds = -1",
    "use",
    "use role",
    "show",
    "show nothing",
    "show tables limit x",
    "show tables in schema a.b.c.d",
    "describe",
    "explain",
    "call f()",
    "commit",
    "begin; commit",
    "grant",
    "execute immediate 'select 1'",
    "declare x int; begin x := 1; end;",
    "pragma database_list",
    "attach ':memory:' as x",
    "set global threads = 1",
    "from orders",
    "summarize orders",
    "vacuum",
    "prepare x as select 1",
]


@pytest.mark.parametrize("sql", ODD, ids=lambda sql: sql[:30].encode("unicode_escape").decode())
def test_odd_statements_are_answered(wire: Wire, sql: str) -> None:
    """HTTP 200, with rows or with a code that is not an internal error."""
    status, body = wire.raw("POST", "/queries/v1/query-request?requestId=odd", {"sqlText": sql})
    answer = json.loads(body)
    assert status == 200
    if not answer["success"]:
        assert answer["code"] != "000603", answer["message"]
        assert (len(answer["code"]), len(answer["data"]["sqlState"])) == (6, 5)
        assert answer["message"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"sqlText": 7}',
        b'{"sqlText": "select \\ud83d"}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"sqlText": null}',
        b"null",
    ],
)
def test_odd_bodies_are_refused(wire: Wire, body: bytes) -> None:
    """A body that is not what clients send is 400, never 500."""
    connection = http.client.HTTPConnection("127.0.0.1", wire.port, timeout=WAIT_S)
    try:
        headers = {"Authorization": f'Snowflake Token="{wire.token}"'}
        connection.request("POST", "/queries/v1/query-request?requestId=odd", body, headers)
        assert connection.getresponse().status == 400
    finally:
        connection.close()


@pytest.mark.parametrize(
    "more",
    [
        {"parameters": 7},
        {"parameters": {"ROWS_PER_RESULTSET": "many", "STATEMENT_TIMEOUT_IN_SECONDS": None}},
        {"parameters": {"QUERY_TAG": {"a": 1}, "MULTI_STATEMENT_COUNT": [1]}},
        {"bindings": 7},
        {"bindings": {"1": 7}},
        {"bindings": {"x": {"type": "NOSUCH", "value": {}}}},
        {"describeOnly": "yes"},
    ],
)
def test_odd_members_are_answered(wire: Wire, more: dict[str, object]) -> None:
    """Members of the wrong kind are left alone or fail the statement."""
    path = "/queries/v1/query-request?requestId=odd"
    status, body = wire.raw("POST", path, {"sqlText": "select 1", **more})
    assert status == 200
    assert json.loads(body)["code"] != "000603"


def test_a_login_with_a_wrong_parameter_is_refused(wire: Wire) -> None:
    """Not carried on with a value that means nothing."""
    data = {"LOGIN_NAME": "x", "SESSION_PARAMETERS": {"USE_CACHED_RESULT": "perhaps"}}
    answer = wire.send("POST", "/session/v1/login-request", {"data": data})
    assert answer["code"] == "001008"
