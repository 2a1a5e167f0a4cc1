"""Asking the client for input while one of its requests runs, alike in both eras.

Handshake revisions: the question is a request of ours, the answer a response. Revision
2026-07-28: the request ends with ``input_required``, the client retries it with the answers, and
what was known so far travels in a signed ``requestState`` (basic/patterns/mrtr).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol.errors import INVALID_PARAMS, Family, McpError, ToolFailure
from snowflake_mcp.protocol.principal import Principal

__all__ = [
    "ASKING_METHODS",
    "AskFailedError",
    "InputRequired",
    "Question",
    "RequestStates",
    "missing_capability",
]

ASKING_METHODS: Final = frozenset({"prompts/get", "resources/read", "tools/call"})
"""Methods that may end with ``input_required``; a test holds them against the SDK's."""
STATE_TTL_S: Final = 600.0
"""People answer within minutes or not at all."""
MAX_STATE_CHARS: Final = 65_536


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the client: ``elicitation/create``, ``sampling/createMessage``, ``roots/list``.

    ``needs`` is the client capability without which it may not be asked.
    """

    method: str
    params: Mapping[str, Any]

    @property
    def needs(self) -> str:
        """The client capability that the question needs."""
        return self.method.partition("/")[0]


class InputRequired(Exception):
    """The request ends here until the client retries it with these answers."""

    def __init__(self, questions: Mapping[str, Question], answers: Mapping[str, Any]) -> None:
        super().__init__("input required")
        self.questions = dict(questions)
        self.answers = dict(answers)


class AskFailedError(ToolFailure):
    """The client could not or would not be asked."""

    def __init__(self, message: str) -> None:
        super().__init__(Family.REFUSED, message, "Ask the user directly, then call again.")


def missing_capability(questions: Mapping[str, Question], declared: Mapping[str, Any]) -> list[str]:
    """The capabilities that the questions need and the client did not declare."""
    return sorted({q.needs for q in questions.values() if q.needs not in declared})


class _Claims(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    principal: str
    request: str
    expires: int
    answers: dict[str, Any]


class RequestStates:
    """Sign and check ``requestState``: bound to principal, request and time; pure, any thread.

    A state that was used once may be used again until it expires: what must happen only once
    has to be guarded by its own means.
    """

    def __init__(self, key: bytes, wall_clock: Callable[[], float]) -> None:
        self._key = hashlib.sha256(b"requestState" + key).digest()
        self._wall_clock = wall_clock

    def seal(
        self,
        principal: Principal,
        method: str,
        params: Mapping[str, Any],
        answers: Mapping[str, Any],
    ) -> str:
        """The text for the client to bring back.

        Raises:
            McpError: the answers so far are too long to carry.
        """
        expires = int(self._wall_clock() + STATE_TTL_S)
        claims = _Claims(principal.name, _digest(method, params), expires, dict(answers))
        body = base64.urlsafe_b64encode(msgspec.json.encode(claims))
        state = f"{body.decode()}.{self._tag(body)}"
        if len(state) > MAX_STATE_CHARS:
            raise McpError(INVALID_PARAMS, "The answers are too long")
        return state

    def open(
        self, state: str, principal: Principal, method: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The answers inside.

        Raises:
            McpError: -32602: forged, expired, another caller's, or another request's.
        """
        body, _, tag = state.partition(".")
        try:
            raw = body.encode("ascii")
            if len(state) > MAX_STATE_CHARS or not hmac.compare_digest(tag, self._tag(raw)):
                raise ValueError("signature")
            claims = msgspec.json.decode(base64.urlsafe_b64decode(raw), type=_Claims)
        except (ValueError, TypeError, binascii.Error, msgspec.DecodeError):
            raise McpError(INVALID_PARAMS, "requestState is not one of this server's") from None
        if claims.principal != principal.name or claims.request != _digest(method, params):
            raise McpError(INVALID_PARAMS, "requestState belongs to another request")
        if claims.expires < self._wall_clock():
            raise McpError(INVALID_PARAMS, "requestState has expired: send the request anew")
        return claims.answers

    def _tag(self, body: bytes) -> str:
        return hmac.digest(self._key, body, hashlib.sha256).hex()


def _digest(method: str, params: Mapping[str, Any]) -> str:
    """What identifies a request across its rounds: everything but the rounds' own members."""
    salient = {
        name: value
        for name, value in params.items()
        if name not in ("_meta", "inputResponses", "requestState")
    }
    encoded = msgspec.json.encode([method, salient], order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:32]
