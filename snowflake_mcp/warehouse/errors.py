"""The one table from the driver's errors to what a caller is told and what becomes of a session.

Both connector lines are covered, and so are the exceptions that escape them although they are
no DB-API errors. Numbers decide first, then SQLSTATE, then the class.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Literal

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.credentials import CredentialUnusableError

__all__ = ["NotAcceptedError", "Phase", "SessionFate", "Trouble", "classify"]

Phase = Literal["login", "statement"]

_MAX_MESSAGE_CHARS: Final = 2_000


class NotAcceptedError(Exception):
    """A submission came back without a query id, and the driver hides Snowflake's reason.

    That is how 5 reports a session that Snowflake has ended, and a broken answer.
    """


class SessionFate(Enum):
    """What a failure means for the session that it happened on."""

    KEEP = "keep"
    DISCARD = "discard"
    """Its state is in doubt: never lease it again."""
    EXPIRED = "expired"
    """Snowflake has ended it: discard it, and a read may be tried once on a new one."""


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


@dataclass(frozen=True, slots=True)
class _Rule:
    family: Family
    hint: str
    retryable: bool = False
    message: str = ""
    """Ours instead of the driver's, where that names hosts, files or other internals."""
    fate: SessionFate = SessionFate.KEEP


_SYNTAX = _Rule(Family.SYNTAX, "Correct the SQL and call again; it must be Snowflake SQL.")
_MISSING = _Rule(
    Family.MISSING_OBJECT,
    "Check the name and its spelling (unquoted names are upper case), qualify it as "
    "DATABASE.SCHEMA.NAME, and list what exists with list_databases, list_schemas, list_tables "
    "or describe_table. The server's role may also lack the right to see it.",
)
_FORBIDDEN = _Rule(
    Family.FORBIDDEN,
    "The role of this server may not do that. Use other objects or ask an administrator for "
    "the grant; trying again does not help.",
)
_CANCELLED = _Rule(
    Family.CANCELLED, "The statement was cancelled in Snowflake. Run it again if it is needed."
)
_TIMEOUT = _Rule(
    Family.TIMEOUT,
    "Make the statement cheaper (filter, aggregate, sample) or raise its time limit.",
)
_DRIVER_TIMEOUT = replace(
    _TIMEOUT,
    message="The statement did not end within the time limit of the server's connection.",
    fate=SessionFate.DISCARD,
)
_LIMIT = _Rule(
    Family.LIMIT, "Make the statement smaller, or ask an administrator to raise the limit."
)
_CONTEXT = _Rule(
    Family.MISSING_OBJECT,
    "Pass `database` and `schema`, or qualify every name as DATABASE.SCHEMA.NAME.",
)
_WAREHOUSE = _Rule(
    Family.UNAVAILABLE,
    "The server's connection has no running virtual warehouse; its operator must set `warehouse` "
    "and grant USAGE on it to the server's role.",
)
_ONE_STATEMENT = _Rule(Family.REFUSED, "Send one statement per call.")
_AUTH = _Rule(
    Family.AUTH,
    "The server's own Snowflake credentials do not work. Trying again does not help; its operator "
    "must correct them.",
    message="Snowflake refused the login of this server.",
    fate=SessionFate.DISCARD,
)
_EXPIRED = _Rule(
    Family.UNAVAILABLE,
    "Call again: a new session will be opened.",
    retryable=True,
    message="The Snowflake session expired while the statement ran.",
    fate=SessionFate.EXPIRED,
)
_NOT_ACCEPTED = _Rule(
    Family.UNAVAILABLE,
    "Call again in a little while; a new session will be opened.",
    retryable=True,
    message="Snowflake did not accept the statement.",
    fate=SessionFate.EXPIRED,
)
_UNREACHABLE = _Rule(
    Family.UNAVAILABLE,
    "Snowflake could not be reached. Wait a little and call again; if it goes on, the server's "
    "operator must check its network, account name and proxy settings.",
    retryable=True,
    message="Snowflake cannot be reached or did not answer properly.",
    fate=SessionFate.DISCARD,
)
_CREDENTIAL = _Rule(
    Family.UNAVAILABLE,
    "The operator of the server must look at the files that hold its Snowflake credentials; "
    "they are read again at the next login.",
    retryable=True,
    message="The server's Snowflake credentials cannot be read.",
    fate=SessionFate.DISCARD,
)
_STATEMENT = _Rule(Family.STATEMENT, "Read the message, correct the statement and call again.")

