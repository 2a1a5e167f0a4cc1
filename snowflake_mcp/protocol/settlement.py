"""How a request's end, whatever it was, becomes what the client is told."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.calls import Reply
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Family,
    McpError,
    ToolFailure,
)
from snowflake_mcp.protocol.jsonrpc import RequestId, encode_error
from snowflake_mcp.protocol.tooling import ToolResult

__all__ = ["STOPPING", "error_reply", "failed", "settle"]

_log = Logger()

STATELESS_STATUS: Final[Mapping[int, int]] = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    METHOD_NOT_FOUND: 404,
}
"""HTTP status by error code, 2026-07-28; handshake revisions answer errors with 200."""

TOO_MANY: Final = 429
"""The HTTP status of what came too fast."""

STOPPING: Final = ToolFailure(
    Family.UNAVAILABLE,
    "The server is stopping; a statement that was running has been aborted in Snowflake.",
    "Call again in some seconds.",
    retryable=True,
)
_STOPPED: Final = ToolFailure(
    Family.CANCELLED,
    "An operator of the server stopped this call; its statement has been aborted in Snowflake.",
    "Do not simply repeat it. Ask for less data, or ask the operator for the reason.",
)
_TOO_LATE: Final = ToolFailure(
    Family.TIMEOUT,
    "The call took longer than the server allows and was stopped.",
    "Ask for less data, or narrow the query with filters.",
)

_ENDED_BY: Final[Mapping[str, ToolFailure]] = {"shutdown": STOPPING, "operator": _STOPPED}


def settle(
    context: RequestContext, outcome: MethodResult | Failure
) -> MethodResult | McpError | None:
    """The result, the error that the client is told, or ``None`` when no answer is owed."""
    if context.cancel_reason in ("client", "disconnect"):
        return None
    if not isinstance(outcome, Failure):
        return outcome
    error = outcome.value
    if isinstance(error, McpError):
        return error
    if isinstance(error, ToolFailure):
        return McpError(INTERNAL_ERROR, error.message)
    if isinstance(error, CancelledError) and context.cancel_reason is not None:
        failure = _ENDED_BY.get(context.cancel_reason, _TOO_LATE)
        if context.method == "tools/call":
            meta = {"snowflake-mcp/request-id": context.request_id}
            if context.query_id is not None:
                meta["snowflake-mcp/query-id"] = context.query_id
            return replace(failed(failure), meta=meta)
        return McpError(INTERNAL_ERROR, failure.message)
    _log.failure(
        "request {request_id} failed: {method}",
        failure=outcome,
        request_id=context.request_id,
        method=context.method[:80],
    )
    return McpError(INTERNAL_ERROR, f"Internal error (reference {context.request_id})")


def error_reply(request_id: RequestId, version: str, error: McpError) -> Reply:
    """An error response with the HTTP status that the revision gives it."""
    status = error.status
    if status is None:
        status = STATELESS_STATUS.get(error.code, 200) if eras.is_stateless(version) else 200
    retry_after_s = error.retry_after_s if status == TOO_MANY else None
    body = encode_error(request_id, error)
    return Reply(body, error.code, status, retry_after_s=retry_after_s)


def failed(failure: ToolFailure) -> ToolResult:
    """A tool's failure as a result that the model can read."""
    text = "\n".join(part for part in (failure.message, failure.hint) if part)
    return ToolResult(text=text, failure=failure)
