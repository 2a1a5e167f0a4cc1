"""The command for operators against a stand-in of the server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from snowflake_mcp.cli import main
from snowflake_mcp.commands.admin import ADMIN_EXIT, ORDERS, run
from snowflake_mcp.commands.client import Client
from snowflake_mcp.transports.admin import ACTIONS
from tests.support.server import free_port

ROW = {
    "request": "r-1",
    "principal": "ana",
    "tool": "execute_query",
    "client": "evil\x1b[31m",
    "status": "running",
    "connection": "main",
    "query_id": None,
    "elapsed_s": 3.2,
}
ANSWERS: dict[str, Any] = {
    "/admin/statements": {"statements": [ROW]},
    "/admin/sessions": {"sessions": []},
    "/admin/overview": {
        "ready": False,
        "uptime_seconds": 12.3,
        "draining": True,
        "maintenance": "back at noon",
        "checks": [
            {"name": "serving", "ok": False, "detail": "draining", "age_s": 0.0, "vital": True}
        ],
        "statements": [],
    },
    "/admin/principals?name=ana": {"name": "ana", "tools": [], "policy": {"tier": "read"}},
}


class StandIn:
    """A server that keeps what it was asked and answers from a table."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, str | None]] = []
        self.status = 200
        self.body: bytes | None = None
        stand_in = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = json.loads(self.rfile.read(length)) if length else None
                authorization = self.headers.get("Authorization")
                stand_in.asked.append((self.command, self.path, sent, authorization))
                body = stand_in.body
                if body is None:
                    body = json.dumps(ANSWERS.get(self.path, {"done": True})).encode()
                self.send_response(stand_in.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *words: Any) -> None:
                """Nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def order(self, action: str, *words: str, **options: Any) -> tuple[int, str, str]:
        out, err = StringIO(), StringIO()
        given = {"url": self.url, "token_file": None, "as_json": False, **options}
        status = run(action, words, out=out, err=err, **given)
        return status, out.getvalue(), err.getvalue()


@pytest.fixture
def server() -> Iterator[StandIn]:
    made = StandIn()
    yield made
    made.close()


def test_every_order_is_a_route_of_the_server() -> None:
    """Same method, same path; and every route can be ordered."""
    orders = {(order.method, order.path) for order in ORDERS.values()}
    assert orders == {(action.method, action.path) for action in ACTIONS}


@pytest.mark.parametrize(
    ("action", "words", "path", "sent"),
    [
        ("kill", ["r-1"], "/admin/statements/kill", {"request": "r-1"}),
        ("end", ["s-1"], "/admin/sessions/end", {"session": "s-1"}),
        ("drain", ["on"], "/admin/drain", {"active": True}),
        ("drain", ["off"], "/admin/drain", {"active": False}),
        ("maintenance", ["back", "at", "noon"], "/admin/maintenance", {"message": "back at noon"}),
        ("maintenance", ["off"], "/admin/maintenance", {"message": None}),
        ("pool-reset", [], "/admin/pool/reset", {}),
        ("principals", [], "/admin/principals", None),
    ],
)
def test_what_is_sent(server: StandIn, action: str, words: list[str], path: str, sent: Any) -> None:
    """The words become the body that the route takes."""
    status, out, err = server.order(action, *words)
    assert (status, out, err) == (0, "done = yes\n", "")
    method = ORDERS[action].method
    assert server.asked == [(method, path, sent, None)]


def test_tables_are_for_people(server: StandIn) -> None:
    """Columns, a word for nothing, and no control character of a client's."""
    status, out, _ = server.order("statements")
    assert status == 0
    assert [line.split() for line in out.splitlines()] == [
        [
            "REQUEST",
            "PRINCIPAL",
            "TOOL",
            "STATUS",
            "SECONDS",
            "CONNECTION",
            "QUERY",
            "ID",
            "CLIENT",
        ],
        ["r-1", "ana", "execute_query", "running", "3.2", "main", "-", "evil?[31m"],
    ]
    assert server.order("sessions")[1] == "nobody is connected\n"
    assert server.order("principals", "ana")[1] == "name = ana\ntools = -\npolicy.tier = read\n"
    overview = server.order("overview")[1].splitlines()
    assert overview[:3] == [
        "NOT READY, up 12 s",
        "in maintenance: back at noon",
        "draining: new tool calls are refused",
    ]
    assert overview[-1] == "nothing runs"


