"""Opening and closing sessions: the one place that knows how each connector line is told to."""

import atexit
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from snowflake_mcp.warehouse.identifiers import quote

__all__ = ["Bounds", "Line", "arguments", "close", "connector_line", "is_alive", "open_session"]

Line = Literal["4.8", "5"]

_APPLICATION: Final = "snowflake_mcp"
"""Shown for each session in Snowflake; dashes are not allowed in it."""
_CONNECT_S: Final = 10
_REQUEST_S: Final = 60
"""One HTTP request; above the 45 s for which Snowflake holds a long poll."""
_RETRY_S: Final = 20
"""4.8 repeats a failed request for so long; it counts no attempts."""
_LOGOUT_S: Final = 3
_PLAIN_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_$]*")
_SESSION_PARAMETERS: Final[Mapping[str, object]] = {
    # Without it the account's default counts, and an account may allow many statements.
    "MULTI_STATEMENT_COUNT": 1,
    # A write that stayed open would lock its table until the pooled session ends.
    "AUTOCOMMIT": True,
    "CLIENT_TELEMETRY_ENABLED": False,
    # A statement whose server process was killed ends by itself instead of running on unseen.
    "ABORT_DETACHED_QUERY": True,
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The time limits of one connection, in seconds."""

    login_s: float
    statement_s: float
    """No statement on the connection is meant to run longer."""


@cache
def connector_line() -> Line:
    """Which line of snowflake-connector-python is installed; its first call imports it."""
    # The driver asks cloud metadata addresses who it is, which costs seconds where they do not
    # answer; both lines read the switch when they are imported or connect.
    os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
    from snowflake.connector import __version__

    return "4.8" if str(__version__).startswith("4.") else "5"


def arguments(
    line: Line,
    parameters: Mapping[str, object],
    bounds: Bounds,
    database: str | None = None,
    schema: str | None = None,
) -> dict[str, Any]:
    """The full keyword arguments of ``connect``: the configured ones, ours on top.

    ``database`` and ``schema`` are raw names as the user means them; they replace the
    configured ones. Time limits are always set, because both lines have places without one.
    """
    chosen: dict[str, Any] = dict(parameters)
    configured = chosen.pop("session_parameters", None)
    session = dict(configured) if isinstance(configured, Mapping) else {}
    chosen.setdefault("application", _APPLICATION)
    if database is not None:
        chosen["database"] = _as_identifier(database)
        chosen.pop("schema", None)
    if schema is not None:
        chosen["schema"] = _as_identifier(schema)
    chosen |= {
        "session_parameters": {**session, **_SESSION_PARAMETERS},
        "arrow_number_to_decimal": True,
        "client_session_keep_alive": False,
        "login_timeout": math.ceil(bounds.login_s),
        # All of a user's roles at once would undo a read-only role.
        "secondary_roles": "NONE",
    }
    if line == "5":
        chosen |= {
            "auto_cleanup": False,
            "connect_timeout": min(_CONNECT_S, math.ceil(bounds.login_s)),
            "enable_server_session_keep_alive_auto_detection": False,
            "logout_max_attempts": 1,
            "logout_total_timeout_seconds": _LOGOUT_S,
            "query_timeout": math.ceil(bounds.statement_s) + _REQUEST_S,
            "request_timeout": _REQUEST_S,
            "retry_backoff_cap_ms": 2_000,
            "retry_max_attempts": 4,
            "retry_timeout": _REQUEST_S,
        }
        chosen.pop("network_timeout", None)
        chosen.pop("socket_timeout", None)
    else:
        chosen |= {
            "network_timeout": _RETRY_S,
            "socket_timeout": _REQUEST_S - 5,
        }
    return chosen


def open_session(
    parameters: Mapping[str, object],
    bounds: Bounds,
    database: str | None = None,
    schema: str | None = None,
) -> Any:
    """Log in and return the driver's connection; blocks, worker threads only.

    Raises:
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    line = connector_line()
    import snowflake.connector

    connection: Any = snowflake.connector.connect(
        **arguments(line, parameters, bounds, database, schema)
    )
    if line == "4.8":
        # Its exit hook logs out over the network with no limit; the pool closes its sessions.
        atexit.unregister(connection._close_at_exit)  # noqa: SLF001 - 5 has auto_cleanup for it
    return connection


def close(connection: Any) -> None:
    """Log out and drop the connection; blocks some seconds at most, worker threads only.

    Raises:
        Exception: whatever the driver raises; the connection is of no use either way.
    """
    if connector_line() == "4.8":
        # Otherwise close() asks Snowflake for the state of each statement that ever ran on it.
        connection._async_sfqids.clear()  # noqa: SLF001 - no public way to forget them
    connection.close(retry=False)


def is_alive(connection: Any) -> bool:
    """Whether Snowflake still knows the session; one heartbeat, no warehouse is woken.

    Blocks; worker threads only.
    """
    return bool(connection.is_valid())


def _as_identifier(name: str) -> str:
    # The server reads these like names in SQL: what is no plain upper-case name needs quotes.
    return name if _PLAIN_NAME.fullmatch(name) else quote(name)
