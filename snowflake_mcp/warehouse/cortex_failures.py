"""What a caller is told when a service of Snowflake's AI refuses, fails or does not answer."""

import re
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse import error_kinds as kinds
from snowflake_mcp.warehouse.rest import BrokenResponseError, Response, TooLargeError
from snowflake_mcp.warehouse.visible import plain

__all__ = ["refusal", "told_failure", "unanswered"]

_MESSAGE_CHARS: Final = 1_000
_OUR_FAULTS: Final = (TypeError, ValueError, LookupError, AttributeError, AssertionError)
_UNTRUSTED: Final = re.compile(
    r"certificate verify failed|VerificationError|hostname mismatch", re.IGNORECASE
)

_BAD: Final = (
    Family.INVALID_ARGUMENT,
    "Snowflake did not understand the request.",
    (
        "Correct what its message names (columns, filter, question) and call again; columns and "
        "filter may only name columns that the service has."
    ),
    False,
)
_FORBIDDEN: Final = (
    Family.FORBIDDEN,
    "The role of this caller may not use the service.",
    (
        "Trying again does not help. The operator must grant the role USAGE on the service and on "
        "its database and schema, SELECT on a semantic view, READ on a stage, and the database "
        "role SNOWFLAKE.CORTEX_USER."
    ),
    False,
)
_BY_STATUS: Final[dict[int, tuple[Family, str, str, bool]]] = {
    400: _BAD,
    401: (
        Family.AUTH,
        "Snowflake does not take the session's token for this service.",
        (
            "Trying again does not help; the operator must look at the connection, and at network "
            "or authentication policies of the account."
        ),
        False,
    ),
    403: _FORBIDDEN,
    404: (
        Family.MISSING_OBJECT,
        "Snowflake knows no such service, or the role of this caller may not see it.",
        "Choose another service. Its place is the operator's to correct, in [cortex.FAMILY.NAME].",
        False,
    ),
    408: (
        Family.TIMEOUT,
        "The service took too long.",
        "Ask something smaller, or call again.",
        True,
    ),
    413: (Family.LIMIT, "The request is too long for the service.", "Ask with fewer words.", False),
    422: _BAD,
    429: (
        Family.BUSY,
        "The service has too many requests at present.",
        "Wait a little and call again.",
        True,
    ),
}
_DOWN: Final = (
    Family.UNAVAILABLE,
    "The service failed.",
    "Wait a little and call again; if it goes on, query the tables yourself.",
    True,
)


def refusal(response: Response) -> ToolFailure:
    """The failure that a status other than 200 means."""
    try:
        found: Any = msgspec.json.decode(response.body)
    except msgspec.DecodeError:
        found = None
    members = found if isinstance(found, dict) else {}
    family, message, hint, retryable = _BY_STATUS.get(
        response.status, _DOWN if response.status >= 500 else _BAD
    )
    return _failure(family, message, hint, members, response, retryable=retryable)


def told_failure(members: Any, response: Response | None = None) -> ToolFailure:
    """The failure that an ``error`` event of a stream tells."""
    found = members if isinstance(members, dict) else {}
    family, message, hint, retryable = _DOWN
    return _failure(family, message, hint, found, response, retryable=retryable)


def _failure(
    family: Family,
    message: str,
    hint: str,
    members: dict[str, Any],
    response: Response | None,
    *,
    retryable: bool,
) -> ToolFailure:
    said = members.get("message")
    if isinstance(said, str) and said.strip():
        message = f"{message} Snowflake says: {plain(said.strip(), _MESSAGE_CHARS)}"
    details: dict[str, Any] = {}
    if response is not None and response.status != 200:
        details["http_status"] = response.status
    code = members.get("code") or members.get("error_code")
    if isinstance(code, str | int):
        details["code"] = str(code)[:40]
    request_id = members.get("request_id") or (response.request_id if response else "")
    if isinstance(request_id, str) and request_id:
        details["request_id"] = request_id[:100]
    return ToolFailure(family, message, hint, retryable=retryable, details=details)


def unanswered(error: Exception, max_bytes: int) -> ToolFailure | None:
    """The failure that no answer, or half of one, means; ``None``: it is a fault of ours."""
    if isinstance(error, TooLargeError):
        return ToolFailure(
            Family.LIMIT,
            f"The answer of the service is longer than {max_bytes} bytes.",
            "Ask for fewer results or columns, or for less; the operator sets "
            "cortex.max_response_bytes.",
        )
    if isinstance(error, BrokenResponseError):
        return ToolFailure(
            Family.UNAVAILABLE,
            "The answer of the service broke off.",
            "Call again in a moment.",
            retryable=True,
        )
    if isinstance(error, _OUR_FAULTS):
        return None
    reasons = [error, *(each.value for each in getattr(error, "reasons", ()))]
    text = " ".join(f"{type(each).__name__} {each}" for each in reasons)
    rule = kinds.CERTIFICATE if _UNTRUSTED.search(text) else kinds.UNREACHABLE
    return ToolFailure(rule.family, rule.message, rule.hint, retryable=rule is kinds.UNREACHABLE)