def test_json_is_for_programs(server: StandIn) -> None:
    """The answer as it came."""
    status, out, _ = server.order("statements", as_json=True)
    assert (status, json.loads(out)) == (0, {"statements": [ROW]})


def test_the_token_is_sent_and_never_shown(server: StandIn, tmp_path: Path) -> None:
    """It is read from its file for this one request."""
    file = tmp_path / "token"
    file.write_text("t0k3n\n")
    _, out, err = server.order("doors", token_file=str(file))
    assert server.asked[0][3] == "Bearer t0k3n"
    assert "t0k3n" not in out + err


@pytest.mark.parametrize(
    ("status", "body", "exit_status", "said"),
    [
        (404, {"error": {"code": "unknown_subject", "message": "None."}}, "refused", "None."),
        (400, {"error": {"code": "invalid_argument", "message": "No."}}, "refused", "No."),
        (500, {"error": {"code": "internal", "message": "Oops."}}, "refused", "Oops."),
        (404, {"error": {"code": "not_found", "message": "?"}}, "no right", "admin = true"),
        (401, {}, "no right", "admin = true"),
        (403, {}, "no right", "admin = true"),
        (502, ["?"], "refused", "status 502"),
    ],
)
def test_what_went_wrong_is_told_by_the_exit_status(
    server: StandIn, status: int, body: Any, exit_status: str, said: str
) -> None:
    """And in a sentence on standard error."""
    server.status, server.body = status, json.dumps(body).encode()
    code, out, err = server.order("kill", "r-1")
    assert (code, out) == (ADMIN_EXIT[exit_status], "")
    assert said in err


def test_nobody_there(server: StandIn) -> None:
    """Nobody listens, or something else does."""
    code, _, err = server.order("doors", url=f"http://127.0.0.1:{free_port()}")
    assert code == ADMIN_EXIT["unreachable"]
    assert "does not answer" in err
    server.body = b"<html>"
    code, _, err = server.order("doors")
    assert code == ADMIN_EXIT["unreachable"]
    assert "no snowflake-mcp server" in err


@pytest.mark.parametrize(
    ("action", "words", "options", "said"),
    [
        ("kill", [], {}, "usage: admin kill REQUEST"),
        ("doors", ["please"], {}, "takes nothing more"),
        ("drain", ["maybe"], {}, "on or off"),
        ("doors", [], {"url": "ftp://x"}, "no http or https URL"),
        ("doors", [], {"url": "http://u:p@x"}, "scheme, host, port and path only"),
        ("doors", [], {"token_file": "/nonexistent"}, "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_not_sent(
    server: StandIn, action: str, words: list[str], options: dict[str, str], said: str
) -> None:
    """Status 2, and the server hears nothing."""
    code, _, err = server.order(action, *words, **options)
    assert (code, server.asked) == (ADMIN_EXIT["usage"], [])
    assert said in err


@pytest.mark.parametrize("text", [b"", b"two words", b"\xff\xfe", b"a\nb"])
def test_a_file_that_holds_no_token(tmp_path: Path, text: bytes) -> None:
    """A header must not be made of it."""
    file = tmp_path / "token"
    file.write_bytes(text)
    with pytest.raises(ValueError, match="holds no token"):
        Client("http://127.0.0.1:1", str(file))


def test_a_token_leaves_this_host_encrypted_only(tmp_path: Path) -> None:
    """Before anything is sent."""
    file = tmp_path / "token"
    file.write_text("t")
    with pytest.raises(ValueError, match="https only"):
        Client("http://192.0.2.1:8000", str(file))
    for url in ("http://[::1]:8000", "http://localhost", "https://192.0.2.1"):
        Client(url, str(file))


def test_the_command_line(server: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    """Options stand before or after what the action concerns."""
    for line in (["kill", "r-1", "--url", server.url], ["kill", "--url", server.url, "r-1"]):
        with pytest.raises(SystemExit) as ended:
            main(["admin", *line])
        assert ended.value.code == 0
    assert [asked[2] for asked in server.asked] == [{"request": "r-1"}] * 2
    assert capsys.readouterr().out == "done = yes\n" * 2
    for line in ([], ["--json"], ["explode"]):
        with pytest.raises(SystemExit) as ended:
            main(["admin", *line])
        assert ended.value.code not in (0, None) or not line
