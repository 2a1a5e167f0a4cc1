"""The table from the driver's errors to families."""

from pathlib import Path
from typing import Any

import pytest

from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.warehouse.credentials import CredentialUnusableError
from snowflake_mcp.warehouse.error_kinds import table
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
        (InternalServerError("x", 290401), Family.UNAVAILABLE, True, EXPIRED),
        (InternalServerError("x", 290403), Family.UNAVAILABLE, True, DISCARD),
        (InternalServerError("x", 580429), Family.UNAVAILABLE, True, DISCARD),
        (ProgrammingError("x", 709, "02000"), Family.MISSING_OBJECT, False, KEEP),
        (ProgrammingError("'UnknownIssuer'", 904, "42000"), Family.MISSING_OBJECT, False, KEEP),
        (ProgrammingError("x", 251007), Family.STATEMENT, False, KEEP),
        (OperationalError("x", 252005), Family.UNAVAILABLE, True, DISCARD),
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
        (InternalServerError("x", 540001, "08001"), Family.UNAVAILABLE),
        (InternalServerError("x", 290404), Family.UNAVAILABLE),
        (ProgrammingError("Unknown authenticator", 251007), Family.AUTH),
        (ProgrammingError("Password is empty", 251006), Family.AUTH),
        (ProgrammingError("no such connection", 7), Family.AUTH),
        (CredentialUnusableError("the private key is not one"), Family.UNAVAILABLE),
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


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SSLError(... CERTIFICATE_VERIFY_FAILED ...)", 250003),
        DatabaseError("client error: invalid peer certificate: UnknownIssuer", 250001),
        RuntimeError("[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer certificate"),
    ],
)
@pytest.mark.parametrize("phase", ["login", "statement"])
def test_a_certificate_that_is_not_trusted(error: Exception, phase: Phase) -> None:
    """Waiting does not help, so nobody is told to; both lines have a text only."""
    trouble = classify(error, phase)
    assert (trouble.family, trouble.retryable) == (Family.UNAVAILABLE, False)
    assert "certificate" in trouble.message


OWN = "Snowflake's own"


def rows() -> list[str]:
    """The table as docs/errors.md has to show it."""
    after = {
        SessionFate.KEEP: "kept",
        SessionFate.DISCARD: "closed",
        SessionFate.EXPIRED: "replaced, and the read tried once more",
    }
    return [
        f"| {rule.name} | `{rule.family.value}` | {'yes' if rule.retryable else 'no'} "
        f"| {rule.message or OWN} | {rule.hint} | {after[rule.fate]} "
        f"| {numbers} | {states} |"
        for rule, numbers, states in table()
    ]


def test_the_table_is_published() -> None:
    """docs/errors.md has every rule as the code has it, and no other."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "errors.md").read_text()
    shown = page.partition("## The table\n")[2].partition("\n## ")[0]
    assert [line for line in shown.splitlines() if line.startswith("| ")][1:] == rows()