_EXPIRED_CODES: Final = frozenset(
    {390104, 390110, 390111, 390112, 390113, 390114, 390115, 390195, 390400}
)

_BY_ERRNO: Final[dict[int, _Rule]] = {
    8: _ONE_STATEMENT,
    601: _CANCELLED,
    604: _CANCELLED,
    606: _WAREHOUSE,
    607: _WAREHOUSE,
    608: _WAREHOUSE,
    609: _WAREHOUSE,
    610: _WAREHOUSE,
    625: _CANCELLED,
    630: _TIMEOUT,
    639: _CANCELLED,
    709: _Rule(
        Family.MISSING_OBJECT,
        "Snowflake keeps results for 24 hours; run the statement again.",
    ),
    904: _MISSING,
    1003: _SYNTAX,
    1007: _SYNTAX,
    2003: _MISSING,
    2043: _MISSING,
    2140: _MISSING,
    2141: _MISSING,
    3001: _FORBIDDEN,
    3003: _FORBIDDEN,
    3007: _FORBIDDEN,
    90073: _LIMIT,
    90105: _CONTEXT,
    90106: _CONTEXT,
    90109: _CONTEXT,
    90232: _LIMIT,
    290401: _AUTH,
    290403: _UNREACHABLE,
    394400: _AUTH,
    540001: _UNREACHABLE,
}

_BY_SQLSTATE: Final[dict[str, _Rule]] = {
    "0A000": _SYNTAX,
    "02000": _MISSING,
    "22000": _STATEMENT,
    "28000": _AUTH,
    "42000": _SYNTAX,
    "42501": _FORBIDDEN,
    "42601": _SYNTAX,
    "42S02": _MISSING,
    "42S22": _MISSING,
    "57014": _CANCELLED,
    "57P03": _WAREHOUSE,
    "HYT00": _UNREACHABLE,
}

_UNREACHABLE_ERRNOS: Final = frozenset({4, 6, 14, 250001, 250002, 250003, 250006, 251011, 252005})
"""4, 6 and 14 are kinds of the 5.x line: network, protocol, time; the rest are of both lines."""

_TIMED_OUT_ERRNO: Final = 14

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


def _rule(error: BaseException, phase: Phase, errno: int | None, sqlstate: str | None) -> _Rule:
    if isinstance(error, NotAcceptedError):
        return _NOT_ACCEPTED
    if isinstance(error, CredentialUnusableError):
        return _CREDENTIAL
    if errno in _EXPIRED_CODES:
        return _AUTH if phase == "login" else _EXPIRED
    if errno is not None and (390000 <= errno < 400000):
        return _AUTH
    if errno == _TIMED_OUT_ERRNO and phase == "statement":
        return _DRIVER_TIMEOUT
    if errno in _UNREACHABLE_ERRNOS or (errno is not None and _is_http(errno)):
        return _BY_ERRNO.get(errno, _UNREACHABLE) if errno else _UNREACHABLE
    if errno in _BY_ERRNO:
        return _BY_ERRNO[errno]
    if sqlstate is not None and sqlstate in _BY_SQLSTATE:
        return _BY_SQLSTATE[sqlstate]
    if sqlstate is not None and sqlstate.startswith("08"):
        return _UNREACHABLE
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if phase == "login" or not kinds & _DB_API:
        # Vendored requests, urllib3, ssl and socket errors leak from 4.8.
        return _UNREACHABLE
    return _STATEMENT


def _is_http(errno: int) -> bool:
    # The 4.8 line numbers HTTP failures 290000 + status, and 540000 or 580000 + status
    # for those that it would have tried again.
    return any(base < errno < base + 1_000 for base in (290_000, 540_000, 580_000))


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
