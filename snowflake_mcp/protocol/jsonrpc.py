"""JSON-RPC 2.0 messages: bytes to values, strictly, and values to bytes."""

import json
import math
import re
from typing import Any, Final, NoReturn

import msgspec

from snowflake_mcp.protocol.errors import INVALID_REQUEST, PARSE_ERROR, McpError

__all__ = [
    "MAX_BATCH",
    "MalformedMessageError",
    "Message",
    "Notification",
    "Request",
    "RequestId",
    "Response",
    "classify",
    "decode",
    "encode_error",
    "encode_notification",
    "encode_request",
    "encode_result",
    "parse",
]

RequestId = int | str

MAX_DEPTH: Final = 64
"""Deeper nesting than any MCP message needs; bounds every later recursion over a message."""
MAX_BATCH: Final = 32
"""Messages in one batch (2025-03-26)."""
MAX_ID_BYTES: Final = 256
MAX_ID: Final = 2**63 - 1

_encode = msgspec.json.Encoder().encode


class Request(msgspec.Struct, frozen=True):
    """A call that is owed exactly one answer."""

    id: RequestId
    method: str
    params: dict[str, Any] | None


class Notification(msgspec.Struct, frozen=True):
    """A message that is never answered."""

    method: str
    params: dict[str, Any] | None


class Response(msgspec.Struct, frozen=True):
    """The peer's answer to a request of ours."""

    id: RequestId
    result: dict[str, Any] | None
    error: dict[str, Any] | None


Message = Request | Notification | Response


class MalformedMessageError(McpError):
    """Bytes that are not one JSON-RPC message; ``request_id`` is set when it could be read."""

    def __init__(self, code: int, message: str, request_id: RequestId | None = None) -> None:
        super().__init__(code, message, status=400)
        self.request_id = request_id


def parse(data: bytes) -> Message:
    """One message from one JSON text.

    Stricter than ``json.loads`` where readers disagree: duplicate names, NaN and infinities
    (written or by overflow), byte-order marks, lone surrogates and deep nesting are errors.

    Raises:
        MalformedMessageError: -32700 for text that is not JSON, -32600 for other JSON.
    """
    return classify(decode(data))


def encode_result(request_id: RequestId, result: object) -> bytes:
    """A success response; ``msgspec.Raw`` inside ``result`` is copied as it stands."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "result": result})


def encode_error(request_id: RequestId | None, error: McpError) -> bytes:
    """An error response; without an id when none could be read."""
    if request_id is None:
        return _encode({"jsonrpc": "2.0", "error": error.to_wire()})
    return _encode({"jsonrpc": "2.0", "id": request_id, "error": error.to_wire()})


def encode_request(request_id: RequestId, method: str, params: dict[str, Any]) -> bytes:
    """A request from the server; handshake revisions only."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def encode_notification(method: str, params: dict[str, Any]) -> bytes:
    """A notification from the server."""
    return _encode({"jsonrpc": "2.0", "method": method, "params": params})


def decode(data: bytes) -> object:
    """A JSON value, as strictly as a message is read.

    Raises:
        MalformedMessageError: -32700.
    """
    try:
        text = data.decode("utf-8")
        if _depth_exceeds(text, MAX_DEPTH):
            raise MalformedMessageError(PARSE_ERROR, f"Nesting is deeper than {MAX_DEPTH} levels")
        value = _decoder.decode(text)
        if "\\u" in text:
            # The standard library lets an escaped lone surrogate through; such a string could
            # not be written back as UTF-8, so it is refused where it comes in.
            msgspec.json.decode(data)
    except MalformedMessageError:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(PARSE_ERROR, f"Not valid JSON: {_reason(error)}") from None
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"invalid UTF-8 at byte {error.start}"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    if isinstance(error, _RefusedValueError):
        return str(error)
    if isinstance(error, msgspec.DecodeError):
        return "a string holds half of a surrogate pair"
    return "a number has too many digits"


class _RefusedValueError(ValueError):
    """JSON that readers disagree about."""


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _RefusedValueError("a number is out of range")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _RefusedValueError("a name appears twice in one object")
    return value


_decoder = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique
)

_BRACKETS_AND_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def _depth_exceeds(text: str, limit: int) -> bool:
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for match in _BRACKETS_AND_STRINGS.finditer(text):
        bracket = match.group()
        if bracket in "[{":
            depth += 1
            if depth > limit:
                return True
        elif bracket in "]}":
            depth -= 1
    return False


def classify(value: object) -> Message:
    """The message that a JSON value is.

    Raises:
        MalformedMessageError: -32600.
    """
    if isinstance(value, list):
        raise MalformedMessageError(INVALID_REQUEST, "Batches are not accepted: send one message")
    if not isinstance(value, dict):
        raise MalformedMessageError(INVALID_REQUEST, "A message must be a JSON object")
    has_id = "id" in value
    request_id = _request_id(value["id"]) if has_id else None
    if value.get("jsonrpc") != "2.0":
        raise MalformedMessageError(INVALID_REQUEST, 'jsonrpc must be "2.0"', request_id)
    method = value.get("method")
    if "method" not in value and request_id is not None and ("result" in value or "error" in value):
        return _response(request_id, value)
    if not isinstance(method, str):
        raise MalformedMessageError(INVALID_REQUEST, "method must be a string", request_id)
    params = value.get("params")
    if "params" in value and not isinstance(params, dict):
        raise MalformedMessageError(INVALID_REQUEST, "params must be an object", request_id)
    if request_id is None:
        return Notification(method, params)
    return Request(request_id, method, params)


def _request_id(value: object) -> RequestId:
    if isinstance(value, str):
        if len(value.encode()) <= MAX_ID_BYTES:
            return value
    elif isinstance(value, int) and not isinstance(value, bool) and -MAX_ID <= value <= MAX_ID:
        return value
    raise MalformedMessageError(
        INVALID_REQUEST,
        f"id must be a string of at most {MAX_ID_BYTES} bytes or a 64-bit integer",
    )


def _response(request_id: RequestId, value: dict[str, Any]) -> Response:
    result, error = value.get("result"), value.get("error")
    if ("result" in value) == ("error" in value) or not isinstance(
        result if "result" in value else error, dict
    ):
        raise MalformedMessageError(
            INVALID_REQUEST, "A response has either a result or an error, as an object", request_id
        )
    return Response(request_id, result, error)
