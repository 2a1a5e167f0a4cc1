"""Opening and closing sessions: the one place that knows how each connector line is told to."""

import atexit
import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from snowflake_mcp.config.authentication import METHODS, method_of
from snowflake_mcp.warehouse.credentials import revealed
from snowflake_mcp.warehouse.identifiers import quote

__all__ = [
    "Bounds",
    "Line",
    "arguments",
    "close",
    "connector_line",
    "is_alive",
    "open_session",
    "rest_pass",
]

Line = Literal["4.8", "5"]

_APPLICATION: Final = "snowflake_mcp"
"""Shown for each session in Snowflake; dashes are not allowed in it."""
_CONNECT_S: Final = 10
_REQUEST_S: Final = 55
"""One HTTP request; above the 45 s for which Snowflake holds a long poll."""
_RENEWED_S: Final = 10.0
"""A token that is refused so soon after it was renewed is not renewed again."""
_RETRY_S: Final = 20
"""4.8 repeats a failed request for so long; it counts no attempts."""
_LOGOUT_S: Final = 3
_PERSON_S: Final = 120
"""How long a person may take in a browser or at a telephone, unless the connection says it."""
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
    # Arrow's own pool keeps what it was given for each thread that used it, beside what malloc
    # keeps: 30 MB more after some large results, and no faster. Read when pyarrow is imported.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from snowflake.connector import __version__

    return "4.8" if str(__version__).startswith("4.") else "5"


def arguments(
    line: Line,
    parameters: Mapping[str, object],
    bounds: Bounds,
    database: str | None = None,
    schema: str | None = None,
    role: str | None = None,
    warehouse: str | None = None,
) -> dict[str, Any]:
    """The full keyword arguments of ``connect``: the configured ones, ours on top.

    ``database``, ``schema``, ``role`` and ``warehouse`` are raw names as the user means them;
    they replace the configured ones. Time limits are always set, because both lines have places
    without one.
    """
    chosen: dict[str, Any] = dict(parameters)
    configured = chosen.pop("session_parameters", None)
    session = dict(configured) if isinstance(configured, Mapping) else {}
    chosen.setdefault("application", _APPLICATION)
    login_s = _authentication(line, chosen, bounds.login_s)
    if database is not None:
        chosen["database"] = _as_identifier(database)
        chosen.pop("schema", None)
    if schema is not None:
        chosen["schema"] = _as_identifier(schema)
    if role is not None:
        chosen["role"] = _as_identifier(role)
    if warehouse is not None:
        chosen["warehouse"] = _as_identifier(warehouse)
    chosen |= {
        "session_parameters": {**session, **_SESSION_PARAMETERS},
        "arrow_number_to_decimal": True,
        "client_session_keep_alive": False,
        "login_timeout": login_s,
        # All of a user's roles at once would undo a read-only role.
        "secondary_roles": "NONE",
    }
    if line == "5":
        chosen |= {
            "auto_cleanup": False,
            "connect_timeout": min(_CONNECT_S, login_s),
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
            # During the login it is what really bounds a server that does not answer; later on
            # it must be longer than a long poll.
            "socket_timeout": min(_REQUEST_S, login_s),
        }
    return chosen


def _authentication(line: Line, chosen: dict[str, Any], login_s: float) -> int:
    """Say the method in the words of the line; returns the seconds that a login may take."""
    method = METHODS.get(method_of(str(chosen.get("authenticator", ""))) or "")
    asks_somebody = method is not None and method.asks_somebody
    if asks_somebody:
        login_s = max(login_s, int(chosen.get("external_browser_timeout", _PERSON_S)))
    # A pool logs in more than once: without the stored token each session would ask a person.
    store = chosen.pop("client_store_temporary_credential", asks_somebody)
    mfa = chosen.pop("client_request_mfa_token", asks_somebody)
    path = chosen.pop("workload_identity_impersonation_path", None)
    if line == "5":
        is_mfa = str(chosen.get("authenticator", "")).lower() == "username_password_mfa"
        chosen["client_store_temporary_credential"] = bool(mfa if is_mfa else store)
        chosen.pop("oauth_enable_refresh_tokens", None)
        chosen["authentication_timeout"] = math.ceil(
            chosen.pop("external_browser_timeout", login_s)
        )
        if path:
            chosen["workload_identity_impersonation_path"] = path
    else:
        chosen["client_store_temporary_credential"] = bool(store)
        chosen["client_request_mfa_token"] = bool(mfa)
        chosen.pop("custom_root_store_path", None)
        chosen.pop("okta_username", None)
        if path:
            chosen["workload_identity_impersonation_path"] = [
                each.strip() for each in str(path).split(",")
            ]
        if "proxy_port" in chosen:
            chosen["proxy_port"] = str(chosen["proxy_port"])
    return math.ceil(login_s)


def open_session(
    parameters: Mapping[str, object],
    bounds: Bounds,
    database: str | None = None,
    schema: str | None = None,
    role: str | None = None,
    warehouse: str | None = None,
) -> Any:
    """Log in and return the driver's connection; blocks, worker threads only.

    Raises:
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    line = connector_line()
    import snowflake.connector

    connection: Any = snowflake.connector.connect(
        **arguments(line, revealed(parameters), bounds, database, schema, role, warehouse)
    )
    if line == "4.8":
        # Its exit hook logs out over the network with no limit; the pool closes its sessions.
        atexit.unregister(connection._close_at_exit)  # noqa: SLF001 - 5 has auto_cleanup for it
        _renew_once(connection)
        connection._socket_timeout = _REQUEST_S  # noqa: SLF001 - there is no other way, see below
    # The session's CLIENT_TELEMETRY_ENABLED is off already, but 5 asks its core for that at every
    # public call, which is a twentieth of its work for a small statement.
    connection.telemetry_enabled = False
    return connection


def _renew_once(connection: Any) -> None:
    # Told that its token has expired, 4.8 renews it and asks again, for ever when the answer
    # stays the same: a heartbeat or a statement would never come back.
    rest = connection.rest
    renew = rest._renew_session  # noqa: SLF001 - see above
    renewed_at = -math.inf

    def renew_once() -> Any:
        nonlocal renewed_at
        if time.monotonic() - renewed_at < _RENEWED_S:
            from snowflake.connector.errors import OperationalError

            raise OperationalError(msg="the renewed session is not accepted", errno=390112)
        renewed_at = time.monotonic()
        return renew()

    rest._renew_session = renew_once  # noqa: SLF001 - see above


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


def rest_pass(connection: Any) -> tuple[str, str]:
    """The account's URL and the session's token, for Snowflake's REST interfaces.

    The token stands for the login whatever its method was, and has the session's role and
    warehouse. Reads what the connector knows; worker threads only. Do not log the result.
    """
    if connector_line() == "5":
        # ``rest`` says the same, and warns at each use that it may go.
        known = connection._get_connection_info()  # noqa: SLF001 - see above
        return str(known.server_url), str(known.session_token)
    rest = connection.rest
    return str(rest.server_url), str(rest.token)


def _as_identifier(name: str) -> str:
    # The server reads these like names in SQL: what is no plain upper-case name needs quotes.
    return name if _PLAIN_NAME.fullmatch(name) else quote(name)
