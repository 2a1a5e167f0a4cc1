"""From the driver's errors to what a caller is told and what becomes of a session.

Both connector lines are covered, and so are the exceptions that escape them although they are
no DB-API errors. Numbers decide first, then SQLSTATE, then the class.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse import error_kinds as kinds
from snowflake_mcp.warehouse.credentials import CredentialUnusableError
from snowflake_mcp.warehouse.error_kinds import Rule, SessionFate

__all__ = ["NotAcceptedError", "Phase", "SessionFate", "Trouble", "classify"]

Phase = Literal["login", "statement"]

_MAX_MESSAGE_CHARS: Final = 2_000


class NotAcceptedError(Exception):
    """A submission came back without a query id, and the driver hides Snowflake's reason.

    That is how 5 reports a session that Snowflake has ended, and a broken answer.
    """


@dataclass(frozen=True, slots=True)
class Trouble:
    """A driver's exception, understood."""

    family: Family
    message: str
    hint: str
    retryable: bool
    fate: SessionFate
    errno: int | None = None
    sqlstate: str | None = None

    def failure(self, query_id: str | None = None) -> ToolFailure:
        """The failure for the caller; absent facts are left out of its details."""
        facts = {"query_id": query_id, "errno": self.errno, "sqlstate": self.sqlstate}
        return ToolFailure(
            self.family,
            self.message,
            self.hint,
            retryable=self.retryable,
            details={name: fact for name, fact in facts.items() if fact is not None},
        )


_UNTRUSTED: Final = re.compile(
    r"UnknownIssuer|CERTIFICATE_VERIFY_FAILED|invalid peer certificate|NotValidForName"
)
"""How the lines word it; on 5 it has no number of its own."""

_DB_API: Final = frozenset(
    {"ProgrammingError", "IntegrityError", "DataError", "NotSupportedError", "DatabaseError"}
)
_IDS = re.compile(r"\s*\((?:request_id|sfqid)=[^)]*\)\s*$")
_PREFIX = re.compile(r"^(?:\d{6}|------)(?: \([0-9A-Z]{5}\))?:\s*")


def classify(error: BaseException, phase: Phase) -> Trouble:
    """Say what a driver's exception means; never raises, blocks or keeps the exception.

    ``phase`` tells a refused login from the same number later on, where it means that the
    session has ended.
    """
    errno = getattr(error, "errno", None)
    errno = errno if isinstance(errno, int) and errno > 0 else _leaked_code(error)
    sqlstate = getattr(error, "sqlstate", None)
    sqlstate = sqlstate if isinstance(sqlstate, str) and sqlstate else None
    rule = _rule(error, phase, errno, sqlstate)
    message = rule.message or _text(error) or rule.hint
    return Trouble(
        family=rule.family,
        message=message,
        hint=rule.hint,
        retryable=rule.retryable,
        fate=rule.fate,
        errno=errno,
        sqlstate=sqlstate,
    )


def _rule(error: BaseException, phase: Phase, errno: int | None, sqlstate: str | None) -> Rule:
    if isinstance(error, NotAcceptedError):
        return kinds.NOT_ACCEPTED
    if isinstance(error, CredentialUnusableError):
        return kinds.CREDENTIAL
    if errno in kinds.EXPIRED_CODES or errno == kinds.UNAUTHORIZED:
        return kinds.AUTH if phase == "login" else kinds.EXPIRED
    if errno in kinds.AUTH_ERRNOS:
        return kinds.SEAT if errno in kinds.SEAT_ERRNOS else kinds.AUTH
    if errno == kinds.TIMED_OUT_ERRNO and phase == "statement":
        return kinds.DRIVER_TIMEOUT
    unreachable = errno in kinds.UNREACHABLE_ERRNOS or _is_http(errno)
    # Vendored requests, urllib3, ssl and socket errors leak from 4.8.
    leaked = not {kind.__name__ for kind in type(error).__mro__} & _DB_API
    # The text of a statement's own error may quote anything.
    if (unreachable or leaked or phase == "login") and _UNTRUSTED.search(str(error)):
        return kinds.CERTIFICATE
    if unreachable:
        return kinds.UNREACHABLE
    if phase == "login" and errno in kinds.SETTINGS_ERRNOS:
        return kinds.SETTINGS
    if errno in kinds.BY_ERRNO:
        return kinds.BY_ERRNO[errno]
    if sqlstate is not None and sqlstate in kinds.BY_SQLSTATE:
        return kinds.BY_SQLSTATE[sqlstate]
    if sqlstate is not None and sqlstate.startswith("08"):
        return kinds.UNREACHABLE
    if phase == "login" or leaked:
        return kinds.UNREACHABLE
    return kinds.STATEMENT


def _is_http(errno: int | None) -> bool:
    return errno is not None and any(base < errno < base + 1_000 for base in kinds.HTTP_ERRNOS)


def _leaked_code(error: BaseException) -> int | None:
    # 4.8 lets network.ReauthenticationRequest out, a plain Exception around the real error.
    cause: Any = getattr(error, "cause", None)
    errno = getattr(cause, "errno", None)
    if isinstance(errno, int) and errno > 0:
        return errno
    return 390195 if type(error).__name__ == "ReauthenticationRequest" else None


def _text(error: BaseException) -> str:
    raw = getattr(error, "raw_msg", None) or getattr(error, "msg", None) or str(error)
    text = _PREFIX.sub("", _IDS.sub("", str(raw))).strip()
    if len(text) > _MAX_MESSAGE_CHARS:
        text = text[:_MAX_MESSAGE_CHARS] + " ..."
    return text
