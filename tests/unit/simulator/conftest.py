"""One simulator for the whole session, reached through the real connector or bare HTTP."""

import http.client
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

WAIT_S = 10.0

Connect = Callable[..., Any]


def start_simulator(*arguments: str) -> "subprocess.Popen[bytes]":
    """A simulator whose standard input is ours to close."""
    return subprocess.Popen(
        [sys.executable, "-m", "snowflake_mcp.simulator", "--port", "0", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def ready_port(process: "subprocess.Popen[bytes]") -> int:
    """The port of the ready line."""
    assert process.stdout is not None
    return int(json.loads(process.stdout.readline())["port"])


@pytest.fixture(scope="session")
def simulator() -> Iterator[int]:
    """The port of a simulator with sample data that ends on 2026-11-21."""
    yield from serving("--sample", "--today", "2026-11-21")


@pytest.fixture(scope="session")
def _faulty() -> Iterator[int]:
    """The port of a simulator that misbehaves on demand, without data."""
    yield from serving("--faults", "--token-s", "1800", "--master-token-s", "7200")


@pytest.fixture
def faulty(_faulty: int) -> Iterator["Wire"]:
    """Bare HTTP to the simulator with faults; its rules and counters are the test's own."""
    wire = Wire(_faulty)
    wire.send("DELETE", "/__faults")
    yield wire
    wire.send("DELETE", "/__faults")


def serving(*arguments: str) -> Iterator[int]:
    """The port of a simulator that ends as it should."""
    process = start_simulator(*arguments)
    try:
        yield ready_port(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(WAIT_S) == 0
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def connect(simulator: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Opens connections of the installed connector line; all are closed at the end."""
    # Without it the connector looks for the metadata services of three clouds.
    monkeypatch.setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
    import snowflake.connector

    opened = []

    def open_one(**extra: object) -> Any:
        settings: dict[str, Any] = {
            "account": "demo",
            "user": "demo",
            "password": "anything",
            "host": "127.0.0.1",
            "port": simulator,
            "protocol": "http",
            "database": "DEMO",
            "schema": "SALES",
            "warehouse": "DEMO_WH",
            "role": "DEMO_ROLE",
            "login_timeout": 10,
            "arrow_number_to_decimal": True,
            "enable_server_session_keep_alive_auto_detection": False,
        }
        connection = snowflake.connector.connect(**(settings | extra))
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def cursor(connect: Connect) -> Any:
    """A cursor on a connection of its own."""
    return connect().cursor()


class Wire:
    """Bare HTTP to the simulator, for what a connector does not let one see."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = ""

    def send(self, method: str, path: str, body: object = None, token: str | None = None) -> Any:
        """The decoded JSON answer of one request."""
        status, payload = self.raw(method, path, body, token)
        assert status == 200, payload
        return json.loads(payload)

    def raw(
        self, method: str, path: str, body: object = None, token: str | None = None
    ) -> tuple[int, bytes]:
        """Status and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            given = self.token if token is None else token
            headers = {"Authorization": f'Snowflake Token="{given}"'} if given else {}
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def login(self, user: str = "wire") -> None:
        """Open a session."""
        answer = self.send(
            "POST",
            "/session/v1/login-request?databaseName=DEMO&schemaName=SALES",
            {"data": {"LOGIN_NAME": user, "PASSWORD": "x"}},
        )
        assert answer["success"], answer
        self.token = answer["data"]["token"]

    def fault(self, do: object, times: int | None = None, **on: str) -> int:
        """Ask for a fault; gives the number of the rule."""
        answer = self.send("POST", "/__faults", {"on": on, "do": do, "times": times})
        return int(answer["ids"][0])

    def counters(self) -> Any:
        """What the simulator counted."""
        return self.send("GET", "/__faults")

    def query(self, sql: str, request_id: str = "", **more: object) -> Any:
        """Run one statement."""
        request_id = request_id or str(uuid.uuid4())
        path = f"/queries/v1/query-request?requestId={request_id}"
        return self.send("POST", path, {"sqlText": sql, **more})


@pytest.fixture
def wire(simulator: int) -> Iterator[Wire]:
    """A session over bare HTTP."""
    wire = Wire(simulator)
    wire.login()
    yield wire
    wire.send("POST", "/session?delete=true")


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> None:
    """No proxy stands between the tests and loopback."""
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"
