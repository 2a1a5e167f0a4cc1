"""Every setting as one frozen tree, with its unit in its name and its default in one place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final, final

__all__ = [
    "DEMO_CONNECTION",
    "Backend",
    "Config",
    "ConnectionSettings",
    "HttpSettings",
    "LimitSettings",
    "PoolSettings",
    "Secret",
    "WebSocketSettings",
]

DEMO_CONNECTION: Final = "demo"
"""The name of the one connection that the embedded demo warehouse answers."""


class Backend(Enum):
    """What answers the SQL: a real account, or the embedded demo warehouse."""

    SNOWFLAKE = "snowflake"
    DEMO = "demo"


@final
class Secret:
    """A value that never shows itself: ``str``, ``repr`` and format give ``***``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; call it only where the value leaves for Snowflake."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The listener and what it accepts over HTTP."""

    endpoints: tuple[str, ...] = ("tcp:8000:interface=127.0.0.1",)
    """Twisted endpoint strings; each serves HTTP and WebSocket alike."""
    allowed_hosts: tuple[str, ...] = ()
    """Host header values to accept beside the loopback names and the bound addresses."""
    allowed_origins: tuple[str, ...] = ()
    """Origin header values to accept beside the server's own loopback origins."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may read answers (CORS); each is also an allowed origin."""
    max_body_bytes: int = 1 << 20
    """A larger request body is answered 413."""
    idle_timeout_s: float = 15.0
    """A connection that sends nothing for so long between requests is closed."""
    stream_after_s: float = 15.0
    """A call without an answer for so long turns its response into an event stream."""
    keepalive_s: float = 15.0
    """Silence on an event stream after which a comment line is sent."""
    cancel_on_disconnect: bool = True
    """Handshake-era clients: stop the call when its HTTP request is dropped."""
    session_ttl_s: float = 86_400.0
    """Life of a handshake-era session id."""


@dataclass(frozen=True, slots=True)
class WebSocketSettings:
    """Limits of a WebSocket connection."""

    max_message_bytes: int = 1 << 20
    max_connections: int = 1_000
    ping_interval_s: float = 30.0
    ping_timeout_s: float = 30.0
    max_in_flight: int = 16
    """Requests a connection may have running; more are answered with an error."""
    max_unsent_bytes: int = 8 << 20
    """A client that lets more than this pile up unread is dropped."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Threads, sessions and statements towards Snowflake."""

    max_statements: int = 16
    """Statements running at once; each has a thread and a session while it runs."""
    max_waiting: int = 64
    """Calls that may wait for a place; more are answered "busy" at once."""
    max_wait_s: float = 30.0
    """A call that waited so long for a place is answered "busy"."""
    max_idle_sessions: int = 8
    idle_session_s: float = 600.0
    """An idle Snowflake session older than this is closed."""
    session_age_s: float = 3 * 3600.0
    """A Snowflake session older than this is closed when it comes back."""
    login_timeout_s: float = 30.0
    fetchers: int = 1
    """Threads that may decode results at once; more only add to reactor delay."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Bounds of every answer and of every wait."""

    statement_timeout_s: float = 300.0
    """A statement running longer is aborted in Snowflake."""
    default_rows: int = 100
    max_rows: int = 10_000
    max_result_bytes: int = 1 << 20
    """Bytes of rows (as JSON) in one answer."""
    max_cell_chars: int = 16_384
    """Longer text values are cut and say so."""
    max_sql_bytes: int = 65_536
    drain_s: float = 20.0
    """At stop: how long running requests may take to finish before they are aborted."""
    abort_s: float = 5.0
    """At stop: how long aborting and closing may take after the drain."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """How one Snowflake connection logs in."""

    name: str
    backend: Backend
    parameters: Mapping[str, str | int | bool | Secret] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Arguments of ``snowflake.connector.connect``: account, user, role, warehouse, ..."""
    origin: str = "built in"
    """Where the parameters came from, for messages and /status."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; built by ``config.load`` and never changed afterwards."""

    connection: ConnectionSettings
    http: HttpSettings = HttpSettings()
    websocket: WebSocketSettings = WebSocketSettings()
    pool: PoolSettings = PoolSettings()
    limits: LimitSettings = LimitSettings()

    @property
    def is_demo(self) -> bool:
        """Whether the embedded demo warehouse answers instead of a Snowflake account."""
        return self.connection.backend is Backend.DEMO
