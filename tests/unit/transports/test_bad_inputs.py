"""The table of bad inputs, replayed on the wire.

The table is shared between projects and not part of this one; where it is not at hand its
transport rows are still covered by the other modules of this folder.
"""

import base64
import json
from pathlib import Path
from typing import Any

from tests.support.wire import Frame, HttpAnswer, Wire, encode_frame, http_request
from tests.unit.transports.stand import HANDSHAKE, INITIALIZE, Stand, initialize

TABLE = Path(__file__).parents[4] / "shared" / "corpora" / "bad_inputs.jsonl"
PORT = 8080

LATER = {
    **dict.fromkeys(
        ["B191", "B192", "B195", "B196", "B197", "B198", "B199", "B200", "B201", "B202"],
        "authentication",
    ),
    **dict.fromkeys(["B203", "B204", "B208"], "authentication"),
}
"""Rows about parts that do not exist yet; docs/protocol.md says what holds until then."""

ARGUED = {"B142": 200}
"""The status of rows that are answered otherwise on purpose; docs/protocol.md says why."""


def _rows(transport: str) -> list[dict[str, Any]]:
    if not TABLE.exists():
        return []
    rows = [json.loads(line) for line in TABLE.read_text("utf-8").splitlines()]
    found = [row for row in rows if row["transport"] == transport and row["id"] not in LATER]
    assert len(found) > 10
    return found


def _body(request: dict[str, Any]) -> bytes | None:
    if "body_b64" in request:
        return base64.b64decode(request["body_b64"])
    if "body_repeat" in request:
        repeat = request["body_repeat"]
        text: str = repeat["prefix"] + repeat["unit"] * repeat["count"] + repeat["suffix"]
        return text.encode()
    return request["body"].encode() if "body" in request else None


def _send(wire: Wire, row: dict[str, Any], session: str | None) -> HttpAnswer:
    request = row["request"]
    headers = {name: value for name, value in request["headers"].items() if name != "Host"}
    names = {name.lower() for name in headers}
    if session is not None and "mcp-session-id" not in names:
        headers["Mcp-Session-Id"] = session
    body = _body(request)
    declared = names & {"content-length", "transfer-encoding"}
    data = http_request(
        request["method"],
        request["path"],
        None if declared else body,
        headers={name: value.encode().decode("latin-1") for name, value in headers.items()},
        extra=tuple(request.get("raw_extra", ())),
        host=request["headers"].get("Host"),
    )
    wire.send(data + (body or b"" if declared else b""))
    return wire.answer(request["method"])


def _needs_session(row: dict[str, Any]) -> bool:
    """Rows of the handshake era stand inside a session, those about sessions apart."""
    return row["revision"] == HANDSHAKE and not "B205" <= row["id"] <= "B215"


def _code(answer: HttpAnswer) -> int | None:
    if not answer.body or answer.header("Content-Type") != "application/json":
        return None
    code: int | None = answer.json().get("error", {}).get("code")
    return code


def _replay_http(row: dict[str, Any]) -> tuple[int, int | None]:
    """Status and JSON-RPC code that the row's request is answered with."""
    stand = Stand()
    stand.toolbox.NAMES = (*stand.toolbox.NAMES, "execute_query", "describe_view")
    session = initialize(stand.connect()) if _needs_session(row) else None
    answer = _send(stand.connect(port=PORT), row, session)
    assert stand.connect().request("GET", "/health").status == 200
    stand.close()
    return answer.status, _code(answer)


def test_http_rows_are_answered_as_the_table_says() -> None:
    """Status and code of every row; where the table names no code, any error object will do."""
    wrong = {}
    for row in _rows("http"):
        status, code = _replay_http(row)
        expected = row["expect_jsonrpc_code"]
        expected_status = ARGUED.get(row["id"], row["expect_http_status"])
        right = code == expected or (expected is None and status >= 400)
        if status != expected_status or not right:
            wrong[row["id"]] = (status, code)
    assert wrong == {}


def _frame(frame: dict[str, Any]) -> bytes:
    if "text_bytes_b64" in frame:
        return encode_frame(1, base64.b64decode(frame["text_bytes_b64"]))
    if "text_repeat" in frame:
        unit, count = frame["text_repeat"]
        return encode_frame(1, unit.encode() * count)
    text = json.dumps(INITIALIZE) if frame["text"] == "<initialize>" else frame["text"]
    # In the table a query runs for a while; here the tool that does so is another.
    return encode_frame(1, text.replace("execute_query", "wait").encode())


def _replay_websocket(row: dict[str, Any]) -> tuple[int, list[int | None], list[int | None]]:
    """Status of the upgrade, then the error codes and close codes that came."""
    stand = Stand()
    wire = stand.connect(port=PORT)
    answer = _send(wire, row, None)
    frames: list[Frame] = []
    for frame in row["request"]["frames"]:
        if "text_template_repeat" not in frame:
            wire.send(_frame(frame))
            frames += wire.frames()
    stand.close()
    errors = [frame.json().get("error", {}).get("code") for frame in frames if frame.opcode == 1]
    return answer.status, errors, [frame.close_code for frame in frames if frame.opcode == 8]


def test_websocket_rows_are_answered_as_the_table_says() -> None:
    """Status of the upgrade, an error of the named code, the named close code."""
    wrong = {}
    for row in _rows("ws"):
        status, errors, closes = _replay_websocket(row)
        code, close = row["expect_jsonrpc_code"], row["expect_ws_close"]
        if (
            status != row["expect_http_status"]
            or (code is not None and code not in errors)
            or closes != ([close] if close else [])
        ):
            wrong[row["id"]] = (status, errors, closes)
    assert wrong == {}
