"""JSON-RPC 2.0 messages: bytes to values, strictly, and values to bytes."""

from itertools import accumulate
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, convert

from snowflake_mcp.protocol.errors import INVALID_REQUEST, PARSE_ERROR, McpError
from snowflake_mcp.protocol.pieces import Body, encode

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
_TOO_DEEP: Final = f"Nesting is deeper than {MAX_DEPTH} levels"
MAX_BATCH: Final = 32
"""Messages in one batch (2025-03-26)."""
MAX_ID_BYTES: Final = 256
MAX_ID: Final = 2**63 - 1

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Request(msgspec.Struct, frozen=True, tag_field="jsonrpc", tag="2.0"):
    """A call that is owed exactly one answer.

    Whatever its types let pass is one; ids are counted in characters here, which may have four
    bytes each, so that an odd one is for ``_other`` to judge.
    """

    id: (
        Annotated[int, Meta(ge=-MAX_ID, le=MAX_ID)]
        | Annotated[str, Meta(max_length=MAX_ID_BYTES // 4)]
    )
    method: str
    params: dict[str, Any] = msgspec.field(default_factory=dict)


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

    Strict where readers disagree: duplicate names, NaN and infinities (written or by overflow),
    byte-order marks, lone surrogates and deep nesting are errors.

    Raises:
        MalformedMessageError: -32700 for text that is not JSON, -32600 for other JSON.
    """
    return classify(decode(data))


def encode_result(request_id: RequestId, result: object) -> Body:
    """A success response; ``msgspec.Raw`` inside ``result`` is copied as it stands."""
    return encode({"jsonrpc": "2.0", "id": request_id, "result": result})


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
        value = _decode(data)
        again = _encode(value)
    except RecursionError:
        raise MalformedMessageError(PARSE_ERROR, _TOO_DEEP) from None
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedMessageError(PARSE_ERROR, f"Not valid JSON: {_reason(error)}") from None
    # Alike but for spaces, the two have as many names; and few brackets are no deep nesting. As
    # most clients write their messages, that is all there is to see to.
    plain = data.translate(None, _SPACES)
    if plain != again.translate(None, _SPACES) or plain.count(b"[") + plain.count(b"{") > MAX_DEPTH:
        _look_closer(data, again)
    return value


def _look_closer(data: bytes, again: bytes) -> None:
    """Hold a text against what its reader would write: the texts, whatever they look like."""
    written = _outside_of_strings(data)
    names = written.count(b":")
    # The parser keeps the last of several members of one name; what it has lost is not encoded.
    if names and names != _outside_of_strings(again).count(b":"):
        raise MalformedMessageError(
            PARSE_ERROR, "Not valid JSON: a name appears twice in one object"
        )
    if len(written) - names > 2 * MAX_DEPTH and _depth(written) > MAX_DEPTH:
        raise MalformedMessageError(PARSE_ERROR, _TOO_DEEP)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"invalid UTF-8: {error.reason}"
    return str(error).removeprefix("JSON is malformed: ")


def _outside_of_strings(text: bytes) -> bytes:
    """The colons and brackets of a valid JSON text that are not in strings, all brackets square.

    A byte is outside where the quotes before it are even in number, and that they stay when two
    that stand beside each other are taken away. All of it is done by C code, in linear time.
    """
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    kept = text.translate(_ALL_SQUARE, _SAYS_NOTHING).replace(b'""', b"")
    return b"".join(kept.split(b'"')[::2]) if b'"' in kept else kept


_SPACES: Final = b" \t\r\n"
"""What may stand between the parts of a JSON text; in a string no other part depends on it."""
_ALL_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_SAYS_NOTHING: Final = bytes(byte for byte in range(256) if byte not in b':"[]{}')


def _depth(written: bytes) -> int:
    """The most brackets that are open at once: the running sum of steps inwards and outwards."""
    steps = memoryview(written.translate(_STEPS, b":")).cast("b")
    return max(accumulate(steps))


_STEPS: Final = bytes.maketrans(b"[]", b"\x01\xff")
"""1 and, as a signed byte, -1."""


def classify(value: Any) -> Message:
    """The message that a JSON value is.

    Raises:
        MalformedMessageError: -32600.
    """
    try:
        request = convert(value, Request)
    except msgspec.ValidationError:
        return _other(value)
    # A tag that is there is the right one, but to msgspec it need not be there.
    return request if "jsonrpc" in value else _other(value)


def _other(value: object) -> Message:
    """What is no plain request, or why it is nothing at all."""
    if isinstance(value, list):
        raise MalformedMessageError(INVALID_REQUEST, "Batches are not accepted: send one message")
    if not isinstance(value, dict):
        raise MalformedMessageError(INVALID_REQUEST, "A message must be a JSON object")
    request_id = _request_id(value["id"]) if "id" in value else None
    if value.get("jsonrpc") != "2.0":
        raise MalformedMessageError(INVALID_REQUEST, 'jsonrpc must be "2.0"', request_id)
    method, params = value.get("method"), value.get("params")
    if not isinstance(method, str):
        if "method" not in value and request_id is not None and _answers(value):
            return _response(request_id, value)
        raise MalformedMessageError(INVALID_REQUEST, "method must be a string", request_id)
    if not isinstance(params, dict) and "params" in value:
        raise MalformedMessageError(INVALID_REQUEST, "params must be an object", request_id)
    if request_id is None:
        return Notification(method, params)
    return Request(request_id, method, params if params is not None else {})


def _request_id(value: object) -> RequestId:
    # By the very type: a boolean is an integer to Python.
    if type(value) is int:
        if -MAX_ID <= value <= MAX_ID:
            return value
    elif type(value) is str and len(value.encode()) <= MAX_ID_BYTES:
        return value
    raise MalformedMessageError(
        INVALID_REQUEST,
        f"id must be a string of at most {MAX_ID_BYTES} bytes or a 64-bit integer",
    )


def _answers(value: dict[str, Any]) -> bool:
    return "result" in value or "error" in value


def _response(request_id: RequestId, value: dict[str, Any]) -> Response:
    result, error = value.get("result"), value.get("error")
    if ("result" in value) == ("error" in value) or not isinstance(
        result if "result" in value else error, dict
    ):
        raise MalformedMessageError(
            INVALID_REQUEST, "A response has either a result or an error, as an object", request_id
        )
    return Response(request_id, result, error)
