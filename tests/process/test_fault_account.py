"""Faults of the account: gone, refusing, expiring, answering nonsense; over real sockets."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.fault_record import Measured
from tests.support.lines import (
    OPENS_FILES_FOR_S3,
    REPEATS_SILENT_POLLS,
    tracebacks,
)
from tests.support.opened import opened
from tests.support.processes import until
from tests.support.proxy import relaying
from tests.support.server import Reply, Server, free_port, serving
from tests.support.simulator import Endpoint, simulating

pytestmark = [pytest.mark.process, pytest.mark.statements]

GRANT = {"SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait"}
DOWN_S = 5
RECOVERY_S = 5.0
PARTED_S = 110.0 if REPEATS_SILENT_POLLS else 60.0
PARTED = "SELECT SYSTEM$WAIT(100)"
SLACK = 3.0
"""Machines that run tests beside other work are slower than the promise."""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An account that can be told to misbehave."""
    with simulating(tmp_path_factory.mktemp("account"), "--faults") as endpoint:
        yield endpoint


@pytest.fixture
def account(faulty: Endpoint) -> Endpoint:
    """The same, well again."""
    faulty.mend()
    return faulty


@pytest.fixture(scope="module")
def shared(faulty: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all that a server survives; no traceback may be in its log."""
    environ = {**faulty.environ, **GRANT}
    with serving(tmp_path_factory.mktemp("server"), "--no-demo", environ=environ) as started:
        yield started
    assert tracebacks(started.log_text) == []


@pytest.fixture
def server(shared: Server) -> Server:
    """It has an idle session."""
    until(lambda: _query(shared, "SELECT 1").status == 200, 20, "a query is answered")
    return shared


@pytest.mark.fault("F-01", "a closed port, where the account appears later")
def test_an_account_that_comes_late(tmp_path: Path, measured: Measured) -> None:
    """The server is up without it, does not hammer at it, and is ready soon after it appears."""
    port = free_port()
    environ = {**Endpoint(port, 0).environ, "SNOWFLAKE_MCP_POOL_LOGIN_TIMEOUT_S": "3"}
    # The account goes last: a driver that cannot log out at the end says so at length.
    with ExitStack() as accounts, serving(tmp_path, "--no-demo", environ=environ) as server:
        began = time.monotonic()
        # Asked all the while, as by a load balancer and impatient agents.
        while time.monotonic() - began < DOWN_S:
            assert server.request("GET", "/health").status == 200
            assert server.request("GET", "/health/ready").status == 503
            told = _query(server, "SELECT 1")
            assert told.status == 503
            assert told.json()["error"]["code"] == "unavailable"
        pool = server.request("GET", "/status").json()["warehouse"]["pool"]
        measured(f"failed logins in {DOWN_S} s of asking", pool["failed_logins"], "", bound=6)
        (tmp_path / "account").mkdir()
        accounts.enter_context(simulating(tmp_path / "account", port=port))
        began = time.monotonic()
        until(
            lambda: server.request("GET", "/health/ready").status == 200,
            RECOVERY_S * SLACK,
            "it is ready again",
        )
        measured("ready after recovery", time.monotonic() - began)
        assert _query(server, "SELECT 1").status == 200
    assert tracebacks(server.log_text) == []


@pytest.mark.fault("F-02", "the account answers every login with 390100")
def test_a_login_that_is_refused(account: Endpoint, tmp_path: Path, measured: Measured) -> None:
    """One try, however many ask, so that Snowflake does not lock the user out."""
    # Of this user alone: the server that the other tests share opens sessions ahead of need.
    refusal = {"code": "390100", "message": "Incorrect username or password"}
    account.fault("login", refusal, user="refused")
    secret = {"SNOWFLAKE_USER": "refused", "SNOWFLAKE_PASSWORD": "hunter2-hunter2"}
    with serving(tmp_path, "--no-demo", environ={**account.environ, **secret}) as server:
        for _ in range(25):
            told = _query(server, "SELECT 1")
            assert told.status >= 500
            assert told.json()["error"]["code"] == "auth"
            assert server.request("GET", "/health/ready").status == 503
        (rule,) = account.seen()["rules"]
        logins = rule["fired"]
        measured("logins while 50 requests asked", logins, "", bound=1)
    assert server.log_text.count("login failed: auth, errno 390100") == 1
    assert "hunter2" not in server.log_text
    assert tracebacks(server.log_text) == []


EXPIRIES = {
    "390112 token, renewable": ("query", {"expire": "token"}),
    "390112 at a poll": ("result", {"expire": "token"}),
    "390111 session gone": ("query", {"expire": "session"}),
    "390112 for no reason": ("query", {"code": "390112"}),
    "390114": ("query", {"code": "390114"}),
    "390195": ("query", {"code": "390195"}),
}


@pytest.mark.fault("F-03", "the account tells a session that it, or its token, has expired")
@pytest.mark.parametrize("name", EXPIRIES)
def test_a_session_that_expires(
    account: Endpoint, server: Server, measured: Measured, name: str
) -> None:
    """One renewal or one new session, one repetition, and the client sees nothing of it."""
    path, fault = EXPIRIES[name]
    account.mend()
    account.fault(path, fault, times=1, sql_contains="EXPIRING")
    began = time.monotonic()
    answer = _query(server, "SELECT 41 + 1 AS EXPIRING")
    assert answer.status == 200, answer.body
    assert answer.json()["result"]["rows"] == [[42]]
    measured("answer", time.monotonic() - began)
    seen = account.seen()
    assert [rule["fired"] for rule in seen["rules"]] == [1]
    repairs = seen["requests"].get("renew", 0), seen["logins"]["succeeded"]
    assert repairs in {(1, 0), (0, 1), (1, 1)}, repairs
    assert "RUNNING" not in account.states("EXPIRING")


@pytest.mark.fault("F-03", "390112, and the renewal is answered 390114")
def test_a_session_that_cannot_be_renewed(account: Endpoint, server: Server) -> None:
    """A new one takes its place, and the read is repeated on it."""
    account.fault("query", {"expire": "master"}, times=1, sql_contains="ENDED")
    answer = _query(server, "SELECT 41 + 1 AS ENDED")
    assert answer.json()["result"]["rows"] == [[42]]
    assert _query(server, "SELECT 1").status == 200
    # One for the read; the others fill the place of the warm session that it took.
    assert 1 <= account.seen()["logins"]["succeeded"] <= 3


@pytest.mark.fault("F-03", "the account says so each time")
def test_a_session_that_expires_for_ever(account: Endpoint, server: Server) -> None:
    """Tried twice, then the client is told; there is no endless circle."""
    account.fault("query", {"code": "390111"}, sql_contains="HOPELESS")
    answer = _query(server, "SELECT 1 AS HOPELESS")
    assert answer.status == 503, answer.body
    assert answer.json()["error"]["code"] == "unavailable"
    assert account.seen()["rules"][0]["fired"] <= 2
    account.mend()
    assert _query(server, "SELECT 1").status == 200


BROKEN: dict[str, dict[str, object]] = {
    "HTML": {"malformed": "text"},
    "nothing": {"malformed": "empty"},
    "a list": {"malformed": "list"},
    "an empty object": {"malformed": "bare"},
    "no data": {"malformed": "no_data"},
    "half the JSON": {"malformed": "truncated"},
    "half the body": {"drop": "half"},
}
NONSENSE = {
    f"{path}: {name}": (path, fault)
    for path in ("query", "result")
    for name, fault in BROKEN.items()
}
NONSENSE["chunk: damaged"] = "chunk", {"corrupt": True}
NONSENSE["chunk: half"] = "chunk", {"drop": "half"}


@pytest.mark.full
@pytest.mark.timeout(240)
@pytest.mark.fault("F-38", "answers that are HTML, empty, another JSON, cut off or damaged")
@pytest.mark.parametrize("name", NONSENSE)
def test_an_answer_that_is_nonsense(
    account: Endpoint, server: Server, measured: Measured, name: str
) -> None:
    """A tool error that tells nothing internal; the session is gone, the next call works."""
    path, fault = NONSENSE[name]
    query = {"query": "SELECT * FROM DEMO.PRODUCT.EVENTS ORDER BY 1 /*N*/", "limit": 10_000}
    before = server.request("GET", "/status").json()["warehouse"]["pool"]
    account.fault(path, fault, sql_contains="EVENTS")
    began = time.monotonic()
    answer = server.call("execute_query", query, within_s=100)
    measured("answer", time.monotonic() - began)
    assert answer.status == 503, answer.body
    assert answer.json()["error"]["code"] == "unavailable"
    for part in (b"Traceback", b"127.0.0.1", b".py", b"<html"):
        assert part not in answer.body
    account.mend()
    after = server.request("GET", "/status").json()["warehouse"]["pool"]
    assert after["closed"] > before["closed"]
    assert (after["leased"], _query(server, "SELECT 1").status) == (0, 200)


@pytest.mark.fault("F-38", "the answer to one submission is HTML")
def test_one_answer_that_is_nonsense(account: Endpoint, server: Server) -> None:
    """Whether it is repeated or told, the next call works and nothing internal is said."""
    account.fault("query", {"malformed": "text"}, times=1, sql_contains="ONCE")
    answer = _query(server, "SELECT 1 AS ONCE")
    assert answer.status in {200, 503}, answer.body
    assert _query(server, "SELECT 1").status == 200


@pytest.mark.fault("F-39", "the account answers a SELECT with command UPLOAD or DOWNLOAD")
@pytest.mark.parametrize("stage", ["LOCAL_FS", "S3"])
@pytest.mark.parametrize("path", ["query", "result"])
@pytest.mark.parametrize("command", ["UPLOAD", "DOWNLOAD"])
def test_an_account_that_asks_for_files(
    account: Endpoint,
    server: Server,
    tmp_path: Path,
    command: str,
    path: str,
    stage: str,
    measured: Measured,
) -> None:
    """No file of this host is read or written; the call is answered, and so is the next.

    Connector 4.8 moves files to and from a stage in a folder, 5.2 to one in S3.
    """
    secret, folder = tmp_path / "secret", tmp_path / "folder"
    secret.write_text("not for Snowflake")
    folder.mkdir()
    asked = {"command": command, "file": str(secret), "folder": str(folder), "stage": stage}
    account.fault(path, asked, sql_contains="FILES")
    asked_in_vain = (command, path, stage) != ("UPLOAD", "result", "S3") or not OPENS_FILES_FOR_S3
    with opened(secret, folder) as events:
        answer = _query(server, "SELECT 1 AS FILES")
        assert account.seen()["rules"][0]["fired"] > 0
        seen = events()
    assert (seen == []) == asked_in_vain
    if asked_in_vain:
        measured("files opened", len(seen), "")
    assert answer.status in {200, 502, 503}, answer.body
    assert b"not for Snowflake" not in answer.body
    assert list(folder.iterdir()) == []
    account.mend()
    assert _query(server, "SELECT 1").status == 200


@pytest.mark.fault("F-33", "wrong names, wrong SQL, a division by zero")
def test_what_errors_tell(account: Endpoint, server: Server) -> None:
    """Snowflake's words reach the model; what is behind the server does not."""
    wrong = {
        "SELECT * FROM NO_SUCH_TABLE": "NO_SUCH_TABLE",
        "SELECT NO_SUCH_COLUMN FROM DEMO.SALES.ORDERS": "NO_SUCH_COLUMN",
        "SELECT 1 / 0": "Division by zero",
        "SELECT TO_NUMBER('x1x')": "x1x",
    }
    for query, part in wrong.items():
        answer = _query(server, query)
        assert answer.status >= 400
        error = answer.json()["error"]
        assert part.lower() in error["message"].lower(), error
        secrets = (str(account.port), "127.0.0.1", "unchecked", "Traceback", ".py", "/tmp")
        assert not [secret for secret in secrets if secret in str(error)], error


@pytest.mark.fault("F-04", "token_file_path rewritten while a statement runs")
def test_a_token_that_is_rotated(tmp_path: Path) -> None:
    """The next login takes what is in the file now; what runs ends as it should."""
    token = tmp_path / "token"
    token.write_text("first")
    only_first = {"SNOWFLAKE_MCP_SIMULATOR_PASSWORD": "first"}
    with simulating(tmp_path, "--faults", environ=only_first) as account:
        environ = {**account.environ, **GRANT}
        del environ["SNOWFLAKE_PASSWORD"]
        environ |= {"SNOWFLAKE_AUTHENTICATOR": "oauth", "SNOWFLAKE_TOKEN_FILE_PATH": str(token)}
        with serving(tmp_path, "--no-demo", environ=environ) as server:
            assert _query(server, "SELECT 1").status == 200
            with ThreadPoolExecutor(1) as pool:
                running = pool.submit(_query, server, "SELECT SYSTEM$WAIT(3)")
                until(lambda: account.seen()["running"], 10, "it runs")
                token.write_text("second")
                # Another schema is another session, so this one logs in.
                other = {"query": "SELECT 1", "schema": "SUPPORT"}
                told = server.call("execute_query", other)
                assert told.json()["error"]["code"] == "auth", told.body
                assert running.result(20).status == 200
    assert "first" not in server.log_text
    assert "second" not in server.log_text.replace("seconds", "")


@pytest.mark.full
@pytest.mark.timeout(240)
@pytest.mark.fault("F-05", "a relay stops forwarding, on the open connections or on all")
@pytest.mark.parametrize("later_too", [False, True], ids=["open ones", "all"])
def test_a_network_that_parts(
    account: Endpoint, tmp_path: Path, later_too: bool, measured: Measured
) -> None:
    """The call ends in bounded time, and what it ran on is never used again.

    Where the driver asks again on another connection that works, the client notices nothing.
    """
    with relaying(account.port) as relay:
        # The call is to see the end, and not to be answered with the query id before.
        patient = {"SNOWFLAKE_MCP_LIMITS_ANSWER_WITHIN_S": "300"}
        environ = {**account.environ, **GRANT, **patient, "SNOWFLAKE_PORT": str(relay.port)}
        with serving(tmp_path, "--no-demo", environ=environ) as server:
            assert _query(server, "SELECT 1").status == 200
            way = "all parted" if later_too else "open connections parted"
            answer, taken = _part_mid_query(server, account, relay, later_too=later_too)
            measured(f"answer, {way}", taken, bound=PARTED_S, slack=1.25)
            if REPEATS_SILENT_POLLS and not later_too:
                assert answer.status == 200, answer.body
                return
            assert answer.status == 503, answer.body
            assert answer.json()["error"]["code"] == "unavailable"
            if not later_too:
                until(lambda: account.states(PARTED)[0] == "ABORTED", 10, "the abort came through")
            relay.heal()
            until(lambda: _query(server, "SELECT 1").status == 200, 30, "queries work again")
            pool = server.request("GET", "/status").json()["warehouse"]["pool"]
            assert (pool["leased"], pool["opened"] > 1) == (0, True)
    assert tracebacks(server.log_text) == []


def _part_mid_query(
    server: Server, account: Endpoint, relay: Any, *, later_too: bool
) -> tuple[Reply, float]:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.call, "execute_query", {"query": PARTED}, within_s=200)
        until(lambda: account.states(PARTED)[:1] == ["RUNNING"], 10, "it runs")
        began = time.monotonic()
        assert relay.part(later_too=later_too) > 0
        return running.result(), time.monotonic() - began


def _query(server: Server, sql: str) -> Reply:
    return server.call("execute_query", {"query": sql}, within_s=60)
