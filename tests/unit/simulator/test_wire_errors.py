"""Errors, abuse and the locked door, through the real connector and bare HTTP."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.simulator.conftest import Wire


@pytest.mark.parametrize(
    ("sql", "errno", "sqlstate"),
    [
        ("selec 1", 1003, "42000"),
        ("select * from orders where", 1003, "42000"),
        ("select * from nosuch", 2003, "42S02"),
        ("select * from demo.nosuch.t", 2003, "02000"),
        ('select * from "orders"', 2003, "42S02"),
        ("describe table nosuch", 2003, "42S02"),
        ("select nocol from orders", 904, "42000"),
        ("select nofunc(1)", 2140, "42601"),
        ("select 1/0", 100051, "22012"),
        ("select 'a'::int", 100038, "22018"),
        ("use schema nosuch", 2043, "02000"),
        ("show tables in database nosuch", 2043, "02000"),
        ("select 1; select 2", 8, "0A000"),
        ("grant select on table orders to role x", 2, "0A000"),
        ("create stage s", 2, "0A000"),
        ("show sessions", 2, "0A000"),
    ],
)
def test_errors_have_snowflakes_codes(cursor: Any, sql: str, errno: int, sqlstate: str) -> None:
    """Code, SQL state and class that programs act upon."""
    import snowflake.connector

    with pytest.raises(snowflake.connector.errors.ProgrammingError) as failed:
        cursor.execute(sql)
    assert (failed.value.errno, failed.value.sqlstate) == (errno, sqlstate)


def test_a_session_goes_on_after_an_error(cursor: Any) -> None:
    """An error ends the statement, not the session."""
    import snowflake.connector

    with pytest.raises(snowflake.connector.errors.ProgrammingError):
        cursor.execute("select * from nosuch")
    assert cursor.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "sql",
    [
        "select content from read_text('{path}')",
        "select * from read_csv('{path}')",
        "select * from '{path}'",
        "select * from glob('/etc/*')",
        "create table stolen as select * from read_blob('{path}')",
        "copy orders to '{path}.out'",
        "attach '{path}.db'",
        "put file://{path} @~",
        "install httpfs",
        "load httpfs",
        "set global enable_external_access = true",
        "pragma enable_external_access",
        "export database '{path}.dir'",
        "create database x from '{path}'",
        "create secret s (type s3)",
    ],
)
def test_the_host_is_out_of_reach(cursor: Any, tmp_path: Path, sql: str) -> None:
    """No statement reads or writes a file of the host, or opens the door."""
    import snowflake.connector

    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\nsesame,1\n")
    try:
        cursor.execute(sql.format(path=secret))
        seen = str(cursor.fetchall())
    except snowflake.connector.errors.Error as error:
        seen = str(error)
    assert "sesame" not in seen
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
    with pytest.raises(snowflake.connector.errors.ProgrammingError):
        cursor.execute(f"select content from read_text('{secret}')")


def test_results_that_are_too_large_are_refused(cursor: Any) -> None:
    """A result beyond the limit is an error in good time, not the end of the process."""
    import snowflake.connector

    with pytest.raises(snowflake.connector.errors.ProgrammingError) as failed:
        cursor.execute(
            "select repeat('x', 10000) || seq4() from table(generator(rowcount => 100000))"
        )
    assert failed.value.errno == 100082
    assert cursor.execute("select 1").fetchone() == (1,)


def test_unknown_tokens_must_log_in(wire: Wire) -> None:
    """A token nobody gave out is answered 390104, as HTTP 200."""
    answer = wire.send("POST", "/queries/v1/query-request", {"sqlText": "select 1"}, token="nobody")
    assert (answer["success"], answer["code"]) == (False, "390104")


def test_a_repeated_request_is_the_same_statement(wire: Wire) -> None:
    """A client that repeats its request id gets the answer of the first run."""
    wire.query("create or replace table once (a int)")
    same = "5a9b1f0e-0000-4000-8000-000000000001"
    first = wire.query("insert into once values (1)", same)
    second = wire.query("insert into once values (1)", same)
    assert first["data"]["queryId"] == second["data"]["queryId"]
    rows = wire.query("show tables like 'once'")["data"]
    place = [column["name"] for column in rows["rowtype"]].index("rows")
    assert rows["rowset"][0][place] == "1"
    wire.query("drop table once")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing/here", None, 404),
        ("GET", "/queries/v1/query-request", None, 404),
        ("POST", "/queries/v1/query-request", {"no": "text"}, 400),
        ("POST", "/queries/v1/query-request", ["list"], 400),
        ("GET", "/chunk/01b0/wrong/0", None, 403),
    ],
)
def test_odd_requests_are_answered(
    wire: Wire, method: str, path: str, body: object, status: int
) -> None:
    """Nothing that is sent makes the server fail inside."""
    assert wire.raw(method, path, body)[0] == status


def test_unknown_statements_are_not_found(wire: Wire) -> None:
    """Result, abort and monitoring of an id nobody gave out."""
    assert wire.send("GET", "/queries/01b0/result")["code"] == "000709"
    assert wire.send("POST", "/queries/01b0/abort-request")["code"] == "000709"
    assert wire.send("GET", "/monitoring/queries//01b0")["data"]["queries"] == []


def test_the_connector_can_renew_its_token(simulator: int) -> None:
    """A master token gives a session token; a made-up one does not."""
    wire = Wire(simulator)
    answer = wire.send("POST", "/session/v1/login-request", {"data": {"LOGIN_NAME": "renew"}})
    master = answer["data"]["masterToken"]
    renewed = wire.send("POST", "/session/token-request", {}, token=master)
    assert renewed["success"]
    assert wire.send("POST", "/session/token-request", {}, token="no")["code"] == "390115"
    wire.token = renewed["data"]["sessionToken"]
    assert wire.send("POST", "/session/heartbeat")["success"]
    assert wire.send("POST", "/session?delete=true")["success"]
    assert wire.send("POST", "/session/heartbeat")["code"] == "390111"
