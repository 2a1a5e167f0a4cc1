"""The table of bad inputs, replayed on the wire in memory."""

from typing import Any

from tests.support.bad_inputs import (
    frame_bytes,
    judged_http,
    judged_websocket,
    needs_session,
    request_bytes,
    rows,
)
from tests.support.wire import Frame
from tests.unit.transports.stand import Stand, initialize

PORT = 8080
SLOW = {"execute_query": "wait"}
"""In the table a query runs for a while; here the tool that does so is another."""


def _replay_http(row: dict[str, Any]) -> tuple[int, int | None] | None:
    stand = Stand()
    stand.toolbox.NAMES = (*stand.toolbox.NAMES, "execute_query", "describe_view")
    session = initialize(stand.connect()) if needs_session(row) else None
    wire = stand.connect(port=PORT)
    wire.send(request_bytes(row, session, PORT))
    answer = wire.answer(row["request"]["method"])
    assert stand.connect().request("GET", "/health").status == 200
    stand.close()
    return judged_http(row, answer)


def test_http_rows_are_answered_as_the_table_says() -> None:
    """Status and code of every row, and the server answers on."""
    judged = {row["id"]: _replay_http(row) for row in rows("http")}
    assert {name: came for name, came in judged.items() if came is not None} == {}


def _replay_websocket(row: dict[str, Any]) -> object:
    stand = Stand()
    wire = stand.connect(port=PORT)
    wire.send(request_bytes(row, None, PORT))
    answer = wire.answer(row["request"]["method"])
    frames: list[Frame] = []
    for frame in row["request"]["frames"]:
        if "text_template_repeat" not in frame:
            wire.send(frame_bytes(frame, SLOW))
            frames += wire.frames()
    stand.close()
    errors = [frame.json().get("error", {}).get("code") for frame in frames if frame.opcode == 1]
    closes = [frame.close_code for frame in frames if frame.opcode == 8]
    return judged_websocket(row, answer.status, errors, closes)


def test_websocket_rows_are_answered_as_the_table_says() -> None:
    """Status of the upgrade, an error of the named code, the named close code."""
    judged = {row["id"]: _replay_websocket(row) for row in rows("ws")}
    assert {name: came for name, came in judged.items() if came is not None} == {}
