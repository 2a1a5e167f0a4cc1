"""The table of bad inputs: its rows, the bytes of their requests, and how answers are judged.

The table is shared between projects and not part of this one; where it is not at hand its rows
are still covered by the tests of the transports and of the protocol.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.support.issuer import Issuer
from tests.support.messages import HANDSHAKE, INITIALIZE
from tests.support.wire import HttpAnswer, encode_frame, http_request

__all__ = [
    "credentials_of",
    "frame_bytes",
    "judged_http",
    "judged_websocket",
    "needs_session",
    "request_bytes",
    "rows",
]

TABLE = Path(__file__).parents[3] / "shared" / "corpora" / "bad_inputs.jsonl"
PORT = "8080"

CREDENTIALS = frozenset({*(f"B{n}" for n in (191, 192, *range(195, 205))), "B208"})
"""Rows about who calls: they are replayed against a server that asks."""

ARGUED = {"B142": 200}
"""The status of rows that are answered otherwise on purpose; docs/protocol.md says why."""


def rows(transport: str, *, credentials: bool = False) -> list[dict[str, Any]]:
    """The rows of a transport: those about credentials, or all the others."""
    if not TABLE.exists():
        return []
    every = [json.loads(line) for line in TABLE.read_text("utf-8").splitlines()]
    found = [
        row
        for row in every
        if row["transport"] == transport and (row["id"] in CREDENTIALS) == credentials
    ]
    assert len(found) > 10
    return found


def request_bytes(
    row: dict[str, Any],
    session: str | None,
    port: int,
    words: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """What the row's client sends, to a server on ``port``.

    ``words`` stand in the place of header values that the table only describes.
    """
    request = row["request"]
    given = {
        name: words.get(value, value).replace(PORT, str(port))
        for name, value in request["headers"].items()
    }
    host = given.pop("Host", None)
    names = {name.lower() for name in given}
    if session is not None and "mcp-session-id" not in names:
        given["Mcp-Session-Id"] = session
    body = _body(request)
    declared = names & {"content-length", "transfer-encoding"}
    head = http_request(
        request["method"],
        request["path"],
        None if declared else body,
        headers={name: value.encode().decode("latin-1") for name, value in given.items()},
        extra=tuple(line.replace(PORT, str(port)) for line in request.get("raw_extra", ())),
        host=host,
    )
    return head + (body or b"" if declared else b"")


def _body(request: dict[str, Any]) -> bytes | None:
    if "body_b64" in request:
        return base64.b64decode(request["body_b64"])
    if "body_repeat" in request:
        repeat = request["body_repeat"]
        text: str = repeat["prefix"] + repeat["unit"] * repeat["count"] + repeat["suffix"]
        return text.encode()
    return request["body"].encode() if "body" in request else None


def credentials_of(provider: Issuer, now: float, others_session: str) -> dict[str, str]:
    """What the descriptions in the rows about credentials stand for."""

    def bearer(**claims: Any) -> str:
        whole = {"iat": int(now) - 60, "exp": int(now) + 600, **claims}
        return f"Bearer {provider.sign(**whole)}"

    return {
        "Bearer EXPIRED": bearer(exp=int(now) - 120),
        "Bearer WRONG_AUD": bearer(aud="https://other.example.com/mcp"),
        "Bearer LOW_SCOPE": bearer(scope="openid"),
        "Bearer A": bearer(),
        "Bearer B": bearer(sub="bo"),
        "OTHERS": others_session,
    }


def needs_session(row: dict[str, Any]) -> bool:
    """Rows of the handshake era stand inside a session, those about sessions apart."""
    return row["revision"] == HANDSHAKE and not "B205" <= row["id"] <= "B215"


def frame_bytes(frame: dict[str, Any], slow: dict[str, str]) -> bytes:
    """A frame of a row; ``slow`` replaces texts so that the query in it runs for a while."""
    if "text_bytes_b64" in frame:
        return encode_frame(1, base64.b64decode(frame["text_bytes_b64"]))
    if "text_repeat" in frame:
        unit, count = frame["text_repeat"]
        return encode_frame(1, unit.encode() * count)
    text = json.dumps(INITIALIZE) if frame["text"] == "<initialize>" else frame["text"]
    for before, after in slow.items():
        text = text.replace(before, after)
    return encode_frame(1, text.encode())


def judged_http(row: dict[str, Any], answer: HttpAnswer) -> tuple[int, int | None] | None:
    """``None`` when the answer is as the table says, else the status and code that came.

    Where the table names no code, any error object will do.
    """
    code: int | None = None
    if answer.body and answer.header("Content-Type") == "application/json":
        code = answer.json().get("error", {}).get("code")
    expected = row["expect_jsonrpc_code"]
    right = code == expected or (expected is None and answer.status >= 400)
    if right and answer.status == ARGUED.get(row["id"], row["expect_http_status"]):
        return None
    return answer.status, code


def judged_websocket(
    row: dict[str, Any], status: int, errors: list[int | None], closes: list[int | None]
) -> tuple[int, list[int | None], list[int | None]] | None:
    """``None`` when upgrade, an error of the named code and the close code are as it says."""
    code, close = row["expect_jsonrpc_code"], row["expect_ws_close"]
    named = code is None or code in errors
    if status == row["expect_http_status"] and named and closes == ([close] if close else []):
        return None
    return status, errors, closes
