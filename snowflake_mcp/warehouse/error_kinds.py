"""The table of what errors of Snowflake mean: kinds of errors, and the numbers of each."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from snowflake_mcp.protocol.errors import Family

__all__ = [
    "AUTH",
    "AUTH_ERRNOS",
    "BY_ERRNO",
    "BY_SQLSTATE",
    "CERTIFICATE",
    "CREDENTIAL",
    "DRIVER_TIMEOUT",
    "EXPIRED",
    "EXPIRED_CODES",
    "HTTP_ERRNOS",
    "NOT_ACCEPTED",
    "SEAT",
    "SEAT_ERRNOS",
    "SETTINGS",
    "SETTINGS_ERRNOS",
    "STATEMENT",
    "TIMED_OUT_ERRNO",
    "UNAUTHORIZED",
    "UNREACHABLE",
    "UNREACHABLE_ERRNOS",
    "Rule",
    "SessionFate",
    "table",
]


class SessionFate(Enum):
    """What a failure means for the session that it happened on."""

    KEEP = "keep"
    DISCARD = "discard"
    """Its state is in doubt: never lease it again."""
    EXPIRED = "expired"
    """Snowflake has ended it: discard it, and a read may be tried once on a new one."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind of error means; docs/errors.md shows all of them."""

    name: str
    """The kind in a few words, for the table in the docs."""
    family: Family
    hint: str
    """What the model is told to do."""
    retryable: bool = False
    message: str = ""
    """Ours instead of the driver's, where that names hosts, files or other internals."""
    fate: SessionFate = SessionFate.KEEP


SYNTAX = Rule(
    "SQL that Snowflake cannot compile",
    Family.SYNTAX,
    "Correct the SQL and call again; it must be Snowflake SQL.",
)
MISSING = Rule(
    "an object, column or function that is not there or not visible",
    Family.MISSING_OBJECT,
    "Check the name and its spelling (unquoted names are upper case), qualify it as "
    "DATABASE.SCHEMA.NAME, and list what exists with list_databases, list_schemas, list_tables "
    "or describe_table. The server's role may also lack the right to see it.",
)
FORBIDDEN = Rule(
    "a missing privilege",
    Family.FORBIDDEN,
    "The role of this server may not do that. Use other objects or ask an administrator for "
    "the grant; trying again does not help.",
)
CANCELLED = Rule(
    "a statement that was cancelled",
    Family.CANCELLED,
    "The statement was cancelled in Snowflake. Run it again if it is needed.",
)
TIMEOUT = Rule(
    "the statement's own time limit",
    Family.TIMEOUT,
    "Make the statement cheaper (filter, aggregate, sample) or raise its time limit.",
)
DRIVER_TIMEOUT = replace(
    TIMEOUT,
    name="the time limit of the connector",
    message="The statement did not end within the time limit of the server's connection.",
    fate=SessionFate.DISCARD,
)
LIMIT = Rule(
    "a limit on the size of statements or results",
    Family.LIMIT,
    "Make the statement smaller, or ask an administrator to raise the limit.",
)
CONTEXT = Rule(
    "a name without a current database or schema",
    Family.MISSING_OBJECT,
    "Pass `database` and `schema`, or qualify every name as DATABASE.SCHEMA.NAME.",
)
WAREHOUSE = Rule(
    "no virtual warehouse",
    Family.UNAVAILABLE,
    "The server's connection has no running virtual warehouse; its operator must set `warehouse` "
    "and grant USAGE on it to the server's role.",
)
ONE_STATEMENT = Rule("several statements at once", Family.REFUSED, "Send one statement per call.")
AUTH = Rule(
    "a refused login",
    Family.AUTH,
    "The server's own Snowflake credentials do not work. Trying again does not help; its operator "
    "must correct them.",
    message="Snowflake refused the login of this server.",
    fate=SessionFate.DISCARD,
)
EXPIRED = Rule(
    "an expired session",
    Family.UNAVAILABLE,
    "Call again: a new session will be opened.",
    retryable=True,
    message="The Snowflake session expired while the statement ran.",
    fate=SessionFate.EXPIRED,
)
NOT_ACCEPTED = Rule(
    "a submission without an answer that says why",
    Family.UNAVAILABLE,
    "Call again in a little while; a new session will be opened.",
    retryable=True,
    message="Snowflake did not accept the statement.",
    fate=SessionFate.EXPIRED,
)
UNREACHABLE = Rule(
    "the network, a proxy, or an answer that is none",
    Family.UNAVAILABLE,
    "Snowflake could not be reached. Wait a little and call again; if it goes on, the server's "
    "operator must check its network, account name and proxy settings.",
    retryable=True,
    message="Snowflake cannot be reached or did not answer properly.",
    fate=SessionFate.DISCARD,
)
CREDENTIAL = Rule(
    "a credential file that cannot be used",
    Family.UNAVAILABLE,
    "The operator of the server must look at the files that hold its Snowflake credentials; "
    "they are read again at the next login.",
    retryable=True,
    message="The server's Snowflake credentials cannot be read.",
    fate=SessionFate.DISCARD,
)
STATEMENT = Rule(
    "anything else that a statement meets",
    Family.STATEMENT,
    "Read the message, correct the statement and call again.",
)

