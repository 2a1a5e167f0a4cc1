"""The two failures a caller may see, their codes, and the HTTP status each one maps to.

``McpError`` is for the client's program, ``ToolFailure`` for the model that reads the answer.
Anything else is for the operator: it is logged under a reference and the caller sees only that.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

__all__ = [
    "BUSY",
    "HEADER_MISMATCH",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "MISSING_CAPABILITY",
    "PARSE_ERROR",
    "UNSUPPORTED_VERSION",
    "Family",
    "McpError",
    "ToolFailure",
]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
HEADER_MISMATCH: Final = -32020
MISSING_CAPABILITY: Final = -32021
UNSUPPORTED_VERSION: Final = -32022
BUSY: Final = 429
"""Ours, outside JSON-RPC's reserved range: too much of the caller's is running already."""


class Family(Enum):
    """What kind of failure a tool met; the value is stable and shown to callers."""

    INVALID_ARGUMENT = "invalid_argument"
    UNKNOWN_TOOL = "unknown_tool"
    REFUSED = "refused"
    """The SQL gate or a policy said no; nothing was sent to Snowflake."""
    SYNTAX = "syntax"
    MISSING_OBJECT = "missing_object"
    FORBIDDEN = "forbidden"
    AUTH = "auth"
    """The server itself could not log in to Snowflake."""
    LIMIT = "limit"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    STATEMENT = "statement"
    """Any other error that Snowflake reports for the statement."""
    INTERNAL = "internal"


class McpError(Exception):
    """A failure that becomes a JSON-RPC error object.

    ``status`` overrides the HTTP status that the code would give; the rules are in
    ``protocol.settlement``. ``retry_after_s`` becomes the header ``Retry-After`` of a status 429.
    """

    def __init__(
        self,
        code: int,
        message: str,
        data: object = None,
        *,
        status: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.status = status
        self.retry_after_s = retry_after_s

    def to_wire(self) -> dict[str, Any]:
        """The ``error`` member of a JSON-RPC response."""
        wire: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            wire["data"] = self.data
        return wire


class ToolFailure(Exception):
    """A tool could not do what was asked; the model reads ``message`` and ``hint``.

    ``hint`` says what to do next. ``details`` is small JSON for programs (query id, errno, ...).
    """

    def __init__(
        self,
        family: Family,
        message: str,
        hint: str = "",
        *,
        retryable: bool = False,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.family = family
        self.message = message
        self.hint = hint
        self.retryable = retryable
        self.details = dict(details or {})

    def anew(
        self, *, message: str | None = None, hint: str | None = None, **details: Any
    ) -> "ToolFailure":
        """The same failure, never raised yet: what is kept or raised again holds no frames.

        ``message`` and ``hint`` are in place of its own, ``details`` beside them.

        An exception that has been raised keeps the frames it went through, with all that their
        callers had at hand, and each further raise adds to them.
        """
        return ToolFailure(
            self.family,
            self.message if message is None else message,
            self.hint if hint is None else hint,
            retryable=self.retryable,
            details={**self.details, **details},
        )
