"""The table from the driver's errors to families."""

from typing import Any

import pytest

from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.warehouse.errors import NotAcceptedError, Phase, SessionFate, classify


class Error(Exception):
    """As the connector's base class looks."""

    def __init__(self, message: str = "m", errno: int = -1, sqlstate: str | None = None) -> None:
        super().__init__(f"{errno:06d} ({sqlstate}): {message} (sfqid=abc)")
        self.raw_msg, self.errno, self.sqlstate = message, errno, sqlstate


class DatabaseError(Error):
    pass


class ProgrammingError(DatabaseError):
    pass


class OperationalError(DatabaseError):
    pass


class InternalServerError(Error):
    pass


class ReauthenticationRequest(Exception):
    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


KEEP, DISCARD, EXPIRED = SessionFate.KEEP, SessionFate.DISCARD, SessionFate.EXPIRED


@pytest.mark.parametrize(
    ("error", "family", "retryable", "fate"),
    [
        (ProgrammingError("x", 1003, "42000"), Family.SYNTAX, False, KEEP),
        (ProgrammingError("x", 904, "42000"), Family.MISSING_OBJECT, False, KEEP),
        (ProgrammingError("x", 2003, "42S02"), Family.MISSING_OBJECT, False, KEEP),
        (ProgrammingError("x", 90105, "22000"), Family.MISSING_OBJECT, False, KEEP),
        (ProgrammingError("x", 3001, "42501"), Family.FORBIDDEN, False, KEEP),
        (ProgrammingError("x", 604, "57014"), Family.CANCELLED, False, KEEP),
        (ProgrammingError("x", 630, "57014"), Family.TIMEOUT, False, KEEP),
        (ProgrammingError("x", 606, "57P03"), Family.UNAVAILABLE, False, KEEP),
        (ProgrammingError("x", 90073, "22000"), Family.LIMIT, False, KEEP),
        (ProgrammingError("x", 8, "0A000"), Family.REFUSED, False, KEEP),
        (ProgrammingError("x", 100035, "22007"), Family.STATEMENT, False, KEEP),
        (ProgrammingError("x", 999999, "42601"), Family.SYNTAX, False, KEEP),
        (ProgrammingError("x", 390112), Family.UNAVAILABLE, True, EXPIRED),
        (ProgrammingError("x", 390114), Family.UNAVAILABLE, True, EXPIRED),
        (ReauthenticationRequest(ProgrammingError("x", 390195)), Family.UNAVAILABLE, True, EXPIRED),
        (NotAcceptedError(), Family.UNAVAILABLE, True, EXPIRED),
        (DatabaseError("x", 390422), Family.AUTH, False, DISCARD),
        (OperationalError("x", 250003), Family.UNAVAILABLE, True, DISCARD),
        (OperationalError("x", 4), Family.UNAVAILABLE, True, DISCARD),
        (OperationalError("x", 14, "HYT00"), Family.TIMEOUT, False, DISCARD),
        (InternalServerError("x", 580500), Family.UNAVAILABLE, True, DISCARD),
        (InternalServerError("x", 290404), Family.UNAVAILABLE, True, DISCARD),
        (InternalServerError("x", 290401), Family.AUTH, False, DISCARD),
        (ConnectionResetError("reset"), Family.UNAVAILABLE, True, DISCARD),
        (RuntimeError("vendored requests"), Family.UNAVAILABLE, True, DISCARD),
    ],
)
def test_errors_of_a_statement(
    error: Exception, family: Family, retryable: bool, fate: SessionFate
) -> None:
    """Number first, then SQLSTATE, then class; what is no DB-API error is the line's fault."""
    trouble = classify(error, "statement")
    assert (trouble.family, trouble.retryable, trouble.fate) == (family, retryable, fate)
    assert trouble.hint


@pytest.mark.parametrize(
    ("error", "family"),
    [
        (DatabaseError("x", 390100, "08001"), Family.AUTH),
        (DatabaseError("x", 390144, "08001"), Family.AUTH),
        (DatabaseError("x", 394400, "08001"), Family.AUTH),
        (DatabaseError("x", 390195, "08001"), Family.AUTH),
        (ReauthenticationRequest(ProgrammingError("x", 390195)), Family.AUTH),
        (DatabaseError("x", 250001, "08001"), Family.UNAVAILABLE),
        (OperationalError("x", 14, "HYT00"), Family.UNAVAILABLE),
        (InternalServerError("x", 290401), Family.AUTH),
        (TimeoutError(), Family.UNAVAILABLE),
    ],
)
def test_errors_of_a_login(error: Exception, family: Family) -> None:
    """While logging in every 390... is a refusal, and everything unknown is the line's fault."""
    assert classify(error, "login").family is family


@pytest.mark.parametrize("phase", ["login", "statement"])
def test_messages_name_no_hosts(phase: Phase) -> None:
    """What the driver says of networks and logins stays with the operator."""
    for errno in (250001, 390100, 4):
        told = classify(OperationalError("https://acme.snowflakecomputing.com", errno), phase)
        assert "acme" not in told.message


def test_the_message_is_snowflakes_own_text() -> None:
    """Number, state and ids around it are removed; very long texts are cut."""
    assert classify(ProgrammingError("no such table", 2003), "statement").message == "no such table"
    long = classify(ProgrammingError("x" * 5_000, 1003), "statement").message
    assert len(long) < 2_010
    plain: Any = ProgrammingError("unused", 1003, "42000")
    plain.raw_msg = None
    plain.args = ("001003 (42000): syntax error (request_id=1, sfqid=2)",)
    assert classify(plain, "statement").message == "syntax error"


def test_details_hold_what_is_known() -> None:
    """Absent facts are absent, so that programs can tell."""
    failure = classify(ProgrammingError("x", 1003, "42000"), "statement").failure("q1")
    assert failure.details == {"query_id": "q1", "errno": 1003, "sqlstate": "42000"}
    assert classify(TimeoutError(), "login").failure().details == {}