NO_RESULT = Rule(
    "a result that is not there any more",
    Family.MISSING_OBJECT,
    "Snowflake keeps results for 24 hours; run the statement again.",
)
SETTINGS = Rule(
    "a connection that is not configured properly",
    Family.AUTH,
    "The server's own Snowflake connection is not configured properly. Trying again does not "
    "help; its operator must correct it.",
    message="The server cannot log in to Snowflake as it is configured.",
    fate=SessionFate.DISCARD,
)
SEAT = Rule(
    "a login with a role, warehouse or database that is not granted",
    Family.AUTH,
    "Trying again does not help; the server's operator must grant what this caller's settings "
    "name to the Snowflake user of the connection, or name something else.",
    message="Snowflake accepts the server's credentials, but not the role, warehouse or database "
    "that this caller's session is to have.",
    fate=SessionFate.DISCARD,
)
CERTIFICATE = Rule(
    "a TLS certificate that is not trusted",
    Family.UNAVAILABLE,
    "The server's operator must look at what stands between it and Snowflake (a proxy that opens "
    "TLS, a private link) and give the connector its certificate authority.",
    message="Snowflake's TLS certificate is not trusted by this server.",
    fate=SessionFate.DISCARD,
)

EXPIRED_CODES: Final = frozenset(
    {390104, 390110, 390111, 390112, 390113, 390114, 390115, 390195, 390400}
)

BY_ERRNO: Final[dict[int, Rule]] = {
    8: ONE_STATEMENT,
    601: CANCELLED,
    604: CANCELLED,
    606: WAREHOUSE,
    607: WAREHOUSE,
    608: WAREHOUSE,
    609: WAREHOUSE,
    610: WAREHOUSE,
    625: CANCELLED,
    630: TIMEOUT,
    639: CANCELLED,
    709: NO_RESULT,
    710: NO_RESULT,
    904: MISSING,
    1003: SYNTAX,
    1007: SYNTAX,
    2003: MISSING,
    2043: MISSING,
    2140: MISSING,
    2141: MISSING,
    3001: FORBIDDEN,
    3003: FORBIDDEN,
    3007: FORBIDDEN,
    90073: LIMIT,
    90105: CONTEXT,
    90106: CONTEXT,
    90109: CONTEXT,
    90232: LIMIT,
}

BY_SQLSTATE: Final[dict[str, Rule]] = {
    "0A000": SYNTAX,
    "02000": MISSING,
    "22000": STATEMENT,
    "28000": AUTH,
    "42000": SYNTAX,
    "42501": FORBIDDEN,
    "42601": SYNTAX,
    "42S02": MISSING,
    "42S22": MISSING,
    "57014": CANCELLED,
    "57P03": WAREHOUSE,
    "HYT00": UNREACHABLE,
}

UNREACHABLE_ERRNOS: Final = frozenset(
    {4, 6, 14, 250001, 250002, 250003, 250006, 251010, 251011, 251012, 252005}
)
"""4, 6 and 14 are kinds of the 5.x line: network, protocol, time; the rest are of both lines."""

SETTINGS_ERRNOS: Final = frozenset(
    {7, 251001, 251005, 251006, 251007, 251008, 251013, 251014, 251015, 251016, 251017}
)
"""Before anything is sent: of the connector itself, about what it was given. Logins only."""

SEAT_ERRNOS: Final = frozenset({390186, 390189, 390201})
"""A role that is not granted, or there is none; the same of a warehouse or database."""
AUTH_ERRNOS: Final = range(390_000, 400_000)
UNAUTHORIZED: Final = 290_401
HTTP_ERRNOS: Final = (290_000, 540_000, 580_000)
"""The 4.8 line numbers HTTP failures 290000 + status, and 540000 or 580000 + status for those
that it would have tried again."""


TIMED_OUT_ERRNO: Final = 14

RULES: Final = (
    SYNTAX,
    MISSING,
    CONTEXT,
    NO_RESULT,
    FORBIDDEN,
    ONE_STATEMENT,
    LIMIT,
    CANCELLED,
    TIMEOUT,
    DRIVER_TIMEOUT,
    STATEMENT,
    WAREHOUSE,
    EXPIRED,
    NOT_ACCEPTED,
    UNREACHABLE,
    CERTIFICATE,
    CREDENTIAL,
    SETTINGS,
    SEAT,
    AUTH,
)


def table() -> list[tuple[Rule, str, str]]:
    """Every rule with its numbers and its SQL states, as docs/errors.md shows them."""
    numbers: dict[Rule, list[str]] = {rule: [] for rule in RULES}
    for errno, rule in BY_ERRNO.items():
        numbers[rule].append(f"{errno:06d}")
    for rule, errnos in (
        (EXPIRED, {*EXPIRED_CODES, UNAUTHORIZED}),
        (UNREACHABLE, UNREACHABLE_ERRNOS),
        (SETTINGS, SETTINGS_ERRNOS),
        (SEAT, SEAT_ERRNOS),
        (DRIVER_TIMEOUT, {TIMED_OUT_ERRNO}),
    ):
        numbers[rule] += [str(errno) for errno in sorted(errnos)]
    numbers[AUTH].append(f"{AUTH_ERRNOS.start}..{AUTH_ERRNOS.stop - 1}")
    numbers[UNREACHABLE] += [f"{base} + HTTP status" for base in HTTP_ERRNOS]
    states: dict[Rule, list[str]] = {rule: [] for rule in RULES}
    for state, rule in BY_SQLSTATE.items():
        states[rule].append(state)
    states[UNREACHABLE].append("08...")
    return [(rule, ", ".join(numbers[rule]), ", ".join(states[rule])) for rule in RULES]
